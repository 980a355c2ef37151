"""Episode files of random rollouts, `record/<seed>.npz`: listed, checked, read, and streamed as batches of frames.

A file holds obs uint8 (T, 64, 64, 3) and action float16 (T, A); T may differ from file to file.
"""

import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

from worldmodels.files.reading import load_npz, read_npy_header, reading
from worldmodels.scripts.cli import UserError

FRAME = (64, 64, 3)
FRAME_BYTES = 64 * 64 * 3
_AGAIN = "remove it and run extract.py again"


def list_episodes(folder):
    """The .npz files of a folder, ordered by seed. UserError if there are none."""
    files = [path for path in Path(folder).glob("*.npz") if not path.name.startswith(".")]
    if not files:
        raise UserError(
            f"there are no episodes (*.npz) in {folder}: run extract.py first, or name their folder with --data"
        )
    return sorted(files, key=lambda path: (len(path.stem), path.stem))


def hold_out(files, share=0.05):
    """Split files into those to train on and the last 5 % to measure on (at least one, if there are two)."""
    count = min(max(1, round(len(files) * share)), len(files) - 1)
    return files[: len(files) - count], files[len(files) - count :]


def read_episode(path):
    """obs uint8 (T, 64, 64, 3) and action (T, A) of one file. UserError if it is damaged or of another kind."""
    length, _ = inspect_episode(path)
    obs, action = load_npz(path, ("obs", "action"), "an episode", _AGAIN)
    with reading(path, "an episode", _AGAIN):
        if action.ndim != 2 or len(action) != length:
            raise ValueError(f"its actions {action.shape} do not go with its frames {obs.shape}")
    return obs, action


def inspect_episode(path):
    """Number of frames and checksum of one file, from its directory alone: most damage is found before the training.

    A wrong byte among the frames is found when they are read.
    """
    with reading(path, "an episode", _AGAIN), zipfile.ZipFile(path) as archive:
        if missing := {"obs", "action"} - {name.removesuffix(".npy") for name in archive.namelist()}:
            raise ValueError(f"it has no array named {', '.join(sorted(missing))}")
        checksum = archive.getinfo("obs.npy").CRC
        with archive.open("obs.npy") as member:
            shape, _, dtype = read_npy_header(member)
        if len(shape) != 4 or shape[1:] != FRAME or shape[0] < 1 or dtype != np.uint8:
            raise ValueError(f"its frames are {dtype} {shape}, not uint8 (T, 64, 64, 3)")
    return shape[0], checksum


def inspect_episodes(files):
    """Number of frames of each file, and one checksum of all names and frames: says whether anything changed."""
    found = [inspect_episode(path) for path in tqdm(files, desc="checking episodes", unit="file", leave=False)]
    names = "".join(f"{path.name} {length} {crc}\n" for path, (length, crc) in zip(files, found, strict=True))
    return [length for length, _ in found], zlib.crc32(names.encode())


def read_ahead(files):
    """Yield (obs, action) of each file in order, while a thread reads the one after."""
    with ThreadPoolExecutor(1) as thread:
        following = None
        for path in files:
            waiting, following = following, thread.submit(read_episode, path)
            if waiting:
                yield waiting.result()
        if following:
            yield following.result()


def some_frames(files, count):
    """About `count` frames, evenly from evenly chosen files (at most 100): (N, 64, 64, 3) uint8."""
    files = [files[i] for i in np.unique(np.linspace(0, len(files) - 1, 100).astype(int))]
    each = -(-count // len(files))
    episodes = (read_episode(path)[0] for path in files)
    return np.concatenate([obs[np.unique(np.linspace(0, len(obs) - 1, each).astype(int))] for obs in episodes])


class FrameStream:
    """Endless shuffled batches of frames from episode files, in bounded memory, the same for the same seed.

    Every epoch shuffles the files and cuts them into chunks; the frames of a chunk are shuffled together, while a
    thread reads the next one. Two chunks are in memory at a time, `memory` bytes together; data that fits into that
    is read once and kept. The last batch of a chunk is filled up with frames from the chunk's first one.
    """

    def __init__(self, files, batch_size, seed, memory=600e6):
        self.files, self.batch_size, self.seed = files, batch_size, seed
        self.lengths, self.checksum = inspect_episodes(files)
        self.kept = sum(self.lengths) * FRAME_BYTES <= memory
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
        return {"epoch": self.epoch, "chunk": self.chunk, "batch": self.batch, "data": self.checksum}

    def restore(self, state):
        """Go on at `state`. False if the episodes are others than then: the next epoch, of the new ones, comes next."""
        if state["data"] != self.checksum:
            self.epoch, self.chunk, self.batch = state["epoch"] + 1, 0, 0
            return False
        self.epoch, self.chunk, self.batch = state["epoch"], state["chunk"], state["batch"]
        return True

    def _plan(self, epoch):
        """The chunks of an epoch, each a list of file numbers."""
        order = np.random.default_rng((self.seed, epoch)).permutation(len(self.files))
        if self.kept:
            return [np.arange(len(self.files))]
        chunks, frames = [[]], 0
        for number in order:
            if chunks[-1] and frames + self.lengths[number] > self.chunk_frames:
                chunks.append([])
                frames = 0
            chunks[-1].append(number)
            frames += self.lengths[number]
        return chunks

    def _batches(self, chunk):
        return -(-sum(self.lengths[number] for number in chunk) // self.batch_size)

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
        frames = np.empty((sum(self.lengths[number] for number in chunk), *FRAME), np.uint8)
        start = 0
        for number in chunk:
            obs, _ = read_episode(self.files[number])
            if len(obs) != self.lengths[number]:
                raise UserError(f"{self.files[number]} changed during training: run the same command again")
            frames[start : start + len(obs)] = obs
            start += len(obs)
        return frames
