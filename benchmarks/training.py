"""How fast V and M train on this machine, on all of its cores, in both precisions.

    python benchmarks/training.py

A step of V is a batch of 100 frames, a step of M 100 sequences of 999 frames, as in the paper; the data is noise.
"""

import time
from pathlib import Path

import numpy as np

from worldmodels.cli import Parser, positive_int, run
from worldmodels.files import save_json
from worldmodels.provenance import command, machine, versions
from worldmodels.threads import quiet_stderr

RESULT = Path(__file__).resolve().parents[1] / "results" / "benchmark_training.json"
BATCH, SEQUENCE = 100, 999
DTYPES = {"float32": None, "bfloat16": "mixed_bfloat16"}


def seconds_per_step(model, batch, steps):
    for _ in range(2):  # traces the graph
        model.train_on_batch(batch)
    start = time.perf_counter()
    for _ in range(steps):
        model.train_on_batch(batch)
    return (time.perf_counter() - start) / steps


def main():
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--vae_steps", type=positive_int, default=100, help="steps of V to time")
    parser.add_argument("--rnn_steps", type=positive_int, default=5, help="steps of M to time")
    args = parser.parse_args()
    with quiet_stderr():
        import keras

        from worldmodels.rnn import MDNRNN
        from worldmodels.vae import VAE

    rng, result = np.random.default_rng(0), {}
    for precision, dtype in DTYPES.items():
        vae, rnn = VAE(32, dtype=dtype), MDNRNN(dtype=dtype)
        vae.compile(keras.optimizers.Adam(1e-4))
        rnn.compile(keras.optimizers.Adam(1e-3, clipvalue=1.0))
        frames = rng.integers(0, 256, (BATCH, 64, 64, 3), np.uint8)
        z = rng.standard_normal((BATCH, SEQUENCE + 1, 32), np.float32)
        actions = rng.uniform(-1, 1, (BATCH, SEQUENCE, 3)).astype(np.float32)
        sequences = {"x": np.concatenate([z[:, :-1], actions], axis=-1), "z_next": z[:, 1:]}
        v = seconds_per_step(vae, (frames, vae.noise(rng, BATCH)), args.vae_steps)
        m = seconds_per_step(rnn, sequences, args.rnn_steps)
        print(f"{precision:9} V {BATCH / v:7.0f} frames/s, M {m:6.2f} s a step, {BATCH * SEQUENCE / m:9.0f} frames/s")
        result[precision] = {"vae_frames_per_second": BATCH / v, "rnn_seconds_per_step": m}
    save_json(RESULT, {"command": command(), "machine": machine(), "versions": versions(), **result}, indent=1)


if __name__ == "__main__":
    run(main)
