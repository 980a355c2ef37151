"""One process's share of the jobs, and of telling how far they are."""

import time

TELL_SECONDS = 1  # from one word on the frames played to the next


class Share:
    """An iterator of jobs for one process, from a queue that others take from too.

    It gives None ("nothing for now") while the process holds `limit` jobs that it has not finished: otherwise one with
    many slots would start everything, and leave the others without any. finished() says that one is done.
    advanced(frames) says that all of them together have gone on by so many frames; now and then that is told to
    tell(frames), where somebody counts them.
    """

    def __init__(self, jobs, limit, tell=None):
        self.jobs, self.limit, self.held = iter(jobs), limit, 0
        self.tell, self.frames, self.told = tell, 0, time.monotonic()

    def __iter__(self):
        return self

    def __next__(self):
        if self.held >= self.limit:
            return None
        job = next(self.jobs)
        self.held += 1
        return job

    def finished(self):
        self.held -= 1

    def advanced(self, frames):
        self.frames += frames
        if self.tell and time.monotonic() - self.told > TELL_SECONDS:
            self.tell(self.frames)
            self.frames, self.told = 0, time.monotonic()


def even_share(jobs, processes):
    """The limit for `jobs` jobs over so many processes."""
    return -(-jobs // processes)
