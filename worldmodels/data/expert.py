"""Expert rollouts: files that imitation learners read (Ke et al., 2019), and the manifest of a folder of them.

rollout_<k>.npz, k = 0, 1, ... without gaps, holds one episode in arrays of a fixed length L, the task's max_steps:
  observations (L + 1, 64, 64, 3): [0] is the reset frame, [t + 1] the one after actions[t]
  actions (L, A), rewards (L,)
  terminals (L,) bool: True at the episode's last step, and always at the last index
Entries past the end of the episode are zero. Whoever reads the files takes the first True of terminals as the end.
"""

import hashlib
import itertools
import re
from pathlib import Path

import numpy as np

from worldmodels.files.provenance import origin
from worldmodels.files.reading import load_json, load_npz, reading
from worldmodels.files.writing import save_json
from worldmodels.rollout import Frames
from worldmodels.scripts.cli import UserError

KEYS = ("observations", "actions", "rewards", "terminals")
DTYPES = {  # of the arrays in KEYS, by the name of the layout; "float64" is that of 2019
    "uint8": ("uint8", "float32", "float64", "bool"),
    "float64": ("float64", "float64", "float64", "bool"),
}
COLORS = {  # of the observations
    "plain": "plain: as the environment draws it for its agent",
    "2018": "2018: as the code of 2018 shows it to an agent, contrast-stretched and one level off",
}
AGAIN = "run generation_script.py again, which makes it anew"
_SUMMARY = {"seed": int, "score": float, "steps": int, "finished": bool, "bytes": int}
_BEFORE = {"z": "sample", "colors": "plain"}  # what was done when a manifest did not say it


def rollout_path(folder, k):
    return Path(folder) / f"rollout_{k}.npz"


def rollout_number(path):
    """The k of rollout_<k>.npz, or None for a file of another name."""
    name = re.fullmatch(r"rollout_(\d+)\.npz", Path(path).name)
    return int(name[1]) if name else None


def shapes(task):
    """Of the arrays in KEYS."""
    length = task.max_steps
    return (length + 1, 64, 64, 3), (length, task.action_size), (length,), (length,)


def rollout_arrays(task, frames, dtype):
    """The Frames of an episode as the arrays of a file. dtype: "uint8" or "float64"."""
    arrays = [np.zeros(shape, kind) for shape, kind in zip(shapes(task), DTYPES[dtype], strict=True)]
    for array, source in zip(arrays, frames, strict=False):
        array[: len(source)] = source
    arrays[-1][[len(frames.rewards) - 1, -1]] = True
    return dict(zip(KEYS, arrays, strict=True))


def load_rollout(task, path):
    """The Frames of a file, cut to the episode, in the dtypes that were played with (DTYPES["uint8"]), and the name of
    its layout. UserError if it is missing, damaged or of another task.
    """
    with reading(path, "a rollout", AGAIN):
        observations, actions, rewards, terminals = arrays = load_npz(path, KEYS, "a rollout", AGAIN)
        kinds = tuple(str(array.dtype) for array in arrays)
        dtype = next((name for name, layout in DTYPES.items() if layout == kinds), None)
        if tuple(array.shape for array in arrays) != shapes(task) or not dtype:
            raise UserError(f"{path} is no rollout of {task.name}: its arrays have other shapes or dtypes")
        steps = int(np.argmax(terminals)) + 1
        if not terminals[-1]:
            raise ValueError("its terminals do not end")
        if observations[steps + 1 :].any() or actions[steps:].any() or rewards[steps:].any():
            raise ValueError("it goes on after its end")
        if not (np.isfinite(rewards).all() and np.isfinite(actions).all()):
            raise ValueError("its actions or rewards are not finite")
        cut = observations[: steps + 1], actions[:steps], rewards[:steps]
        return Frames(*(a.astype(kind, copy=False) for a, kind in zip(cut, DTYPES["uint8"], strict=False))), dtype


