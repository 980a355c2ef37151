"""Step 1 of a task: episodes of random play as files `<number>.npz`, played by several processes, killed and gone on.

A file holds obs uint8 (T, 64, 64, 3), action float16 (T, A), the action taken on seeing that obs, and coverage, a few
numbers of the task's that say what the episode shows. `coverage.json` in the folder says how they were made.
"""

import os
import time

import numpy as np
from tqdm import tqdm

from worldmodels.data.seeds import TRAINING
from worldmodels.files.provenance import origin
from worldmodels.files.reading import load_json, load_npz
from worldmodels.files.writing import make_folder, save_json, save_npz
from worldmodels.parallel.threads import available_cores
from worldmodels.parallel.workers import run_in_processes
from worldmodels.scripts.cli import UserError, positive_int, seed


def add_options(parser):
    """The options of every task's extract.py."""
    add = parser.add_argument
    add("--episodes", type=positive_int, default=10000, help="how many episodes (paper: 10,000)")
    add("--workers", type=positive_int, default=available_cores(), help="processes")
    add("--out", default="record", help="folder for the episodes")
    add("--seed", type=seed, default=0, help="number and seed of the first episode; the others follow")


def extract(folder, numbers, workers, play, made_with):
    """Play what is not in the folder yet, with a progress bar. Returns the coverage of all (N, K) and a report.

    numbers: a range, one episode each. play: a picklable function that takes an iterator of numbers, plays each, writes
    it with save_episode and yields its coverage (K,); `workers` processes run it.
    made_with: a dict that says how; UserError if the folder's episodes were made in another way.
    The report is a dict for save_report.
    """
    if numbers.stop > TRAINING.stop:
        raise UserError(f"seeds from {TRAINING.stop:,} on are for scores: choose a smaller --seed, or fewer --episodes")
    make_folder(folder)
    _check_same(folder, made_with)
    covered = {number: coverage for number in numbers if (coverage := _coverage_of(folder, number)) is not None}
    missing = [number for number in numbers if number not in covered]
    if covered:
        print(f"{len(covered)} of {len(numbers)} episodes are in {folder} already")
    start = time.monotonic()
    with tqdm(total=len(numbers), initial=len(covered), unit="episode") as progress:
        rows = list(covered.values())
        for coverage in run_in_processes(play, missing, min(workers, len(missing))):
            rows.append(coverage)
            progress.update()
    report = {"made_with": made_with, **origin(), "episodes": len(numbers), "played_now": len(missing)}
    return np.array(rows), report | {"wall_seconds": round(time.monotonic() - start, 1)}


def save_episode(folder, number, frames, coverage):
    """frames: a rollout's Frames, of which the last observation is left out: no action follows it."""
    arrays = {"obs": frames.observations[:-1], "action": frames.actions.astype(np.float16), "coverage": coverage}
    save_npz(_episode_path(folder, number), arrays, compress=1)


def save_report(folder, report):
    save_json(_report_path(folder), report, indent=1)


def _episode_path(folder, number):
    return os.path.join(folder, f"{number}.npz")


def _report_path(folder):
    return os.path.join(folder, "coverage.json")


def _coverage_of(folder, number):
    """The coverage of an episode that is there already, or None: it is missing, damaged, or of another program."""
    try:
        return load_npz(_episode_path(folder, number), ["coverage"])[0]
    except UserError:
        return None


def _check_same(folder, made_with):
    path = _report_path(folder)
    if not os.path.exists(path):
        if any(name.endswith(".npz") and not name.startswith(".") for name in os.listdir(folder)):
            raise UserError(f"{folder} holds episodes but no {path} that says how they were made: choose another --out")
        return save_json(path, {"made_with": made_with})
    before = load_json(path, "what the episodes were made with", dict).get("made_with")
    if before != made_with:
        raise UserError(f"the episodes in {folder} were made with {before}, not {made_with}: choose another --out")
