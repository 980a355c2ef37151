"""What M learns from: mu and logvar of every frame and the actions, written and read without holding them in memory.

`series.npz` is a plain, uncompressed .npz file with mu, logvar (Z wide) and action (A wide), all float16: of shape
(N, T, width) if all N episodes have the same length T, as in the 2018 code, else (total frames, width) with
length (N,) beside them. What made it is in vae, the fingerprint of V, precision, that of V's arithmetic, and data, a
checksum of the episodes. If mirrored is there, every second episode is the mirror image of the one before.
"""

import contextlib
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
from tqdm import tqdm

from worldmodels.data.episodes import WORDS as EPISODE_WORDS
from worldmodels.data.episodes import Episodes, Mirrored, list_episodes, read_ahead
from worldmodels.data.npz import map_array
from worldmodels.files.locking import lock
from worldmodels.files.reading import load_json, load_npz, read_npy_header, reading
from worldmodels.files.weights import fingerprint, load_weights
from worldmodels.files.writing import atomic_path, make_folder, refuse_folder, save_json
from worldmodels.scripts import precision
from worldmodels.scripts.cli import UserError

ARRAYS = ("mu", "logvar", "action")
BATCH = 250  # frames a call of the encoder; divides the 1,000 frames of a car episode
SAVE_EPISODES = 5  # so many are encoded again at most after a kill
CHECK_BYTES = 1 << 24  # at a time


def add_options(parser, task):
    """The options of series.py."""
    add = parser.add_argument
    add("--data", default="record", help="folder of episodes made by extract.py")
    add("--vae", default="weights/vae.weights.h5", help="weights made by vae_train.py")
    add("--out", default="series/series.npz", help="file for mu, logvar and actions")
    precision.add_option(parser)
    if task.mirrored:
        add("--mirror", action="store_true",
            help="encode every episode a second time, as in a mirror: twice as much for M to learn from")  # fmt: skip


def make_series(task, *, data, vae, out, precision, mirror=False):
    """Encode the episodes in the folder `data` with the V of the file `vae` into the file `out`.

    mirror: each of them, and after it the same in a mirror.
    """
    episodes = Episodes(list_episodes(data), task.action_size)
    if mirror:
        episodes = Mirrored(episodes, task.mirrored)
    model = task.make_vae(precision)
    load_weights(model, vae, "V")
    write_series(model, episodes, out)


