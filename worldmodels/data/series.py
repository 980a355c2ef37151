"""What M learns from: mu and logvar of every frame and the actions, written and read without holding them in memory.

`series.npz` is a plain, uncompressed .npz file with mu, logvar (Z wide) and action (A wide), all float16: of shape
(N, T, width) if all N episodes have the same length T, as in the 2018 code, else (total frames, width) with
length (N,) beside them. What made it is in vae, the fingerprint of V, precision, that of V's arithmetic, and data, a
checksum of the episodes.
"""

import contextlib
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
from tqdm import tqdm

from worldmodels.data.episodes import inspect_episodes, list_episodes, read_ahead
from worldmodels.files.reading import load_json, load_npz, read_npy_header, reading
from worldmodels.files.weights import fingerprint
from worldmodels.files.writing import atomic_path, make_folder, refuse_folder, save_json
from worldmodels.parallel.threads import quiet_stderr
from worldmodels.scripts import precision
from worldmodels.scripts.cli import UserError, positive_int, seed
from worldmodels.scripts.precision import PRECISIONS

ARRAYS = ("mu", "logvar", "action")
BATCH = 250  # frames a call of the encoder; divides the 1,000 frames of a car episode
SAVE_EPISODES = 5  # so many are encoded again at most after a kill
_AGAIN = "run series.py again"


def add_options(parser, z_size):
    """The options of series.py."""
    add = parser.add_argument
    add("--data", default="record", help="folder of episodes made by extract.py")
    add("--vae", default="weights/vae.weights.h5", help="weights made by vae_train.py")
    add("--out", default="series/series.npz", help="file for mu, logvar and actions")
    add("--z_size", type=positive_int, default=z_size, help="dimensions of z, as given to vae_train.py")
    precision.add_option(parser)
    add("--seed", type=seed, default=1,
        help="nothing here is random; taken so that every script can be called alike")  # fmt: skip


def make_series(options):
    """Encode the episodes as `options` (of `add_options`) say."""
    files = list_episodes(options.data)
    with quiet_stderr():
        from worldmodels.files.weights import load_weights
        from worldmodels.vae import VAE

        vae = VAE(options.z_size, dtype=PRECISIONS[options.precision])
    load_weights(vae, options.vae, "V")
    write_series(vae, files, options.out)


