"""Where V and M compute, as the option --device names it: on the CPU, or on a GPU.

The CPU is the default, whatever the machine has: backend.py hides GPUs from Keras unless use("gpu") was called before.
"""

import os

DEVICES = ("cpu", "gpu")
VARIABLE = "WORLDMODELS_DEVICE"  # so that the processes which a script starts know it too


def add_option(parser, what):
    parser.add_argument("--device", choices=DEVICES, default="cpu", help=what)


def use(device):
    """Have this process, and those that it starts, compute on one of DEVICES. Call it before Keras is loaded."""
    os.environ[VARIABLE] = device


def note(device):
    """What a result says of its device: nothing of a CPU. Another one rounds otherwise."""
    return {} if device == "cpu" else {"device": device}


def in_use():
    """One of DEVICES."""
    return os.environ.get(VARIABLE, "cpu")
