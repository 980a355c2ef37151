"""A training that takes no time: a line through the origin is fitted."""

import csv

import keras
import numpy as np

from worldmodels.training.loop import train

HELD_OUT = [np.ones((8, 1), np.float32)]


class Line(keras.Model):
    """The smallest model with the interface that `train` asks for."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1, name="dense")
        self.dense.build((None, 1))
        self.built = True

    def call(self, x):
        return self.dense(x)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return keras.ops.mean(keras.ops.square(y_pred - 3 * x))


class Numbers:
    """Batches that are a function of the step; raises or gives NaN at chosen steps."""

    def __init__(self, kill_at=None, nan_at=None):
        self.step, self.kill_at, self.nan_at = 0, kill_at, nan_at

    def __next__(self):
        if self.step == self.kill_at:
            raise KeyboardInterrupt
        batch = np.random.default_rng(self.step).normal(size=(8, 1)).astype(np.float32)
        if self.step == self.nan_at:
            batch[:] = np.nan
        self.step += 1
        return batch

    @property
    def state(self):
        return {"step": self.step}

    def restore(self, state):
        self.step = state["step"]
        return True


def line_run(out, numbers=None, *, steps=10, rate=0.05, settings=None, **options):
    """Train a line as vae_train.py trains V. Returns the model, and what `train` does."""
    keras.utils.set_random_seed(0)
    model = Line()
    model.compile(keras.optimizers.Adam(rate), jit_compile=False, run_eagerly=True)
    return model, train(model, numbers or Numbers(), HELD_OUT, out, steps, settings or {}, **options)


def csv_steps(path):
    """The steps of a table of losses."""
    with open(path, newline="") as file:
        return [int(row["step"]) for row in csv.DictReader(file)]
