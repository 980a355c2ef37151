"""Where dreams start: initial_z.json, mu and logvar of the first frames of episodes (2018 code)."""

from pathlib import Path

import numpy as np

from worldmodels.files.reading import load_json, reading
from worldmodels.scripts.cli import UserError

EPISODES = 1000  # whose first frame is kept (2018 code)
SCALE = 10000  # the file holds whole numbers
LIMIT = 100  # no V that has learned anything gives a mu or logvar beyond it, and a dream from there shows nothing


def find_starts(series):
    """[mus, logvars] of the first frames of up to 1,000 episodes, as the file holds them: times 10,000, rounded."""
    first = [array[series.starts[:EPISODES]].astype(np.float64) for array in (series.mu, series.logvar)]
    if not (np.abs(first) <= LIMIT).all():
        raise UserError(f"the series holds mu or logvar beyond {LIMIT}: train V again, and run series.py")
    return [np.round(array * SCALE).astype(int).tolist() for array in first]


def load_starts(folder, z_size):
    """mu and logvar, each (N, Z) float32, of a folder's initial_z.json. UserError if it is missing or damaged."""
    path = Path(folder) / "initial_z.json"
    about = path, "where dreams start", "run rnn_train.py again"
    rows = load_json(*about[:2], list, about[2])
    with reading(*about):
        mu, logvar = (np.array(numbers, np.float32) / SCALE for numbers in rows)
        if not len(mu) or not mu.shape == logvar.shape == (len(mu), z_size):
            raise ValueError(f"it does not hold two lists of z with {z_size} numbers each")
        if not (np.abs([mu, logvar]) <= LIMIT).all():
            raise ValueError(f"it holds numbers beyond {LIMIT}, which no V gives")
        return mu, logvar
