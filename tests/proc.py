"""What /proc says of processes."""

from pathlib import Path


def state_of(pid):
    """The state of a process: a letter, Z if it has ended and is not yet waited for."""
    return _status(pid)[0]


def parent(pid):
    return int(_status(pid)[1])


def group(pid):
    return int(_status(pid)[2])


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _status(pid):
    """state, parent, group, ... of a process."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
