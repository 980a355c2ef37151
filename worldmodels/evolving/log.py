"""The files of an evolution: its log, and the checkpoint from which it goes on.

log/<name>.json            [parameters]: the mean of the distribution after the last generation
log/<name>.hist.json       a row a generation: generation, seconds, then of the candidates' mean returns the mean, min,
                           max and standard deviation, then the rms of the step sizes, mean steps + 1, max steps + 1
log/<name>.hist_best.json  a row an evaluation of the mean: generation, seconds, "improvement" (over the best before),
                           x, "curr" (this mean return), x, "prev" (the best before), x, "best" (from now on), x,
                           "std" (of this evaluation's returns), x
log/<name>.best.json       [parameters, score] of the best evaluation
log/<name>.run.json        what it was made with: controller, fingerprints of V and M, options, versions, machine
log/checkpoints/<name>.npz everything the next generation depends on, in one file
"""

from pathlib import Path

from worldmodels.controller import save_parameters
from worldmodels.evolving.state import checkpoint_path, load_state, save_state
from worldmodels.files.locking import lock
from worldmodels.files.writing import make_folder, save_json
from worldmodels.scripts.cli import UserError


class Log:
    """The files of the evolution called `name` in a folder. UserError if another process is writing them."""

    def __init__(self, folder, name):
        self.folder, self.name = make_folder(folder), name
        self.checkpoint = checkpoint_path(folder, name)
        make_folder(self.checkpoint.parent)
        self.lock = lock(
            self.checkpoint.with_suffix(".lock"),
            f"another evolution is writing {self.folder / name}.*: wait for it, or choose another --log",
        )
        for folder in (self.folder, self.checkpoint.parent):
            for left_over in folder.glob(f".*.tmp.{name}.*"):  # of a run killed in mid-write, on another host perhaps
                left_over.unlink(missing_ok=True)

    def resume(self, strategy, essential):
        """The State of the checkpoint, with `strategy` brought to where it was; None for a new run.

        UserError if the checkpoint is damaged, or was made with other `essential` options.
        """
        if not self.checkpoint.exists():
            return None
        state = load_state(self.checkpoint, strategy, essential)
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
        if changed := [str(name) for name in {**state.facts, **facts} if state.facts.get(name) != facts.get(name)]:
            raise UserError(
                f"{', '.join(changed)} changed since {self.checkpoint} was written: bring the former weights back, "
                "or start anew with another --log"
            )

    def save(self, state):
        """Write the checkpoint, then the log. A kill between the two costs nothing: resuming writes the log again."""
        save_state(self.checkpoint, state)
        self.save_json("json", [state.strategy.mean.tolist()])
        self.save_json("hist.json", [_row(generation) for generation in state.history], indent=0)
        self.save_json("hist_best.json", [_evaluation_row(one) for one in state.evaluations], indent=0)
        if state.best is not None:
            save_parameters(self.folder / f"{self.name}.best.json", *state.best)

    def save_json(self, suffix, data, indent=None):
        save_json(Path(self.folder) / f"{self.name}.{suffix}", data, indent)


def _row(generation):
    """A Generation in the layout of 2018."""
    return generation._replace(mean_steps=generation.mean_steps + 1, max_steps=generation.max_steps + 1)


def _evaluation_row(one):
    """An Evaluation in the layout of 2018."""
    words = {"improvement": one.score - one.before, "curr": one.score, "prev": one.before, "best": one.best}
    return [one.generation, one.seconds, *(x for pair in (words | {"std": one.std}).items() for x in pair)]
