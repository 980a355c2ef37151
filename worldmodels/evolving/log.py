"""The files of an evolution: its log, and the checkpoint from which it goes on.

log/<name>.json            [parameters]: the mean of the distribution after the last generation
log/<name>.hist.json       a row a generation: generation, seconds, then of the candidates' mean returns the mean, min,
                           max and standard deviation, then the rms of the step sizes, mean steps + 1, max steps + 1
log/<name>.hist_best.json  a row an evaluation of the mean: generation, seconds, "improvement" (over the best before),
                           x, "curr" (this mean return), x, "prev" (the best before), x, "best" (from now on), x,
                           "std" (of this evaluation's returns), x
log/<name>.best.json       [parameters, score] of the best evaluation
log/<name>.run.json        what it was made with: controller, fingerprints of V and M, options, versions, machine
log/checkpoints/<name>.pkl everything the next generation depends on, in one file
"""

import fcntl
import pickle
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from worldmodels.controller import save_parameters
from worldmodels.files.writing import atomic_path, make_folder, save_json
from worldmodels.scripts.cli import UserError


@dataclass
class State:
    """An evolution between two generations."""

    essential: dict  # the options that may not change
    strategy: Any  # the cma strategy, with its own random generator inside
    facts: dict | None = None  # what the workers loaded: fingerprints of V and M
    generation: int = 0
    seconds: float = 0.0
    history: list = field(default_factory=list)  # rows of hist.json
    evaluations: list = field(default_factory=list)  # rows of hist_best.json
    means: list = field(default_factory=list)  # of the distribution after the last generations, as many as are averaged
    best: list | None = None  # [parameters, score]
    starts: list = field(default_factory=list)  # of run.json: from which generation on it ran with which options


class Log:
    """The files of the evolution called `name` in a folder. UserError if another process is writing them."""

    def __init__(self, folder, name):
        self.folder, self.name = Path(folder), name
        make_folder(self.folder)
        self.checkpoint = make_folder(self.folder / "checkpoints") / f"{name}.pkl"
        self.lock = open(self.checkpoint.with_suffix(".lock"), "w")  # noqa: SIM115 (held until the process ends)
        if not self._locked():
            raise UserError(
                f"another evolution is writing {self.folder / name}.*: wait for it, or choose another --log"
            )
        for folder in (self.folder, self.checkpoint.parent):
            for left_over in folder.glob(f".*.tmp.{name}.*"):  # of a run killed in mid-write, on another host perhaps
                left_over.unlink(missing_ok=True)

    def _locked(self):
        """Lock the log; False if another process holds it for longer than the ranks of a killed run take to end."""
        for pause in (0.5, 1, 2, 0):
            try:
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except OSError:
                time.sleep(pause)
        return False

    def resume(self, essential):
        """The State of the checkpoint, or None for a new run.

        UserError if the checkpoint was made with other essential options.
        """
        if not self.checkpoint.exists():
            return None
        try:
            state = pickle.loads(self.checkpoint.read_bytes())
            before = state.essential
        except Exception:
            raise UserError(f"{self.checkpoint} is damaged: remove it to start this evolution again") from None
        options = {**before, **essential}
        if other := [option for option in options if before.get(option) != essential.get(option)]:
            changes = ", ".join(f"--{option} {before.get(option)}, not {essential.get(option)}" for option in other)
            raise UserError(
                f"{self.checkpoint} is of a run with {changes}: use the same options to go on with it, or another --log"
            )
        print(f"going on after generation {state.generation} of {self.checkpoint}", flush=True)
        return state

    def put_aside(self):
        """Move older files of this name, without a checkpoint, out of the way of a new run."""
        old = sorted(path for path in self.folder.glob(f"{self.name}.*") if path.is_file())
        if not old:
            return
        number = 1
        while (aside := self.folder / f"replaced-{number}").exists():
            number += 1
        aside.mkdir()
        for path in old:
            path.rename(aside / path.name)
        print(f"there was a log of that name without a checkpoint: its {len(old)} files are now in {aside}", flush=True)

    def check(self, state, facts):
        """UserError if the workers have not loaded what the checkpoint's generations were played with."""
        if state.facts is None:
            state.facts = facts
        if changed := [name for name in {**state.facts, **facts} if state.facts.get(name) != facts.get(name)]:
            raise UserError(
                f"{', '.join(changed)} changed since {self.checkpoint} was written: bring the former weights back, "
                "or start anew with another --log"
            )

    def save(self, state):
        """Write the checkpoint, then the log. A kill between the two costs nothing: resuming writes the log again."""
        with atomic_path(self.checkpoint) as temporary:
            temporary.write_bytes(pickle.dumps(state))
        self.write(state)

    def write(self, state):
        self.save_json("json", [state.strategy.mean.tolist()])
        self.save_json("hist.json", state.history, indent=0)
        self.save_json("hist_best.json", state.evaluations, indent=0)
        if state.best is not None:
            save_parameters(self.folder / f"{self.name}.best.json", *state.best)

    def save_json(self, suffix, data, indent=None):
        save_json(self.folder / f"{self.name}.{suffix}", data, indent)
