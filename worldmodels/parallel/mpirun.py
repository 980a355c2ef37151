"""Start the ranks of an MPI program, watch over them, and say in one line why they ended.

A script calls start(): in a plain process it runs the same command under mpirun and waits for it; in a rank it returns.
Every rank is the child of a small process that waits for it and reports by name a rank that was killed: MPI itself
only says that "one of your processes" died, and often names the wrong one.
"""

import contextlib
import importlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from worldmodels.parallel.threads import alive, limit_threads, thread_limits
from worldmodels.scripts.cli import UserError

# What the launcher (the process that started mpirun) tells its ranks:
LAUNCHER = "WORLDMODELS_LAUNCHER"  # host:pid; the ranks end when it is gone
ENDING = "WORLDMODELS_ENDING"  # a link that the first rank to report why the run ends makes: to its exit code
TERMINAL = "WORLDMODELS_TERMINAL"  # set if the launcher's output is a terminal: a rank's own is always a pipe

INTACT = "the last checkpoint is intact: run the same command again to go on"
RANK_VARIABLES = ("PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK")


def under_mpi():
    """Whether this process is a rank that mpirun, mpiexec or srun started."""
    return any(name in os.environ for name in RANK_VARIABLES) or int(os.environ.get("SLURM_STEP_NUM_TASKS", 1)) > 1


def terminal():
    """Whether somebody is watching: then a progress bar makes sense."""
    return TERMINAL in os.environ or sys.stderr.isatty()


def start(workers):
    """Return in every rank, thread-limited and watched over. In a plain process run the same command under mpirun
    with workers + 1 ranks, and exit as it does. UserError if there is no MPI that works.
    """
    os.environ.setdefault("UCX_DEBUG_SIGNO", "0")  # or MPICH's UCX takes SIGHUP, and a closed terminal ends nobody
    if not under_mpi():
        _launch(workers)
    limit_threads()
    _watch()


def _launch(workers):
    command = [*mpirun_command(), "-n", str(workers + 1), sys.executable, *sys.orig_argv[1:]]
    with _folder() as folder:
        ending = Path(folder) / "ending"
        environment = os.environ | thread_limits()
        environment |= {LAUNCHER: f"{socket.gethostname()}:{os.getpid()}", ENDING: str(ending)}
        if sys.stderr.isatty():
            environment[TERMINAL] = "1"
        code = _run_mpirun(command, environment, ending)
        if ending.is_symlink():  # a rank has said why; mpirun's own code is that of any rank it killed
            code = int(os.readlink(ending))
        elif code:
            raise UserError(f"mpirun ended with code {code}: it, or a rank, was killed; {INTACT}")
    sys.exit(code)


def _folder():
    """A temporary folder with our name on it. Those of runs that were killed are removed."""
    host = socket.gethostname()
    for folder in Path(tempfile.gettempdir()).glob(f"worldmodels-*-*@{host}"):
        owner = folder.name.split("-")[1]
        if owner.isdigit() and not alive(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)
    return tempfile.TemporaryDirectory(prefix=f"worldmodels-{os.getpid()}-", suffix=f"@{host}")


def _run_mpirun(command, environment, ending):
    """Run mpirun to its end, and return its exit code. What it has to say when a rank dies is dropped: it names the
    wrong rank. It is ended with us, and if it fails to end although a rank has reported that the run does. OSError if
    our output is closed, or its disk full.
    """
    # In a session of its own, so that a Ctrl-C reaches only us: mpirun has a lot to say about that too.
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True
    )
    failures = []
    printer = threading.Thread(target=_print_output, args=(process.stdout, failures), daemon=True)
    printer.start()
    try:
        while process.poll() is None and not failures:
            if ending.is_symlink():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(5)
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.5)
    finally:
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()
    printer.join(1)
    if failures:
        raise failures[0]
    return process.wait()


def _print_output(stream, failures):
    held = b""  # mpich's banner, the last thing it prints, begins with an empty line
    try:
        with open(1, "wb", closefd=False) as output:  # not sys.stdout, which a stopped reader would lock at our end
            for line in stream:
                if line.startswith(b"=" * 60):
                    break
                output.write(held + line if line != b"\n" else held)
                output.flush()
                held = line if line == b"\n" else b""
    except OSError as error:
        failures.append(error)
    stream.read()  # mpirun must not wait for us


def mpirun_command():
    """The mpirun that belongs to the MPI library mpi4py loads, and the flags it needs."""
    advice = "`pip install mpi4py mpich` (or the MPI of your system) makes it work"
    try:
        import mpi4py

        mpi4py.rc.initialize = False  # this process only looks: it will be no rank
        library = importlib.import_module("mpi4py.MPI").Get_library_version()
    except (ImportError, RuntimeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"no working MPI: mpi4py does not load ({reason}); {advice}") from None
    openmpi, seen = "Open MPI" in library, None
    for path in (Path(sys.executable).parent / "mpirun", shutil.which("mpirun"), shutil.which("mpiexec")):
        if path is None or not os.access(path, os.X_OK):
            continue
        seen = path
        version = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
        if ("Open MPI" in version) == openmpi:
            flags = ["--oversubscribe", "--bind-to", "none"] if openmpi else []
            return [str(path), *flags, *(["--allow-run-as-root"] if openmpi and os.geteuid() == 0 else [])]
    if seen is None:
        raise UserError(f"no working MPI: there is no mpirun beside {sys.executable} or on the PATH; {advice}")
    name = library.split(" Version")[0].split(",")[0].splitlines()[0]
    raise UserError(f"no working MPI: mpi4py loads {name}, but {seen} is of another MPI; {advice}")


def _watch():
    """Fork: the child returns and is the rank; the parent waits for it, and reports a violent death."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is mpirun's and the launcher's business
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    rank = next((os.environ[name] for name in (*RANK_VARIABLES, "SLURM_PROCID") if name in os.environ), "?")
    died = f"error: rank {rank} on {socket.gethostname()} was killed%s; {INTACT}\n"
    watcher, parent = os.getpid(), os.getppid()
    child = os.fork()
    if child == 0:
        threading.Thread(target=_end_with, args=(watcher, died % ""), daemon=True).start()
        return
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        if os.getppid() != parent or not _launcher_lives():
            os.kill(child, signal.SIGKILL)
            os._exit(143)
        time.sleep(0.1)
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        time.sleep(0.3)  # where MPI is killing all ranks, it is our turn now, and the first to die has been reported
        report(died % f" (signal {-code}{', out of memory perhaps' if -code == signal.SIGKILL else ''})")
        code = 2
    os._exit(code)


def _launcher_lives():
    host, _, pid = os.environ.get(LAUNCHER, "").rpartition(":")
    if host != socket.gethostname():
        return True  # there is none, or we cannot see it from here
    return alive(int(pid))


def _end_with(watcher, message):
    """In the child: end with the watcher, which somebody has killed."""
    while os.getppid() == watcher:
        time.sleep(0.1)
    report(message)
    os._exit(2)


def report(message, code=2):
    """Say why the run ends, unless another rank has; message is "" where that has been said already."""
    if ENDING in os.environ:
        try:
            os.symlink(str(code), os.environ[ENDING])  # there at once or not at all, and even on a full disk
        except (FileExistsError, FileNotFoundError):  # another was first, or the launcher is gone
            return
        except OSError:
            pass  # said twice is better than never
    os.write(2, message.encode())
