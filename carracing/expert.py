"""Expert rollouts: files that imitation learners read (Ke et al., 2019), and the manifest of a folder of them.

rollout_<k>.npz, k = 0, 1, ... without gaps, holds one episode of a fixed LENGTH of frames:
  observations (LENGTH + 1, 64, 64, 3): [0] is the reset frame, [t + 1] the one after actions[t]
  actions (LENGTH, 3), rewards (LENGTH,)
  terminals (LENGTH,) bool: True at the episode's last step, and always at the last index
Entries past the end of the episode are zero. Whoever reads the files takes the first True of terminals as the end.
"""

from pathlib import Path

import numpy as np

from carracing.env import ACTION_SIZE, MAX_STEPS
from worldmodels.files.provenance import origin
from worldmodels.files.reading import load_json, load_npz
from worldmodels.files.writing import save_json
from worldmodels.scripts.cli import UserError

LENGTH = MAX_STEPS
KEYS = ("observations", "actions", "rewards", "terminals")
DTYPES = {  # of the arrays in KEYS, by the name of the layout; "float64" is that of 2019
    "uint8": ("uint8", "float32", "float64", "bool"),
    "float64": ("float64", "float64", "float64", "bool"),
}


def rollout_path(folder, k):
    return Path(folder) / f"rollout_{k}.npz"


def rollout_arrays(episode, dtype):
    """A recorded Episode (worldmodels.rollout) as the arrays of a file. dtype: "uint8" or "float64"."""
    frames, steps = episode.frames, episode.steps
    terminals = np.zeros(LENGTH, bool)
    terminals[[steps - 1, LENGTH - 1]] = True
    arrays = []
    for source, length in ((frames.observations, LENGTH + 1), (frames.actions, LENGTH), (frames.rewards, LENGTH)):
        arrays.append(np.zeros((length, *source.shape[1:]), DTYPES[dtype][len(arrays)]))
        arrays[-1][: len(source)] = source
    return dict(zip(KEYS, (*arrays, terminals), strict=True))


def check_rollout(path, dtype, seed):
    """The summary of a file that is whole and of this layout, None for one that is missing or anything else."""
    try:
        observations, actions, rewards, terminals = arrays = load_npz(path, KEYS)
    except UserError:
        return None
    shapes = [(LENGTH + 1, 64, 64, 3), (LENGTH, ACTION_SIZE), (LENGTH,), (LENGTH,)]
    if [a.shape for a in arrays] != shapes or tuple(str(a.dtype) for a in arrays) != DTYPES[dtype]:
        return None
    steps = int(np.argmax(terminals)) + 1
    empty = not (observations[steps + 1 :].any() or actions[steps:].any() or rewards[steps:].any())
    if not (terminals[-1] and empty and np.isfinite(rewards).all()):
        return None
    return summary(path, seed, rewards, steps)


def summary(path, seed, rewards, steps):
    """What the manifest says of one rollout. finished: the task was done before the last frame, and not failed."""
    return {
        "seed": seed,
        "score": round(float(rewards.sum()), 3),
        "steps": steps,
        "finished": bool(steps < LENGTH and rewards[steps - 1] > -100),
        "bytes": path.stat().st_size,
    }


def _is_summary(data):
    keys = ("seed", "score", "steps", "finished", "bytes")
    return isinstance(data, dict) and all(isinstance(data.get(key), int | float) for key in keys)


class Manifest:
    """manifest.json: how the rollouts of a folder were made, and a summary of each. A folder holds one kind only."""

    def __init__(self, folder, made_with):
        """made_with: what decides the rollouts' content. UserError if those that are there were made otherwise."""
        self.path, self.made_with = Path(folder) / "manifest.json", made_with
        self.rollouts, self.played = [], None
        if self.path.exists():
            data = load_json(self.path, "the manifest of the rollouts", dict)
            before, self.rollouts, self.played = data.get("made_with"), data.get("rollouts", []), data.get("played")
            whole = isinstance(self.rollouts, list) and all(map(_is_summary, self.rollouts))
            if not isinstance(before, dict) or not whole:
                raise UserError(f"{self.path} is damaged: restore it, or choose another --out")
            if different := [name for name in made_with if before.get(name) != made_with[name]]:
                raise UserError(
                    f"the rollouts in {folder} were made with another {' and '.join(different)}: choose another --out"
                )
        elif any(self.path.parent.glob("rollout_*.npz")):
            raise UserError(
                f"{folder} holds rollouts but no manifest.json that says how they were made: choose another --out"
            )
        self._write(complete=False)

    def finish(self, rollouts, played):
        """Write the summaries of rollouts 0, 1, ...; those of a longer run before are kept. Returns them all.

        played: what this run did, a dict; None if there was nothing to do, and what the last one did stays.
        """
        self.rollouts = rollouts + self.rollouts[len(rollouts) :]
        self.played = played or self.played
        self._write(complete=True)
        return self.rollouts

    def _write(self, complete):
        scores = np.array([rollout["score"] for rollout in self.rollouts])
        totals = {"mean": float(scores.mean()), "std": float(scores.std())} if len(scores) else {}
        data = {"made_with": self.made_with, "complete": complete, **origin(), "played": self.played}
        save_json(self.path, data | totals | {"rollouts": self.rollouts}, indent=1)
