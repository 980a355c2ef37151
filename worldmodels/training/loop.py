"""The training loop of V and M: progress, losses, checkpoints, resume, a stop at NaN."""

import collections
import math
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

from worldmodels.files.locking import lock
from worldmodels.files.provenance import origin
from worldmodels.files.reading import load_json, reading
from worldmodels.files.weights import save_weights
from worldmodels.files.writing import make_folder, refuse_folder, save_json
from worldmodels.scripts.cli import UserError
from worldmodels.training.checkpoint import Checkpoint
from worldmodels.training.interrupts import deferred_interrupts
from worldmodels.training.losses import Losses

CHECKPOINT_SECONDS = 60  # so much work is lost at most when a run is killed
ROW_STEPS = 100  # a row of the CSV and a point in TensorBoard are the mean of so many steps


def train(model, stream, held_out, out, steps, settings, tensorboard=None, restart=False):
    """Train a compiled Keras model up to `steps` steps in all, and write its weights to `out`.

    stream: gives the input of `model` at next(stream); has `state` (for JSON) and `restore(state)`.
    held_out: a list of such inputs. settings: what a checkpoint must agree with to be continued.
    A checkpoint in `checkpoints/<name>/` beside `out` is continued, unless `restart`. Losses go to `<name>.losses.csv`
    beside `out`, a picture of them to `<name>.curves.png`, and they go to a folder `tensorboard` if given.
    `<name>.run.json` says what the weights were made with.
    Returns the held-out losses, or None if an earlier run was finished already. UserError where the loss turns NaN, or
    another process trains into `out`.
    """
    out = Path(out)
    refuse_folder(out, "the weights")
    name = run_name(out)
    folder = make_folder(out.parent / "checkpoints" / name)
    with lock(folder / "lock", f"another process is training {out}: wait for it, or choose another --out"):
        checkpoint = Checkpoint(folder, model, stream, settings)
        if restart:
            print("starting over. Should this be killed: the same command without --restart goes on")
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
        losses = Losses(out.with_name(f"{name}.losses.csv"), tensorboard, step, names)
        note_start(out.with_name(f"{name}.run.json"), step, steps, settings)
        try:
            measured = _loop(model, stream, held_out, steps, step, checkpoint, losses)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(", without --restart" if restart else "") from None
        save_weights(model, out)
        checkpoint.save(steps)  # after the weights: what says "finished" comes last
        return measured


def run_name(out):
    """weights/vae.weights.h5 -> vae: what everything beside a weights file is called."""
    return Path(out).name.removesuffix(".h5").removesuffix(".weights")


def note_start(path, step, steps, settings):
    """Add this start to the note on what the weights are made with. A training that begins has a new note."""
    earlier = []
    if step and path.exists():
        with reading(path, "the note on this training", "remove it"):
            earlier = list(load_json(path, "the note on this training", dict, "remove it")["starts"])
    start = {"step": step, "steps": steps, **origin()}
    save_json(path, {"settings": settings, "starts": [*earlier, start]}, indent=1)


def _loop(model, stream, held_out, steps, step, checkpoint, losses):
    saved = time.monotonic()
    measured = {}
    recent = collections.deque(maxlen=ROW_STEPS)
    with tqdm(total=steps, initial=step, unit="step", desc="training") as bar, deferred_interrupts() as interrupts:
        while step < steps:
            recent.append(model.train_on_batch(next(stream), return_dict=True))
            step += 1
            if not math.isfinite(recent[-1]["loss"]):
                raise checkpoint.lost(step)
            row = _mean(recent)
            bar.set_postfix({name: f"{value:.4g}" for name, value in (row | measured).items()}, refresh=False)
            bar.update()
            due = step == steps or time.monotonic() - saved > CHECKPOINT_SECONDS
            if due:
                if step < steps:
                    checkpoint.save(step)
                else:
                    checkpoint.check(step)  # what is finished is saved after the weights
                measured = {f"held_out_{name}": value for name, value in measure(model, held_out).items()}
                saved = time.monotonic()
                row |= measured
            if due or step % ROW_STEPS == 0:
                _write(losses, step, row, checkpoint)
            if due:
                losses.draw(steps)
            if interrupts:
                checkpoint.save(step)
                break
    return measured


def _write(losses, step, row, checkpoint):
    try:
        losses.write(step, row)
    except UserError:  # a full disk, say: it may be another than that of the checkpoint, and no step has to be lost
        checkpoint.save(step)
        raise


def measure(model, batches):
    """Mean losses of a compiled model over a list of batches, without training: a dict of floats."""
    return _mean([model.test_on_batch(batch, return_dict=True) for batch in batches])


def _mean(losses):
    return {name: float(np.mean([loss[name] for loss in losses])) for name in losses[0]}