def check_rollout(task, path, dtype, seed):
    """The summary of a file that is whole and of this layout, None for one that is missing or anything else."""
    try:
        frames, layout = load_rollout(task, path)
        return summary(task, path, seed, frames.rewards) if layout == dtype else None
    except UserError:
        return None


def summary(task, path, seed, rewards):
    """What the manifest says of one rollout. rewards: (T,) of the episode. finished: what the task says of them."""
    content = path.read_bytes()
    return {
        "seed": seed,
        "score": round(float(rewards.sum()), 3),
        "steps": len(rewards),
        "finished": bool(task.finished(rewards, task.max_steps)),
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def env_options(made_with):
    """The options of an environment whose observations are those of the rollouts. made_with: of their manifest."""
    return {} if made_with["colors"] == "plain" else {"colors": made_with["colors"]}


class Manifest:
    """manifest.json: how the rollouts of a folder were made, and a summary of each. A folder holds one kind only."""

    def __init__(self, folder, made_with, shard=False):
        """made_with: what decides the rollouts' content. UserError if those that are there were made otherwise.

        shard: whether others may be filling the folder too. Then a manifest binds before there are rollouts, and stays
        as it is.
        """
        self.path, self.made_with = Path(folder) / "manifest.json", made_with
        self.rollouts, self.played = [], None
        there = any(self.path.parent.glob("rollout_*.npz"))  # before the manifest: another process may make both
        if self.path.exists():
            self._read(folder, there or shard)
            if shard:
                return
        elif there:
            raise UserError(
                f"{folder} holds rollouts but no manifest.json that says how they were made: choose another --out"
            )
        self._write(complete=False)

    def _read(self, folder, binds):
        data = load_manifest(folder, "restore it, or choose another --out")
        if not binds:  # what is not there binds nobody
            return
        before, self.played, self.rollouts = data["made_with"], data["played"], data["rollouts"]
        if different := [name for name in self.made_with if before.get(name) != self.made_with[name]]:
            raise UserError(
                f"the rollouts in {folder} are made with another {' and '.join(different)}: choose another --out"
            )

    def agrees(self, k, rollout):
        """Whether the summary of file k is what was noted when it was made (nothing was noted by older versions)."""
        noted = self.rollouts[k].get("sha256") if k < len(self.rollouts) else None
        return noted in (None, rollout["sha256"])

    def finish(self, rollouts, played):
        """Write the summaries of rollouts 0, 1, ... and return the whole manifest.

        Those that a longer run before has noted are kept, up to the first whose file is not there.

        played: what this run did, a dict; None if there was nothing to do, and what the last one did stays.
        """
        later = range(len(rollouts), len(self.rollouts))
        there = itertools.takewhile(lambda k: rollout_path(self.path.parent, k).exists(), later)
        self.rollouts = rollouts + [self.rollouts[k] for k in there]
        self.played = played or self.played
        return self._write(complete=True)

    def _write(self, complete):
        scores = np.array([rollout["score"] for rollout in self.rollouts])
        totals = {"mean": float(scores.mean()), "std": float(scores.std())} if len(scores) else {}
        data = {"made_with": self.made_with, "complete": complete, **origin(), "played": self.played}
        data |= totals | {"rollouts": self.rollouts}
        save_json(self.path, data, indent=1)
        return data


def load_manifest(folder, remedy):
    """The manifest of a folder, a dict. UserError, which ends with the remedy, if it is missing or damaged."""
    path, what = Path(folder) / "manifest.json", "the manifest of the rollouts"
    data = load_json(path, what, dict, remedy)
    with reading(path, what, remedy):
        made_with = data["made_with"] = _BEFORE | dict(data["made_with"])
        if type(seed := made_with["seed"]) is not int or seed < 0 or made_with["colors"] not in COLORS:
            raise ValueError("it names no seed, or no known colours")
        data["rollouts"] = [row | {key: kind(row[key]) for key, kind in _SUMMARY.items()} for row in data["rollouts"]]
    return {"complete": False, "played": None} | data
