"""Expert rollouts: files that imitation learners read (Ke et al., 2019), and the manifest of a folder of them.

rollout_<k>.npz, k = 0, 1, ... without gaps, holds one episode in arrays of a fixed length L, the task's max_steps:
  observations (L + 1, 64, 64, 3): [0] is the reset frame, [t + 1] the one after actions[t]
  actions (L, A), rewards (L,)
  terminals (L,) bool: True at the episode's last step, and always at the last index
Entries past the end of the episode are zero. Whoever reads the files takes the first True of terminals as the end.
"""

import hashlib
import itertools
from pathlib import Path

import numpy as np

from worldmodels.files.provenance import origin
from worldmodels.files.reading import load_json, load_npz, reading
from worldmodels.files.writing import save_json
from worldmodels.scripts.cli import UserError

KEYS = ("observations", "actions", "rewards", "terminals")
DTYPES = {  # of the arrays in KEYS, by the name of the layout; "float64" is that of 2019
    "uint8": ("uint8", "float32", "float64", "bool"),
    "float64": ("float64", "float64", "float64", "bool"),
}
_SUMMARY = {"seed": int, "score": float, "steps": int, "finished": bool, "bytes": int}


def rollout_path(folder, k):
    return Path(folder) / f"rollout_{k}.npz"


def rollout_arrays(task, episode, dtype):
    """A recorded Episode (worldmodels.rollout) as the arrays of a file. dtype: "uint8" or "float64"."""
    frames, steps, length = episode.frames, episode.steps, task.max_steps
    terminals = np.zeros(length, bool)
    terminals[[steps - 1, length - 1]] = True
    arrays = []
    for source, rows in ((frames.observations, length + 1), (frames.actions, length), (frames.rewards, length)):
        arrays.append(np.zeros((rows, *source.shape[1:]), DTYPES[dtype][len(arrays)]))
        arrays[-1][: len(source)] = source
    return dict(zip(KEYS, (*arrays, terminals), strict=True))


def check_rollout(task, path, dtype, seed):
    """The summary of a file that is whole and of this layout, None for one that is missing or anything else."""
    try:
        with reading(path, "a rollout"):
            observations, actions, rewards, terminals = arrays = load_npz(path, KEYS)
            length = task.max_steps
            shapes = [(length + 1, 64, 64, 3), (length, task.action_size), (length,), (length,)]
            if [a.shape for a in arrays] != shapes or tuple(str(a.dtype) for a in arrays) != DTYPES[dtype]:
                return None
            steps = int(np.argmax(terminals)) + 1
            empty = not (observations[steps + 1 :].any() or actions[steps:].any() or rewards[steps:].any())
            if not (terminals[-1] and empty and np.isfinite(rewards).all() and np.isfinite(actions).all()):
                return None
            return summary(task, path, seed, rewards, steps)
    except UserError:
        return None


def summary(task, path, seed, rewards, steps):
    """What the manifest says of one rollout. finished: the task was done before the last frame, and not failed."""
    content = path.read_bytes()
    return {
        "seed": seed,
        "score": round(float(rewards.sum()), 3),
        "steps": steps,
        "finished": bool(steps < task.max_steps and rewards[steps - 1] > -100),
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


class Manifest:
    """manifest.json: how the rollouts of a folder were made, and a summary of each. A folder holds one kind only."""

    def __init__(self, folder, made_with):
        """made_with: what decides the rollouts' content. UserError if those that are there were made otherwise."""
        self.path, self.made_with = Path(folder) / "manifest.json", made_with
        self.rollouts, self.played = [], None
        found = any(self.path.parent.glob("rollout_*.npz"))  # before the manifest: another process may make both
        if self.path.exists():
            self._read(folder)
        elif found:
            raise UserError(
                f"{folder} holds rollouts but no manifest.json that says how they were made: choose another --out"
            )
        self._write(complete=False)

    def _read(self, folder):
        what, remedy = "the manifest of the rollouts", "restore it, or choose another --out"
        data = load_json(self.path, what, dict, remedy)
        with reading(self.path, what, remedy):
            before, self.played = dict(data["made_with"]), data.get("played")
            self.rollouts = [row | {key: kind(row[key]) for key, kind in _SUMMARY.items()} for row in data["rollouts"]]
        if different := [name for name in self.made_with if before.get(name, "sample") != self.made_with[name]]:
            raise UserError(
                f"the rollouts in {folder} were made with another {' and '.join(different)}: choose another --out"
            )

    def agrees(self, k, rollout):
        """Whether the summary of file k is what was noted when it was made (nothing was noted by older versions)."""
        noted = self.rollouts[k].get("sha256") if k < len(self.rollouts) else None
        return noted in (None, rollout["sha256"])

    def finish(self, rollouts, played):
        """Write the summaries of rollouts 0, 1, ... and return them all.

        Those that a longer run before has noted are kept, up to the first whose file is not there.

        played: what this run did, a dict; None if there was nothing to do, and what the last one did stays.
        """
        later = range(len(rollouts), len(self.rollouts))
        there = itertools.takewhile(lambda k: rollout_path(self.path.parent, k).exists(), later)
        self.rollouts = rollouts + [self.rollouts[k] for k in there]
        self.played = played or self.played
        self._write(complete=True)
        return self.rollouts

    def _write(self, complete):
        scores = np.array([rollout["score"] for rollout in self.rollouts])
        totals = {"mean": float(scores.mean()), "std": float(scores.std())} if len(scores) else {}
        data = {"made_with": self.made_with, "complete": complete, **origin(), "played": self.played}
        save_json(self.path, data | totals | {"rollouts": self.rollouts}, indent=1)
