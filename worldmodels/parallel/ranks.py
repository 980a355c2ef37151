"""A rank of an MPI program, and the process that started it.

Every rank is the child of a small process that waits for it and reports by name a rank that was killed: MPI itself
only says that "one of your processes" died, and often names the wrong one.
"""

import os
import re
import signal
import socket
import sys
import threading
import time

from worldmodels.parallel.processes import alive

# What the launcher (the process that started mpirun) tells its ranks:
LAUNCHER = "WORLDMODELS_LAUNCHER"  # host:pid; the ranks end when it is gone
ENDING = "WORLDMODELS_ENDING"  # a link that the first rank to report why the run ends makes: to its exit code
TERMINAL = "WORLDMODELS_TERMINAL"  # set if the launcher's output is a terminal: a rank's own is always a pipe

INTACT = "the last checkpoint is intact: run the same command again to go on"
OF_A_RANK = re.compile("PMI_|PMIX_(?!MCA_)")  # what tells a process its rank, and is not for those that it starts
RANK_VARIABLES = ("PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK")


def under_mpi():
    """Whether this process is a rank that mpirun, mpiexec or srun started. The only task of a Slurm step is none: that
    is how one works at a node's prompt, `srun --pty bash`.
    """
    tasks = int(os.environ.get("SLURM_STEP_NUM_TASKS", 0))
    sizes = [os.environ.get(name) for name in ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE")]  # PMIx has none of its own
    if tasks == 1 and not launched() and all(size in (None, "1") for size in sizes):
        return False
    return tasks > 1 or any(name in os.environ for name in RANK_VARIABLES)


def leads():
    """Whether this process is rank 0, or the one that starts the ranks: what it checks, the others need not check."""
    return not under_mpi() or _rank() == "0"


def launched():
    """Whether one of our own processes has started this rank, and has said what is said before the ranks start."""
    return LAUNCHER in os.environ


def _rank():
    return next((os.environ[name] for name in (*RANK_VARIABLES, "SLURM_PROCID") if name in os.environ), "?")


def terminal():
    """Whether somebody is watching: then a progress bar makes sense."""
    return TERMINAL in os.environ or sys.stderr.isatty()


def watch():
    """Fork: the child returns and is the rank; the parent waits for it, and reports a violent death, or one that
    came with a traceback, maybe before MPI knew of the rank.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is mpirun's and the launcher's business
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    name = f"rank {_rank()} on {socket.gethostname()}"
    died = f"error: {name} was killed%s; {INTACT}\n"
    watcher, parent = os.getpid(), os.getppid()
    child = os.fork()
    if child == 0:
        threading.Thread(target=_end_with, args=(watcher, died % ""), daemon=True).start()
        return

    def end(*_):
        os.kill(child, signal.SIGKILL)
        os._exit(143)

    signal.signal(signal.SIGTERM, end)  # MPI or Slurm is ending all ranks: it knows why
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        if os.getppid() != parent or not _launcher_lives():
            end()
        time.sleep(0.1)
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        time.sleep(0.3)  # where MPI is killing all ranks, it is our turn now, and the first to die has been reported
        report(died % f" (signal {-code}{', out of memory perhaps' if -code == signal.SIGKILL else ''})")
        code = 2
    elif code == 1:
        report(f"error: {name} has ended with the error above\n")
    os._exit(code)


def _launcher_is_here():
    return os.environ.get(LAUNCHER, "").rpartition(":")[0] == socket.gethostname()


def _launcher_lives():
    return not _launcher_is_here() or alive(int(os.environ[LAUNCHER].rpartition(":")[2]))


def _end_with(watcher, message):
    """In the child: end with the watcher, which somebody has killed."""
    while os.getppid() == watcher:
        time.sleep(0.1)
    report(message)
    os._exit(2)


def report(message, code=2):
    """Say why the run ends, unless another rank has; message is "" where that has been said already, or all is well.

    code: what the launcher is to exit with; without a launcher it has no use.
    """
    if _launcher_is_here():
        try:
            os.symlink(str(code), os.environ[ENDING])  # there at once or not at all, and even on a full disk
        except (FileExistsError, FileNotFoundError):  # another was first, or the launcher is gone
            return
        except OSError:
            pass  # said twice is better than never
    os.write(2, message.encode())
