"""Processes of this machine, and the cores they may use."""

import os
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


def left_behind(name):
    """Whether a file called like "worldmodels-123-x" is of process 123 of this machine, and that has ended."""
    owner = name.split("-")[1]
    return owner.isdigit() and not alive(int(owner))