def encode(vae, obs):
    """mu and logvar of frames (T, 64, 64, 3) uint8: two arrays (T, Z) float16."""
    padded = obs[np.arange(-(-len(obs) // BATCH) * BATCH) % len(obs)]  # full batches alone: no shape is compiled twice
    parts = [vae.encoder.predict_on_batch(padded[i : i + BATCH]) for i in range(0, len(padded), BATCH)]
    mu, logvar = (np.concatenate(part)[: len(obs)].astype(np.float16) for part in zip(*parts, strict=True))
    return mu, logvar


def write_series(vae, files, out):
    """Encode the episode files into `out`. Goes on where a killed run was; starts over if V, its precision or an
    episode changed.

    Meanwhile the arrays lie as raw float16 in the folder `<out>.part`, and grow by an episode at a time.
    """
    out = Path(out)
    refuse_folder(out, "the series")
    make_folder(out.parent)
    lengths, checksum = inspect_episodes(files)
    arithmetic = vae.encoder.get_layer("conv1").compute_dtype
    made_from = {"vae": fingerprint(vae), "data": checksum, "precision": arithmetic}
    part = out.with_name(out.name + ".part")
    if out.exists():
        if _made_from(out) == made_from:
            shutil.rmtree(part, ignore_errors=True)
            print(f"{out} is finished and up to date: {len(files):,} episodes, {sum(lengths):,} frames")
            return
        print(f"V, its precision or the episodes changed since {out} was made: making it again")
    _encode_all(vae, files, lengths, part, made_from)
    _pack(part, lengths, made_from, out)
    shutil.rmtree(part)
    print(f"{out}: {len(files):,} episodes, {sum(lengths):,} frames, {out.stat().st_size / 1e6:,.1f} MB")


def _made_from(path):
    try:
        vae, data, precision = load_npz(path, ("vae", "data", "precision"))
        return {"vae": str(vae), "data": int(data), "precision": str(precision)}
    except (UserError, ValueError, TypeError):
        return None


def _encode_all(vae, files, lengths, part, made_from):
    """Fill the folder `part` with the raw arrays of all episodes."""
    make_folder(part)
    progress = part / "progress.json"
    done, sizes = _progress(part, progress, made_from, len(files))
    with contextlib.ExitStack() as stack:
        raw = {name: stack.enter_context(open(part / name, "ab")) for name in ARRAYS}
        for name, file in raw.items():
            file.truncate(sizes[name])
        bar = stack.enter_context(tqdm(total=sum(lengths), unit="frame", unit_scale=True, desc="encoding"))
        bar.update(sum(lengths[:done]))
        for obs, action in read_ahead(files[done:]):
            for name, array in zip(ARRAYS, (*encode(vae, obs), action), strict=True):
                raw[name].write(array.astype(np.float16).tobytes())
            bar.update(len(obs))
            done += 1
            if done % SAVE_EPISODES == 0 or done == len(files):
                for file in raw.values():
                    file.flush()
                    os.fsync(file.fileno())
                sizes = {name: os.fstat(file.fileno()).st_size for name, file in raw.items()}
                save_json(progress, {"made_from": made_from, "done": done, "sizes": sizes})


def _progress(part, progress, made_from, episodes):
    """Number of finished episodes, and bytes of each array with them, where an earlier run can be continued; else 0."""
    nothing = 0, dict.fromkeys(ARRAYS, 0)
    if not progress.exists():
        return nothing
    try:
        old = load_json(progress, "the progress of series.py", dict)
        done, sizes = int(old["done"]), {name: int(old["sizes"][name]) for name in ARRAYS}
        same = old["made_from"] == made_from
        whole = 0 <= done <= episodes and all(0 <= sizes[name] <= (part / name).stat().st_size for name in ARRAYS)
    except (UserError, LookupError, TypeError, ValueError, OSError):
        same = whole = False
    if same and whole:
        print(f"going on after {done:,} of {episodes:,} episodes")
        return done, sizes
    print(f"{part} is of another V, other episodes or another precision, or damaged: starting over")
    return nothing


def _pack(part, lengths, made_from, out):
    """Stream the raw arrays into one .npz file: a zip of .npy files, stored as they are so that they can be mapped."""
    frames, same = sum(lengths), len(set(lengths)) == 1
    with atomic_path(out) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for name in ARRAYS:
            width, rest = divmod((part / name).stat().st_size, 2 * frames)
            if rest:
                raise UserError(
                    f"not all episodes have the same number of actions a frame, or {part} is damaged: remove it"
                )
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
    """

    def __init__(self, path):
        with reading(path, "the series", "run series.py first" if not Path(path).exists() else _AGAIN):
            arrays = {name: _map(path, name) for name in ARRAYS}
            with np.load(path) as data:
                self.vae = str(data["vae"]) if "vae" in data else None
                length = data["length"] if "length" in data else np.full(*arrays["mu"].shape[:2])
            self.mu, self.logvar, self.action = (array.reshape(-1, array.shape[-1]) for array in arrays.values())
            if any(array.dtype.kind != "f" for array in arrays.values()):
                raise ValueError("it holds numbers that are not floating-point")
            if length.ndim != 1 or length.dtype.kind not in "iu" or not (length > 0).all():
                raise ValueError("'length' is no list of lengths of episodes")
            frames = {len(self.mu), len(self.logvar), len(self.action)}
            if frames != {sum(length.tolist())} or self.mu.shape != self.logvar.shape:
                raise ValueError("its arrays do not go together")
        self.lengths = length.astype(np.int64)
        self.starts = np.cumsum(self.lengths) - self.lengths

    def __len__(self):
        return len(self.lengths)

    def __getitem__(self, i):
        here = slice(self.starts[i], self.starts[i] + self.lengths[i])
        return self.mu[here], self.logvar[here], self.action[here]


def _map(path, name):
    """One array of an .npz file: mapped if it is stored uncompressed, else read into memory."""
    with zipfile.ZipFile(path) as archive:
        try:
            member = archive.getinfo(f"{name}.npy")
        except KeyError:
            raise ValueError(f"it has no array named {name}") from None
    if member.compress_type != zipfile.ZIP_STORED:
        with np.load(path) as data:
            return data[name]
    with open(path, "rb") as file:
        file.seek(member.header_offset + 26)  # in the local header: lengths of the name and of the extra field
        name_length, extra_length = np.frombuffer(file.read(4), "<u2")
        file.seek(member.header_offset + 30 + int(name_length) + int(extra_length))
        shape, fortran_order, dtype = read_npy_header(file)
        if dtype.hasobject:
            raise ValueError("Python objects cannot be mapped")
        return np.memmap(file, dtype, "r", file.tell(), shape, order="F" if fortran_order else "C")
