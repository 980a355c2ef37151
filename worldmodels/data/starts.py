"""Where dreams start: initial_z.json, mu and logvar of the first frames of episodes (2018 code), and midway.npz, frames
from all over the episodes with the state that M is in there.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from worldmodels.data.sequences import draw
from worldmodels.files.reading import load_json, load_npz, reading
from worldmodels.files.weights import fingerprint
from worldmodels.scripts.cli import UserError

EPISODES = 1000  # whose first frame is kept (2018 code)
SCALE = 10000  # the file holds whole numbers
LIMIT = 100  # no V that has learned anything gives a mu or logvar beyond it, and a dream from there shows nothing
STATES = 2000  # in midway.npz, or a few more or less
EVERY = 100  # frames between those of midway.npz
BEFORE_END = 60  # frames: any nearer to its end, an episode may be past saving


class Starts(NamedTuple):
    """N frames at which dreams may start. Without M's state there they are the first ones of episodes."""

    mu: np.ndarray  # (N, Z) float32, like the others
    logvar: np.ndarray  # (N, Z)
    h: np.ndarray | None = None  # (N, H)
    c: np.ndarray | None = None  # (N, H)


def find_starts(series):
    """[mus, logvars] of the first frames of up to 1,000 episodes, as the file holds them: times 10,000, rounded."""
    frames = series.starts[:: 1 + series.mirrored][:EPISODES]  # no mirror images: see find_midway
    first = [array[frames].astype(np.float64) for array in (series.mu, series.logvar)]
    if not (np.abs(first) <= LIMIT).all():
        raise UserError(f"the series holds mu or logvar beyond {LIMIT}: train V again, and run series.py")
    return [np.round(array * SCALE).astype(int).tolist() for array in first]


def starts_facts(folder, midway=False):
    """{name: sha256} of the file in a folder that says where dreams start."""
    path = Path(folder) / ("midway.npz" if midway else "initial_z.json")
    with reading(path, "where dreams start", "run rnn_train.py again"):
        return {f"{path.stem}_sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def load_starts(folder, z_size):
    """The Starts of a folder's initial_z.json, without states of M. UserError if it is missing or damaged."""
    path = Path(folder) / "initial_z.json"
    about = path, "where dreams start", "run rnn_train.py again"
    rows = load_json(*about[:2], list, about[2])
    with reading(*about):
        mu, logvar = (np.array(numbers, np.float32) / SCALE for numbers in rows)
        if not len(mu) or not mu.shape == logvar.shape == (len(mu), z_size):
            raise ValueError(f"it does not hold two lists of z with {z_size} numbers each")
        if not (np.abs([mu, logvar]) <= LIMIT).all():
            raise ValueError(f"it holds numbers beyond {LIMIT}, which no V gives")
        return Starts(mu, logvar)


def find_midway(rnn, series):
    """The Starts from all over the episodes of a Series: one in so many frames, whether early or late in its episode.

    M has read what came before them, with z drawn from N(mu, sigma^2). None are of mirror images, which look like
    another room to V, M and C.
    """
    rng, found = np.random.default_rng(0), []
    times = np.arange(0, series.lengths.max(), EVERY)
    times[1:] += rng.integers(0, EVERY // 2, len(times) - 1)
    real = np.arange(0, len(series.lengths), 1 + series.mirrored)
    there = [real[series.lengths[real] > time + BEFORE_END] for time in times]  # episodes that last so long
    shares = np.array([len(episodes) for episodes in there])
    if not shares.any():
        raise UserError(f"no episode of {series.path} has more than {BEFORE_END} frames: name another series")
    counts = np.rint(STATES * shares / shares.sum()).astype(int)
    for time, episodes, count in zip(times, there, tqdm(counts, unit="time", desc="reading episodes"), strict=True):
        if not count:
            continue
        chosen = rng.choice(episodes, count, replace=count > len(episodes))
        frames = series.starts[chosen][:, None] + np.arange(time + 1)
        h = c = np.zeros((count, rnn.hidden), np.float32)
        if time:
            z, action = draw(series, frames, rng)
            restart = np.zeros((count, time, 1), np.float32)
            restart[:, 0] = 1
            x = np.concatenate([z[:, :-1], action[:, :-1], restart], axis=-1)
            h, c = (np.array(state) for state in rnn.sequence(x)[1])
        found.append((series.mu[frames[:, -1]], series.logvar[frames[:, -1]], h, c))
    return Starts(*(np.concatenate(arrays).astype(np.float32) for arrays in zip(*found, strict=True)))


def load_midway(folder, rnn):
    """The Starts of a folder's midway.npz. UserError if it is missing, damaged, or of another M than this one."""
    path = Path(folder) / "midway.npz"
    about = path, "where dreams start midway", "run rnn_train.py again, with --midway"
    *arrays, made_with = load_npz(path, (*Starts._fields, "rnn"), *about[1:])
    with reading(*about):
        if str(made_with) != fingerprint(rnn):
            raise ValueError("it is of another M than the one beside it")
        starts = Starts(*(np.asarray(array, np.float32) for array in arrays))
        sizes = rnn.z_size, rnn.z_size, rnn.hidden, rnn.hidden
        if not len(starts.mu) or any(a.shape != (len(starts.mu), size) for a, size in zip(starts, sizes, strict=True)):
            raise ValueError("its arrays are not of this M's sizes")
        if not (np.abs(starts[:2]) <= LIMIT).all() or not np.isfinite(starts[2:]).all():
            raise ValueError(f"it holds a state that is not finite, or a mu or logvar beyond {LIMIT}")
        return starts
