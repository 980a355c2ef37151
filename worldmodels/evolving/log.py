"""The files of an evolution: its log, and the checkpoint from which it goes on.

log/<name>.json            [parameters]: the mean of the distribution after the last generation
log/<name>.hist.json       a row a generation: generation, seconds, then of the candidates' mean returns the mean, min,
                           max and standard deviation, then the rms of the step sizes, mean steps + 1, max steps + 1
log/<name>.hist_best.json  a row an evaluation of the mean: generation, seconds, "improvement" (over the best before),
                           x, "curr" (this mean return), x, "prev" (the best before), x, "best" (from now on), x,
                           "std" (of this evaluation's returns), x
log/<name>.best.json       [parameters, score] of the best evaluation
log/<name>.run.json        what it was made with: controller, fingerprints of V and M, options, versions, machine
log/<name>.curves.png      a picture of the rows, drawn anew about once a minute
log/checkpoints/<name>.npz everything the next generation depends on, in one file
"""

import time

from worldmodels.controller import save_parameters
from worldmodels.evolving.state import Evaluation, Generation, checkpoint_path, load_state, row_of, save_state
from worldmodels.files.locking import lock
from worldmodels.files.reading import load_json, reading
from worldmodels.files.writing import make_folder, save_json
from worldmodels.reporting.curves import evolution_figure
from worldmodels.reporting.pictures import save_picture
from worldmodels.scripts.cli import UserError

PICTURE_SECONDS = 60  # between two pictures of the curves


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
        self.drawn = time.monotonic()

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
        if changed := [str(name) for name, fact in state.facts.items() if facts.get(name) != fact]:
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

    def draw(self, state, generations, now=False):
        """Draw the curves if the last picture is old, or `now`. generations: how many there will be."""
        if state.history and (now or time.monotonic() - self.drawn > PICTURE_SECONDS):
            path = self.folder / f"{self.name}.curves.png"
            save_picture(path, lambda: evolution_figure(self.name, state.history, state.evaluations, generations))
            self.drawn = time.monotonic()

    def save_json(self, suffix, data, indent=None):
        save_json(self.folder / f"{self.name}.{suffix}", data, indent)


def _row(generation):
    """A Generation in the layout of 2018."""
    return generation._replace(mean_steps=generation.mean_steps + 1, max_steps=generation.max_steps + 1)


def _evaluation_row(one):
    """An Evaluation in the layout of 2018."""
    words = {"improvement": one.score - one.before, "curr": one.score, "prev": one.before, "best": one.best}
    return [one.generation, one.seconds, *(x for pair in (words | {"std": one.std}).items() for x in pair)]


def read_log(path):
    """The lists of Generation and Evaluation that are in the log beside a `.hist.json`. UserError if it is damaged.

    It may be of a run that goes on: each file is whole, but one may be a generation ahead of the other.
    """
    what, remedy = "the log of an evolution", "move it away"
    evaluations = path.with_name(path.name.replace(".hist.json", ".hist_best.json"))
    with reading(path, what, remedy):
        history = [row_of(Generation, row) for row in load_json(path, what, list, remedy)]
        if [row.number for row in history] != list(range(1, len(history) + 1)):
            raise ValueError("its generations are not numbered from 1 on")
        history = [row._replace(mean_steps=row.mean_steps - 1, max_steps=row.max_steps - 1) for row in history]
    if not evaluations.exists():
        return history, []
    with reading(evaluations, what, remedy):
        rows = [row[:2] + row[3::2] for row in load_json(evaluations, what, list, remedy)]
        return history, [row_of(Evaluation, [*row[:2], row[3], row[6], *row[4:6]]) for row in rows]
