"""Where a benchmark's raw numbers go: one file for each backend of Keras."""

from pathlib import Path

RESULTS = Path(__file__).resolve().parents[1] / "results"


def result_path(name):
    """results/benchmark_<name>.json; with KERAS_BACKEND=jax, benchmark_<name>.jax.json."""
    from worldmodels.computing.backend import keras

    backend = keras.backend.backend()
    return RESULTS / f"benchmark_{name}{'' if backend == 'tensorflow' else f'.{backend}'}.json"