def encode(vae, obs):
    """mu and logvar of frames (T, 64, 64, 3) uint8: two arrays (T, Z) float32."""
    padded = obs[np.arange(-(-len(obs) // BATCH) * BATCH) % len(obs)]  # full batches alone: no shape is compiled twice
    parts = [vae.encoder.predict_on_batch(padded[i : i + BATCH]) for i in range(0, len(padded), BATCH)]
    mu, logvar = (np.concatenate(part)[: len(obs)] for part in zip(*parts, strict=True))
    return mu, logvar


def write_series(vae, episodes, out):
    """Encode the Episodes into `out`. Goes on where a killed run was; starts over if V, its precision or an episode
    changed. UserError if another process is at it.

    Meanwhile the arrays lie as raw float16 in the folder `<out>.part`, and grow by an episode at a time.
    """
    out = Path(out)
    refuse_folder(out, "the series")
    make_folder(out.parent)
    part = out.with_name(f"{out.name}.part")
    busy = f"another process is writing {out}: wait for it, or choose another --out"
    with lock(out.with_name(f".{out.name}.lock"), busy):
        arithmetic = vae.encoder.get_layer("conv1").compute_dtype
        made_from = {"vae": fingerprint(vae), "data": episodes.checksum, "precision": arithmetic}
        if isinstance(episodes, Mirrored):
            made_from["mirrored"] = True
        size = f"{len(episodes):,} episodes, {sum(episodes.lengths):,} frames"
        if out.exists():
            if _is_whole(out, made_from):
                shutil.rmtree(part, ignore_errors=True)
                print(f"{out} is finished and up to date: {size}")
                return
            print(f"V, its precision or the episodes changed since {out} was made, or it is damaged: making it again")
        _encode_all(vae, episodes, part, made_from)
        _pack(part, {"mu": vae.z_size, "logvar": vae.z_size, "action": episodes.action_size}, episodes, made_from, out)
        shutil.rmtree(part)
    print(f"{out}: {size}, {out.stat().st_size / 1e6:,.1f} MB")


def _is_whole(path, made_from):
    """Whether a finished file is of these, and every byte of it as it was written."""
    try:
        found = zip(made_from, load_npz(path, made_from), strict=True)
        if any(str(value) != str(made_from[name]) for name, value in found):
            return False
        Series(path).check()
        return True
    except UserError:
        return False


def _encode_all(vae, episodes, part, made_from):
    """Fill the folder `part` with the raw arrays of all episodes."""
    make_folder(part)
    progress = part / "progress.json"
    done, sizes = _progress(progress, made_from, len(episodes))
    if not done:
        shutil.rmtree(part)
        make_folder(part)
    with contextlib.ExitStack() as stack:
        raw = {name: stack.enter_context(open(part / name, "ab")) for name in ARRAYS}
        for name, file in raw.items():
            file.truncate(sizes[name])
        bar = stack.enter_context(tqdm(total=sum(episodes.lengths), unit="frame", unit_scale=True, desc="encoding"))
        bar.update(sum(episodes.lengths[:done]))
        for obs, action in read_ahead(episodes, done):
            for name, array in zip(ARRAYS, (*encode(vae, obs), action), strict=True):
                raw[name].write(_float16(array, name, episodes.files[done]).tobytes())
            bar.update(len(obs))
            done += 1
            if done % SAVE_EPISODES == 0 or done == len(episodes):
                for file in raw.values():
                    file.flush()
                    os.fsync(file.fileno())
                sizes = {name: os.fstat(file.fileno()).st_size for name, file in raw.items()}
                save_json(progress, {"made_from": made_from, "done": done, "sizes": sizes})


def _float16(array, name, path):
    with np.errstate(over="ignore"):
        array = array.astype(np.float16)
    if not np.isfinite(array).all():
        remedy = EPISODE_WORDS[1] if name == "action" else "train V again"
        raise UserError(f"the {name} of {path} holds numbers that are not finite as float16: {remedy}")
    return array


def _progress(path, made_from, episodes):
    """Number of finished episodes, and bytes of each array with them, where an earlier run can be continued; else 0."""
    nothing = 0, dict.fromkeys(ARRAYS, 0)
    if not path.exists():
        return nothing
    try:
        old = load_json(path, "the progress of series.py", dict)
        with reading(path, "the progress of series.py"):
            done, sizes = int(old["done"]), {name: int(old["sizes"][name]) for name in ARRAYS}
            if not 0 <= done <= episodes or old["made_from"] != made_from:
                raise ValueError("it is of another run")
            if any(not 0 <= sizes[name] <= path.with_name(name).stat().st_size for name in ARRAYS):
                raise ValueError("it does not go with the arrays")
    except UserError:
        print(f"{path.parent} is of another V, other episodes or another precision, or damaged: starting over")
        return nothing
    print(f"going on after {done:,} of {episodes:,} episodes")
    return done, sizes


def _pack(part, widths, episodes, made_from, out):
    """Stream the raw arrays into one .npz file: a zip of .npy files, stored as they are so that they can be mapped."""
    lengths, frames = episodes.lengths, sum(episodes.lengths)
    same = len(set(lengths)) == 1
    with atomic_path(out) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for name, width in widths.items():
            if (part / name).stat().st_size != 2 * frames * width:
                raise UserError(f"{part} is damaged: remove it, and run series.py again")
            shape = (len(lengths), lengths[0], width) if same else (frames, width)
            header = {"descr": "<f2", "fortran_order": False, "shape": shape}
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member, open(part / name, "rb") as raw:
                np.lib.format.write_array_header_1_0(member, header)
                shutil.copyfileobj(raw, member, 1 << 20)
        for name, value in (made_from if same else made_from | {"length": lengths}).items():
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, np.array(value))


class Series:
    """Reads `series.npz` through memory maps. series[i] is (mu, logvar, action) of episode i, float16 (T, width) each.

    mu, logvar, action: all frames, (total, width). lengths, starts: of each episode, (N,). vae: fingerprint of V.
    data: checksum of the episodes. mirrored: whether every second one is a mirror image.
    """

    def __init__(self, path):
        path = Path(path)
        self.words = (
            "the series",
            "run series.py again, or name another one" if path.exists() else "run series.py first",
        )
        with reading(path, *self.words):
            arrays = [map_array(path, name) for name in ARRAYS]
            with np.load(path, allow_pickle=False) as data:
                self.vae, self.data = (str(data[name]) if name in data else None for name in ("vae", "data"))
                self.mirrored = "mirrored" in data
                length = data["length"] if "length" in data else np.full(*arrays[0].shape[:2])
            if any(array.dtype.kind != "f" for array in arrays):
                raise ValueError("it holds numbers that are not floating-point")
            if length.ndim != 1 or length.dtype.kind not in "iu" or not (length > 0).all():
                raise ValueError("'length' is no list of lengths of episodes")
            self.mu, self.logvar, self.action = (array.reshape(-1, array.shape[-1]) for array in arrays)
            frames = {len(self.mu), len(self.logvar), len(self.action)}
            if frames != {sum(length.tolist())} or self.mu.shape != self.logvar.shape:
                raise ValueError("its arrays do not go together")
        self.path, self.lengths = path, length.astype(np.int64)
        self.starts = np.cumsum(self.lengths) - self.lengths

    def __len__(self):
        return len(self.lengths)

    def __getitem__(self, i):
        here = slice(self.starts[i], self.starts[i] + self.lengths[i])
        return self.mu[here], self.logvar[here], self.action[here]

    def check(self):
        """Read all of it once: UserError if a bit has changed since it was written, or a number is not finite."""
        size = self.path.stat().st_size
        with (
            reading(self.path, *self.words),
            zipfile.ZipFile(self.path) as archive,
            tqdm(total=size, unit="B", unit_scale=True, desc="checking the series", delay=1, leave=False) as bar,
        ):
            for name in ARRAYS:
                with archive.open(f"{name}.npy") as file:
                    *_, dtype = read_npy_header(file)
                    while data := file.read(CHECK_BYTES):  # after the last byte, zipfile compares the checksum
                        if not np.isfinite(np.frombuffer(data, dtype)).all():
                            raise ValueError(f"{name} holds numbers that are not finite")
                        bar.update(len(data))
