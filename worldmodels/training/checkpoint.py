"""The checkpoint of a training: one file with everything needed to go on."""

from worldmodels.files.reading import reading
from worldmodels.files.sealed import load_sealed, save_sealed
from worldmodels.files.weights import all_finite, save_weights
from worldmodels.scripts.cli import UserError

WORDS = "the checkpoint of this training", "start over with --restart"


class Checkpoint:
    """Weights, optimizer state, step and place in the data stream, in the file checkpoint.npz of a folder.

    settings: what a run must have in common with the checkpoint to go on with it, {name: value}.
    """

    def __init__(self, folder, model, stream, settings):
        self.path = folder / "checkpoint.npz"
        self.model, self.stream, self.settings = model, stream, settings

    def save(self, step):
        self.check(step)
        about = {"step": step, "stream": self.stream.state, "settings": self.settings}
        save_sealed(self.path, about, {name: variable.numpy() for name, variable in self._variables().items()})

    def load(self):
        """Fill model, optimizer and stream. Returns the step, 0 if there is no checkpoint."""
        if not self.path.exists():
            return 0
        with reading(self.path, *WORDS):
            about, arrays = load_sealed(self.path, *WORDS)
            step = int(about["step"])
            self._compare(about["settings"])
            variables = self._variables()
            if {n: v.shape for n, v in arrays.items()} != {n: tuple(v.shape) for n, v in variables.items()}:
                raise UserError(f"{self.path} is of another model: the task, or this program, has changed: {WORDS[1]}")
            for name, variable in variables.items():
                variable.assign(arrays[name])
            restored = self.stream.restore(about["stream"])
        if not restored:
            print("the episodes have changed: going on with the new ones (some held-out ones may be known from before)")
        return step

    def remove(self):
        self.path.unlink(missing_ok=True)

    def check(self, step):
        """UserError if a weight of the model is not finite: that may be so where the loss is."""
        if not all_finite(self.model):
            raise self.lost(step)

    def lost(self, step):
        """Put the model back to the last good weights and save them beside the checkpoint. Returns the UserError."""
        good = self.load()
        path = self.path.with_name("last_good.weights.h5")
        save_weights(self.model, path)
        return UserError(
            f"a loss or weight became NaN by step {step:,}. The last good weights, of step {good:,}, are in {path}: "
            "run the same command with a lower --learning_rate, and without --restart, to go on from there"
        )

    def _variables(self):
        """Name in the file -> variable. The learning rate is left out: it may be changed on the way."""
        optimizer = self.model.optimizer
        optimizer.build(self.model.trainable_variables)
        state = [variable for variable in optimizer.variables if variable.name != "learning_rate"]
        groups = {"model": self.model.weights, "optimizer": state}
        return {f"{group}{n}": variable for group, variables in groups.items() for n, variable in enumerate(variables)}

    def _compare(self, before):
        for name, value in self.settings.items():
            if (old := before.get(name)) == value:
                continue
            if name == "V":
                raise UserError(
                    f"V has changed since {self.path} was made: add --restart to train M anew, and --init to begin "
                    "with the M that is there"
                )
            raise UserError(
                f"the run to be continued has {name} {old}, not {value} ({self.path}): "
                "use the same to go on with it, another --out, or --restart to start over"
            )
