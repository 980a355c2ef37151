"""One process, so many threads: set before numpy, TensorFlow and Keras are loaded, since each reads it only once."""

import contextlib
import os
import sys
from pathlib import Path


def usable_cores():
    """The numbers of the cores this process may use (fewer than the machine has, under Slurm or in a container)."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count()))


def available_cores():
    """How many cores this process may use."""
    return len(usable_cores())


def alive(pid):
    """Whether a process of this machine runs. One that has ended does not, even where nobody has asked yet how."""
    try:
        os.kill(pid, 0)  # asks only whether there is one
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except (PermissionError, FileNotFoundError):  # somebody else's; or there is no /proc on this system
        return True


def thread_limits(threads=1):
    """The environment variables that hold a process to `threads` threads on the CPU, and TensorFlow to errors only."""
    names = (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
    )
    return {name: str(threads) for name in names} | {"TF_CPP_MIN_LOG_LEVEL": "2"}


def limit_threads(threads=1):
    """Hold this process to `threads` threads. Call it before Keras is imported.

    Where every core has its own process (MPI ranks, generation processes), more threads than one only fight for cores.
    """
    os.environ.update(thread_limits(threads))


def open_streams():
    """Open on /dev/null what was closed when this process started (`>&-`): the next file would take its number, and
    get what is printed.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:  # the lowest that is free
        os.set_inheritable(number, True)
    os.close(number)
    for name, mode in {"stdin": "r", "stdout": "w", "stderr": "w"}.items():
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115


@contextlib.contextmanager
def quiet_stderr():
    """Drop what the block writes to stderr, from C++ too: TensorFlow greets with a dozen lines in every process.

    An exception of the block is raised as ever, so nothing that matters is lost.
    """
    open_streams()
    before = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
