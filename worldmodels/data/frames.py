"""Frames of episodes as batches for V, in an order of their own, and in bounded memory."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from worldmodels.data.episodes import FRAME

FRAME_BYTES = 64 * 64 * 3


def some_frames(episodes, count):
    """About `count` frames, evenly from evenly chosen episodes (at most 100): (N, 64, 64, 3) uint8."""
    chosen = np.unique(np.linspace(0, len(episodes) - 1, 100).astype(int))
    each = -(-count // len(chosen))
    found = (episodes[i][0] for i in chosen)
    return np.concatenate([obs[np.unique(np.linspace(0, len(obs) - 1, each).astype(int))] for obs in found])


class FrameStream:
    """Endless shuffled batches of frames of episodes, the same for the same seed.

    Every epoch shuffles the episodes and cuts them into chunks; the frames of a chunk are shuffled together, while a
    thread reads the next one. Two chunks are in memory at a time, `memory` bytes together; data that fits into that
    is read once and kept. The last batch of a chunk is filled up with frames from the chunk's first one.
    """

    def __init__(self, episodes, batch_size, seed, memory=600e6):
        self.episodes, self.batch_size, self.seed = episodes, batch_size, seed
        self.kept = sum(episodes.lengths) * FRAME_BYTES <= memory
        self.chunk_frames = np.inf if self.kept else memory / 2 / FRAME_BYTES
        self.epoch = self.chunk = self.batch = 0  # what comes next
        self.steps_per_epoch = sum(self._batches(chunk) for chunk in self._plan(0))  # others differ by a few at most
        self._thread = ThreadPoolExecutor(1)
        self._loaded, self._next = None, None  # ((epoch, chunk), frames, order) and (epoch, chunk), future frames

    def __next__(self):
        """A batch of frames: (batch_size, 64, 64, 3) uint8."""
        if self._loaded is None or self._loaded[0] != (self.epoch, self.chunk):
            self._load()
        _, frames, order = self._loaded
        batch = frames[order[self.batch * self.batch_size :][: self.batch_size]]
        self.batch += 1
        if self.batch * self.batch_size >= len(order):
            self.epoch, self.chunk, self.batch = *self._after(self.epoch, self.chunk), 0
        return batch

    @property
    def state(self):
        """Where the stream stands, to be given to `restore`."""
        return {"epoch": self.epoch, "chunk": self.chunk, "batch": self.batch, "data": self.episodes.checksum}

    def restore(self, state):
        """Go on at `state`. False if the episodes are others than then: the next epoch, of the new ones, comes next."""
        if state["data"] != self.episodes.checksum:
            self.epoch, self.chunk, self.batch = state["epoch"] + 1, 0, 0
            return False
        self.epoch, self.chunk, self.batch = state["epoch"], state["chunk"], state["batch"]
        return True

    def _plan(self, epoch):
        """The chunks of an epoch, each a list of numbers of episodes."""
        lengths = self.episodes.lengths
        order = np.random.default_rng((self.seed, epoch)).permutation(len(lengths))
        if self.kept:
            return [np.arange(len(lengths))]
        chunks, frames = [[]], 0
        for number in order:
            if chunks[-1] and frames + lengths[number] > self.chunk_frames:
                chunks.append([])
                frames = 0
            chunks[-1].append(number)
            frames += lengths[number]
        return chunks

    def _frames(self, chunk):
        return sum(self.episodes.lengths[number] for number in chunk)

    def _batches(self, chunk):
        return -(-self._frames(chunk) // self.batch_size)

    def _after(self, epoch, chunk):
        return (epoch, chunk + 1) if chunk + 1 < len(self._plan(epoch)) else (epoch + 1, 0)

    def _load(self):
        now = self.epoch, self.chunk
        if self._loaded is not None and self.kept:
            frames = self._loaded[1]
        else:
            self._loaded = None  # its memory goes before more is asked for
            here = self._next is not None and self._next[0] == now
            frames = self._next[1].result() if here else self._read(*now)
        order = np.random.default_rng((self.seed, *now)).permutation(len(frames))
        self._loaded = now, frames, np.resize(order, self._batches(self._plan(now[0])[now[1]]) * self.batch_size)
        if not self.kept:
            after = self._after(*now)
            self._next = after, self._thread.submit(self._read, *after)

    def _read(self, epoch, chunk):
        chunk = self._plan(epoch)[chunk]
        frames = np.empty((self._frames(chunk), *FRAME), np.uint8)
        start = 0
        for number in chunk:
            obs, _ = self.episodes[number]
            frames[start : start + len(obs)] = obs
            start += len(obs)
        return frames
