"""Keras on the CPU, or on a GPU (device.py), without what TensorFlow says where it finds none.

TensorFlow looks for NVIDIA's driver when it is loaded, and asks it for GPUs when the first array is made. Where there
is none, or they are hidden, it logs that as an error ("failed call to cuInit"). So both are done here, and in silence.
Where a GPU is asked for and there is a driver nothing is silenced: there the same words mean that something is wrong.
"""

import contextlib
import ctypes
import logging
import os

from worldmodels.computing import device
from worldmodels.scripts.cli import UserError
from worldmodels.scripts.streams import quiet_stderr


@contextlib.contextmanager
def hidden_gpus():
    """A context in which TensorFlow and JAX find no GPU. Other processes are not to inherit that."""
    hidden = {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
    before = {name: os.environ.get(name) for name in hidden}
    os.environ |= hidden
    yield
    for name, value in before.items():
        del os.environ[name]
        if value is not None:
            os.environ[name] = value


def has_driver():
    """Whether NVIDIA's driver can be loaded."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def in_silence():
    """A context in which TensorFlow's words on a missing GPU are not heard."""
    return contextlib.nullcontext() if device.in_use() == "gpu" and has_driver() else quiet_stderr()


def has_gpu():
    """Whether Keras's backend finds a GPU that it can use."""
    try:
        return bool(keras.distribution.list_devices("gpu"))
    except RuntimeError:  # JAX's way to say so
        return False


with in_silence(), hidden_gpus() if device.in_use() == "cpu" else contextlib.nullcontext():
    try:
        import keras
    except (ImportError, ValueError) as error:  # the second of a backend that Keras does not know
        raise UserError(
            f"Keras does not load ({error}): pip install -r requirements.txt, or -r requirements-jax.txt for "
            "KERAS_BACKEND=jax"
        ) from None
    from keras import layers, ops

    if device.in_use() == "gpu" and not has_gpu():
        raise UserError(
            f"--device gpu: {keras.backend.backend()} finds no GPU that it can use: leave that option out, or install "
            "what it needs (see the README)"
        )
    ops.zeros(())  # the first array

# TensorFlow takes the programs of all Keras models for one, and warns of "excessive retracing" from the fifth on.
logging.getLogger("tensorflow").addFilter(lambda record: "retracing" not in record.getMessage())


def set_random_seed(seed):
    """Keras's, which loads TensorFlow, where that is installed, whatever the backend is."""
    with in_silence():
        keras.utils.set_random_seed(seed)


__all__ = ["keras", "layers", "ops", "set_random_seed"]
