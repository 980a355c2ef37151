"""stdout and stderr: open where they were closed, and silent for a while."""

import contextlib
import os
import sys


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
