"""The training loop of V and M: progress, losses to CSV and TensorBoard, checkpoints, resume, a stop at NaN."""

import collections
import contextlib
import csv
import json
import math
import signal
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

from worldmodels.files.weights import all_finite, save_weights
from worldmodels.files.writing import atomic_path, make_folder, refuse_folder
from worldmodels.scripts import precision
from worldmodels.scripts.cli import UserError, positive_float, positive_int, seed

CHECKPOINT_SECONDS = 60  # so much work is lost at most when a run is killed
ROW_STEPS = 100  # a row of the CSV and a point in TensorBoard are the mean of so many steps


def add_options(parser, out, rows, learning_rate):
    """The options that vae_train.py and rnn_train.py share. rows: what a batch is made of."""
    add = parser.add_argument
    add("--out", default=out, help="file for the trained weights; all else that is written goes beside it")
    add("--batch_size", type=positive_int, default=100, help=f"{rows} in a batch")
    add("--learning_rate", type=positive_float, default=learning_rate,
        help="of Adam, at the start; may be changed when a run goes on")  # fmt: skip
    add("--seed", type=seed, default=1, help=f"of the first weights, the order of {rows} and the noise")
    precision.add_option(parser, "arithmetic of the training")
    add("--log", default="tb", metavar="FOLDER", help="folder for TensorBoard")
    add("--restart", action="store_true", help="start over instead of going on with the last checkpoint")


def train(model, stream, held_out, out, steps, settings, tensorboard=None, restart=False):
    """Train a compiled Keras model up to `steps` steps in all, and write its weights to `out`.

    stream: gives the input of `model` at next(stream); has `state` (for JSON) and `restore(state)`.
    held_out: a list of such inputs. settings: what a checkpoint must agree with to be continued.
    A checkpoint in `checkpoints/<name>/` beside `out` is continued, unless `restart`. Losses go to `<name>.losses.csv`
    beside `out`, and to a folder `tensorboard` if given.
    Returns the held-out losses, or None if an earlier run was finished already. UserError where the loss turns NaN.
    """
    out = Path(out)
    refuse_folder(out, "the weights")
    name = run_name(out)
    folder = make_folder(out.parent / "checkpoints" / name)
    checkpoint = Checkpoint(folder, model, stream, settings)
    if restart:
        checkpoint.remove()
    step = checkpoint.load()
    if step >= steps:
        save_weights(model, out)  # even if it is there: this repairs a damaged file
        print(f"{out} is finished: {step:,} steps. To go on, ask for more; to start over, add --restart.")
        return None
    if step:
        print(f"going on at step {step:,}")
    else:
        checkpoint.save(0)
    names = [metric.name for metric in model.metrics]
    with Log(out.with_name(f"{name}.losses.csv"), tensorboard, step, names) as log:
        measured = _loop(model, stream, held_out, steps, step, checkpoint, log)
    save_weights(model, out)
    checkpoint.save(steps)  # after the weights: what says "finished" comes last
    return measured


def run_name(out):
    """weights/vae.weights.h5 -> vae: what everything beside a weights file is called."""
    return Path(out).name.removesuffix(".h5").removesuffix(".weights")


def _loop(model, stream, held_out, steps, step, checkpoint, log):
    saved = time.monotonic()
    measured = {}
    recent = collections.deque(maxlen=ROW_STEPS)
    with tqdm(total=steps, initial=step, unit="step", desc="training") as bar, deferred_interrupts() as interrupts:
        while step < steps:
            recent.append(model.train_on_batch(next(stream), return_dict=True))
            step += 1
            if not math.isfinite(recent[-1]["loss"]):
                raise UserError(checkpoint.stop_at_nan(step))
            losses = _mean(recent)
            bar.set_postfix({name: f"{value:.4g}" for name, value in (losses | measured).items()}, refresh=False)
            bar.update()
            due = step == steps or time.monotonic() - saved > CHECKPOINT_SECONDS
            if due:
                if not all_finite(model):
                    raise UserError(checkpoint.stop_at_nan(step))
                if step < steps:
                    checkpoint.save(step)
                measured = {f"held_out_{name}": value for name, value in measure(model, held_out).items()}
                saved = time.monotonic()
            if due or step % ROW_STEPS == 0:
                log.write(step, losses | (measured if due else {}))
            if interrupts and step < steps:
                checkpoint.save(step)
                break
    return measured


@contextlib.contextmanager
def deferred_interrupts():
    """Ctrl-C and `kill` wait for the end of the block, which finds them in the list that this yields.

    The second one does not wait.
    """
    interrupts, former = [], {}

    def note(number, _):
        interrupts.append(number)
        if len(interrupts) > 1:
            restore()
            signal.raise_signal(number)

    def restore():
        for number, handler in former.items():
            signal.signal(number, handler)

    for number in (signal.SIGINT, signal.SIGTERM):
        former[number] = signal.signal(number, note)
    try:
        yield interrupts
    finally:
        restore()
    if interrupts:
        signal.raise_signal(interrupts[0])


