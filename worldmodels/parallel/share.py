"""A fair share of the jobs: no process may hold more at once than it would get if all were dealt out evenly."""


class Share:
    """An iterator of jobs for one process, from a queue that others take from too.

    It gives None ("nothing for now") while the process holds `limit` jobs that it has not finished: otherwise one with
    many slots would start everything, and leave the others without any. finished() says that one is done.
    """

    def __init__(self, jobs, limit):
        self.jobs, self.limit, self.held = iter(jobs), limit, 0

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


def even_share(jobs, processes):
    """The limit for `jobs` jobs over so many processes."""
    return -(-jobs // processes)
