"""Keras, without what TensorFlow says where it finds no GPU, or where a process has several models.

TensorFlow looks for NVIDIA's driver when it is loaded, and asks it for GPUs when the first array is made. Where there
is no driver it logs that as an error ("failed call to cuInit"). So both are done here, and in silence. With a driver
nothing is silenced, unless GPUs are hidden from this process: there the same words mean that something is wrong.
"""

import contextlib
import ctypes
import logging
import os

from worldmodels.parallel.threads import quiet_stderr


def has_driver():
    """Whether NVIDIA's driver can be loaded."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def in_silence():
    """A context in which TensorFlow's words on a missing GPU are not heard."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") == "-1"  # see parallel/threads.py
    return contextlib.nullcontext() if has_driver() and not hidden else quiet_stderr()


with in_silence():
    import keras
    from keras import layers, ops

    ops.zeros(())  # the first array

# TensorFlow takes the programs of all Keras models for one, and warns of "excessive retracing" from the fifth on.
logging.getLogger("tensorflow").addFilter(lambda record: "retracing" not in record.getMessage())


def set_random_seed(seed):
    """Keras's, which loads TensorFlow, where that is installed, whatever the backend is."""
    with in_silence():
        keras.utils.set_random_seed(seed)


__all__ = ["keras", "layers", "ops", "set_random_seed"]