def measure(model, batches):
    """Mean losses of a compiled model over a list of batches, without training: a dict of floats."""
    return _mean([model.test_on_batch(batch, return_dict=True) for batch in batches])


def _mean(losses):
    return {name: float(np.mean([loss[name] for loss in losses])) for name in losses[0]}


class Checkpoint:
    """One file with everything needed to go on: weights, optimizer state, step and place in the data stream."""

    def __init__(self, folder, model, stream, settings):
        self.path = folder / "checkpoint.npz"
        self.model, self.stream, self.settings = model, stream, settings

    def _variables(self):
        """Name in the file -> variable. The learning rate is left out: it may be changed on the way."""
        self.model.optimizer.build(self.model.trainable_variables)
        groups = {"model": self.model.weights, "optimizer": self.model.optimizer.variables}
        return {
            f"{group}{number}": variable
            for group, variables in groups.items()
            for number, variable in enumerate(variables)
            if variable.name != "learning_rate"
        }

    def save(self, step):
        about = {"step": step, "stream": self.stream.state, "settings": self.settings}
        arrays = {name: variable.numpy() for name, variable in self._variables().items()}
        with atomic_path(self.path) as temporary, open(temporary, "wb") as file:
            np.savez(file, about=json.dumps(about), **arrays)

    def load(self):
        """Fill model, optimizer and stream. Returns the step, 0 if there is no checkpoint."""
        if not self.path.exists():
            return 0
        try:
            with np.load(self.path) as data:
                arrays = dict(data)
                about = json.loads(str(arrays.pop("about")))
        except Exception:  # written whole or not at all, so this is a damaged disk
            raise UserError(f"{self.path} is damaged: start over with --restart") from None
        for name, value in self.settings.items():
            if (old := about["settings"].get(name)) != value:
                if name == "V":
                    raise UserError(
                        f"V has changed since {self.path} was made: add --restart to train M anew, and --init to begin "
                        "with the M that is there"
                    )
                raise UserError(
                    f"the run to be continued has {name} {old}, not {value} ({self.path}): "
                    f"give {old} to go on with it, another --out, or --restart to start over"
                )
        variables = self._variables()
        if {n: v.shape for n, v in arrays.items()} != {n: tuple(v.shape) for n, v in variables.items()}:
            raise UserError(f"{self.path} was made by another version of this program: start over with --restart")
        for name, variable in variables.items():
            variable.assign(arrays[name])
        if not self.stream.restore(about["stream"]):
            print("the episodes have changed: going on with the new ones (some held-out ones may be known from before)")
        return about["step"]

    def remove(self):
        self.path.unlink(missing_ok=True)

    def stop_at_nan(self, step):
        """Put the model back to the last good weights and save them beside the checkpoint. Returns the words for it."""
        good = self.load()
        path = self.path.with_name("last_good.weights.h5")
        save_weights(self.model, path)
        return (
            f"the loss became NaN at step {step:,}. The last good weights, of step {good:,}, are in {path}: "
            "run the same command with a lower --learning_rate to go on from there"
        )


class Log:
    """Losses as rows of a CSV file and as TensorBoard scalars, under the names of the model's metrics."""

    def __init__(self, path, tensorboard, step, names):
        fields = ["step", *names, *(f"held_out_{name}" for name in names)]
        rows = []
        if step and path.exists():  # a resumed run: what came after its checkpoint is done again
            with open(path, newline="", errors="replace") as file:
                rows = [row for row in csv.DictReader(file) if (row.get("step") or "").isdecimal()]
            rows = [row for row in rows if int(row["step"]) <= step]
        with atomic_path(path) as temporary, open(temporary, "w", newline="") as file:
            writer = csv.DictWriter(file, fields, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        self.file = open(path, "a", newline="")  # noqa: SIM115 (closed by __exit__)
        self.csv = csv.DictWriter(self.file, fields)
        self.events = Events(tensorboard, path.name.removesuffix(".losses.csv"), step) if tensorboard else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        if self.events:
            self.events.writer.close()

    def write(self, step, losses):
        self.csv.writerow({"step": step} | {name: f"{value:.6g}" for name, value in losses.items()})
        self.file.flush()
        if self.events:
            self.events.write(step, losses)


class Events:
    """Scalars in a folder for TensorBoard, which needs no TensorFlow: the backend may be another one."""

    def __init__(self, folder, name, step):
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self.event, self.summary = event_pb2.Event, summary_pb2.Summary
        self.writer = EventFileWriter(str(make_folder(Path(folder) / name)))
        restarted = event_pb2.SessionLog(status=event_pb2.SessionLog.START)  # later points of a killed run are hidden
        self.writer.add_event(self.event(wall_time=time.time(), step=step, session_log=restarted))

    def write(self, step, losses):
        values = [self.summary.Value(tag=name, simple_value=float(value)) for name, value in losses.items()]
        self.writer.add_event(self.event(wall_time=time.time(), step=step, summary=self.summary(value=values)))
        self.writer.flush()
