"""Files that one process at a time may write."""

import errno
import fcntl
import time

from worldmodels.scripts.cli import UserError
from worldmodels.scripts.progress import say

NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK)  # of a file system, such as Lustre mounted without flock


def lock(path, message):
    """Lock the file at `path`, which is made if it is not there. Returns it open: closing it unlocks it, and so does
    the end of the process.

    UserError(message) if another process holds it for longer than the processes of a killed run take to end. Where
    the file system has no locks, that is said, and the file is returned.
    """
    file = open(path, "a+")  # noqa: SIM115 (whoever locks it closes it)
    for pause in (0.5, 1, 2, 0):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except BlockingIOError:
            time.sleep(pause)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            say(f"{path}: this file system has no locks, so see to it that no second run writes into this folder")
            return file
    file.close()
    raise UserError(message)


def locked(path):
    """Whether a process holds the lock at `path` now."""
    try:
        with open(path) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # there is no such file, or it is not ours to open
        return False
    return False
