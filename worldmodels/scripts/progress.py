"""How far episodes are that are played side by side: counted in frames, since they all end at about the same time."""

import sys
import time

from tqdm import tqdm

LINE_SECONDS = 60  # from one line to the next where there is no bar


def say(line):
    """Print a line, above a progress bar if there is one."""
    tqdm.write(line)
    sys.stdout.flush()


class FrameProgress:
    """The frames of `episodes` episodes that are expected to last `length` frames each (None: nobody knows).

    bar: whether to draw a progress bar; otherwise there is a line a minute, for output that goes into a file.
    leave: whether the bar stays when all is done.
    """

    def __init__(self, label, episodes, length, bar=True, leave=True):
        self.label, self.episodes, self.length = label, episodes, length
        self.frames, self.done, self.expected = 0, 0, episodes * length if length else None
        self.bar = tqdm(total=self.expected, desc=label, unit="frame", unit_scale=True, leave=leave, disable=not bar)
        self.spoke = time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.done == self.episodes:  # what was played since the last word on it
            self.bar.update((self.expected or self.frames) - self.bar.n)
        self.bar.close()

    def advanced(self, frames):
        """So many frames more have been played."""
        self.frames += frames
        self._show()

    def ended(self, steps):
        """An episode has ended, after so many frames in all."""
        self.done += 1
        if self.length:
            self.expected += steps - self.length
        self._show()

    def _show(self):
        if self.expected:
            self.bar.total = max(self.expected, self.frames)
        self.bar.set_postfix_str(f"{self.done}/{self.episodes} episodes", refresh=False)
        self.bar.update(self.frames - self.bar.n)
        if self.bar.disable and time.monotonic() - self.spoke > LINE_SECONDS:
            self.spoke = time.monotonic()
            of = f" of about {self.bar.total:,}" if self.expected else ""
            say(f"{self.label}: {self.frames:,}{of} frames, {self.done} of {self.episodes} episodes have ended")
