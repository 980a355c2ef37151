"""One process, one thread."""

import os

from threadpoolctl import threadpool_limits


def thread_limits():
    """The environment variables that hold a process to one thread on the CPU, and TensorFlow to errors only."""
    names = (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
        "NPROC",  # JAX
    )
    return {name: "1" for name in names} | {"TF_CPP_MIN_LOG_LEVEL": "2"}


def limit_threads():
    """Hold this process to one thread. Call it before Keras is imported: TensorFlow and JAX read the variables once.

    Where every core has its own process (MPI ranks, generation processes), more threads than one only fight for cores.
    """
    os.environ.update(thread_limits())
    threadpool_limits(1)  # of numpy, which is loaded and has read them
