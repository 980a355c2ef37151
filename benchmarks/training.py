"""How fast V and M of both tasks train on this machine, on all of its cores, in both precisions.

    python benchmarks/training.py

A step of V is a batch of 100 frames; a step of M is a batch of 100 sequences, as long as in the paper's experiments
(999 frames for the car, 500 for Doom). The data is noise.
"""

import time

import numpy as np
from backends import result_path

from worldmodels.files.provenance import origin
from worldmodels.files.writing import save_json
from worldmodels.scripts.cli import Parser, positive_int, run
from worldmodels.scripts.precision import PRECISIONS

BATCH = 100


def seconds_per_step(model, batch, steps):
    for _ in range(2):  # traces the graph
        model.train_on_batch(batch)
    start = time.perf_counter()
    for _ in range(steps):
        model.train_on_batch(batch)
    return (time.perf_counter() - start) / steps


def noise(task, sequence, rng):
    """A batch for M: what training/train_rnn.py's batches hold."""
    x = rng.standard_normal((BATCH, sequence, task.z_size + task.action_size + task.end_logit), np.float32)
    batch = {"x": x, "z_next": x[..., : task.z_size]}
    if task.end_logit:
        x[..., -1] = rng.random((BATCH, sequence)) < 1 / 300  # an episode begins
        batch["end"] = x[..., -1]
    return batch


def main():
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--vae_steps", type=positive_int, default=100, help="steps of V to time")
    parser.add_argument("--rnn_steps", type=positive_int, default=5, help="steps of M to time")
    measure(**vars(parser.parse_args()))


def measure(*, vae_steps, rnn_steps):
    from carracing.task import CARRACING
    from doomrnn.task import DOOM
    from worldmodels.computing.backend import keras

    rng, result = np.random.default_rng(0), origin()
    frames = rng.integers(0, 256, (BATCH, 64, 64, 3), np.uint8)
    for task, sequence in ((CARRACING, 999), (DOOM, 500)):
        for precision in PRECISIONS:
            vae, rnn = task.make_vae(precision), task.make_rnn(precision)
            vae.compile(keras.optimizers.Adam(1e-4))
            rnn.compile(keras.optimizers.Adam(1e-3, clipvalue=1.0))
            v = BATCH / seconds_per_step(vae, (frames, vae.noise(rng, BATCH)), vae_steps)
            m = seconds_per_step(rnn, noise(task, sequence, rng), rnn_steps)
            speeds = {"vae_frames_per_second": v, "rnn_seconds_per_step": m}
            result[f"{task.name}, {precision}"] = speeds | {"rnn_frames_per_second": BATCH * sequence / m}
            print(f"{task.name:9} {precision:9} V {v:7.0f} frames/s, M {m:6.2f} s a step of {BATCH} x {sequence}")
    save_json(result_path("training"), result, indent=1)


if __name__ == "__main__":
    run(main)
