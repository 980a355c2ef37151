"""Episode files of random rollouts, `record/<seed>.npz`: listed, checked and read.

A file holds obs uint8 (T, 64, 64, 3) and action float16 (T, A); T may differ from file to file.
"""

import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

from worldmodels.data.npz import read_header
from worldmodels.files.reading import load_npz, reading
from worldmodels.scripts.cli import UserError

FRAME = (64, 64, 3)
# extract.py alone would leave the file: it does not read the frames of episodes that are there.
WORDS = "an episode", "remove it and run extract.py again, or name another --data"


def list_episodes(folder):
    """The .npz files of a folder, ordered by seed; UserError if there are none.

    Those of the folders in it are merged evenly, so that the last 5 % are the last 5 % of each.
    """
    folders = {}
    for path in Path(folder).rglob("*.npz"):
        if not path.name.startswith("."):
            folders.setdefault(path.parent, []).append(path)
    places = {}
    for parent, files in folders.items():
        files.sort(key=lambda path: (len(path.stem), path.stem))
        places |= {path: ((i + 0.5) / len(files), str(parent)) for i, path in enumerate(files)}
    if not places:
        raise UserError(
            f"there are no episodes (*.npz) in {folder}: run extract.py first, or name their folder with --data"
        )
    return sorted(places, key=places.get)


def hold_out(files, share=0.05, even=False):
    """Split files into those to train on and the last 5 % to measure on (at least one, if there are two).

    even: hold out an even number: in a mirrored series no episode is parted from its mirror image, which follows it.
    """
    count = min(max(1, round(len(files) * share)), len(files) - 1)
    count += even and len(files) > 2 and count % 2
    return files[: len(files) - count], files[len(files) - count :]


class Episodes:
    """The episodes of some files. Their headers are looked at at once, so that most damage is found before any work.

    action_size: numbers in an action, by which episodes of another task are told apart.
    lengths: frames of each, a list of int. checksum: of all names, frames and actions; says whether anything changed.
    """

    def __init__(self, files, action_size):
        self.files, self.action_size = files, action_size
        self.found = [self._inspect(path) for path in tqdm(files, desc="checking episodes", unit="file", leave=False)]
        self.lengths = [length for length, *_ in self.found]
        self.checksum = zlib.crc32(
            repr([(path.name, *found) for path, found in zip(files, self.found, strict=True)]).encode()
        )

    def __len__(self):
        return len(self.files)

    def __getitem__(self, i):
        """obs uint8 (T, 64, 64, 3) and action (T, A) of one episode.

        UserError if the file is damaged, or is not the one that was looked at in the beginning.
        """
        path = self.files[i]
        if self._inspect(path) != self.found[i]:
            raise UserError(f"{path} has changed in the meantime: run the same command again")
        obs, action = load_npz(path, ("obs", "action"), *WORDS)
        with reading(path, *WORDS):
            if not np.isfinite(action).all():
                raise ValueError("its actions hold numbers that are not finite")
        return obs, action

    def _inspect(self, path):
        """Number of frames of one file, and the checksums of its frames and actions, from its headers alone."""
        with reading(path, *WORDS), zipfile.ZipFile(path) as archive:
            obs, action = read_header(archive, "obs"), read_header(archive, "action")
            if obs.dtype != np.uint8 or obs.shape[1:] != FRAME or not obs.shape[0]:
                raise ValueError(f"its frames are {obs.dtype} {obs.shape}, not uint8 (T, 64, 64, 3)")
            if action.dtype.kind not in "fiu":
                raise ValueError(f"its actions are no numbers but {action.dtype}")
            if action.shape[:-1] != obs.shape[:1]:
                raise ValueError(f"its actions {action.shape} do not go with its frames {obs.shape}")
            if (size := action.shape[1]) != self.action_size:
                raise UserError(
                    f"{path} is of another task: its actions have {size} numbers, not {self.action_size}. Name the "
                    "folder of this task's episodes with --data"
                )
            return obs.shape[0], obs.member.CRC, action.member.CRC


class Mirrored:
    """Episodes, and behind each one the same in a mirror: its frames from right to left, its actions turned round.

    action: actions (T, A) -> what they are in a mirror (Task.mirrored).
    """

    def __init__(self, episodes, action):
        self.episodes, self.action, self.action_size = episodes, action, episodes.action_size
        self.files, self.lengths = ([x for x in part for _ in range(2)] for part in (episodes.files, episodes.lengths))
        self.checksum = zlib.crc32(b"mirrored", episodes.checksum)

    def __len__(self):
        return len(self.files)

    def __getitem__(self, i):
        obs, action = self.episodes[i // 2]
        return (obs[:, :, ::-1], self.action(action)) if i % 2 else (obs, action)


def read_ahead(episodes, first=0):
    """Yield (obs, action) of each episode from number `first` on, in order, while a thread reads the one after."""
    with ThreadPoolExecutor(1) as thread:
        following = None
        for i in range(first, len(episodes)):
            waiting, following = following, thread.submit(episodes.__getitem__, i)
            if waiting:
                yield waiting.result()
        if following:
            yield following.result()
