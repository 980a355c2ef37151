"""Where V and M compute, as the option --device names it: on the CPU, or on a GPU.

The CPU is the default, whatever the machine has: backend.py hides GPUs from Keras unless use("gpu") was called before.
"""

import sys

DEVICES = ("cpu", "gpu")
_in_use = "cpu"


def add_option(parser, what):
    parser.add_argument("--device", choices=DEVICES, default="cpu", help=what)


def use(device):
    """Compute on one of DEVICES, in this process. RuntimeError if Keras has been loaded on another."""
    global _in_use
    if device != _in_use and "worldmodels.computing.backend" in sys.modules:
        raise RuntimeError(f"Keras is on the {_in_use} by now: choose the {device} before anything loads it")
    _in_use = device


def in_use():
    """One of DEVICES."""
    return _in_use


def note(device):
    """What a result says of its device: nothing of a CPU. Another one rounds otherwise."""
    return {} if device == "cpu" else {"device": device}
