"""Start the ranks of an MPI program, and say in one line why they ended.

A script calls start(): in a plain process it runs the same command under mpirun and waits for it; in a rank it returns.
"""

import contextlib
import importlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from worldmodels.parallel import hosts, ranks
from worldmodels.parallel.processes import left_behind
from worldmodels.parallel.relay import Relay
from worldmodels.parallel.threads import limit_threads, thread_limits
from worldmodels.scripts.cli import UserError

ADVICE = "`pip install mpi4py mpich` (or the MPI of your system) makes it work"


def start(workers):
    """Return in every rank, thread-limited and watched over. In a plain process run the same command under mpirun
    with so many workers, and rank 0 for them, and exit as it does.

    workers: a number, or hosts with a number each (hosts.number_or_hosts). UserError if there is no MPI that works, or
    a host that cannot be used.
    """
    os.environ.setdefault("UCX_DEBUG_SIGNO", "0")  # or MPICH's UCX takes SIGHUP, and a closed terminal ends nobody
    if hosts.TRIAL in os.environ:  # another host asks whether the script comes this far here
        sys.exit()
    if not ranks.under_mpi():
        _launch(workers)
    limit_threads()
    ranks.watch()


def _launch(workers):
    places = None if isinstance(workers, int) else hosts.with_leader(hosts.reached(workers))
    number = sum(n for _, n in places) if places else workers + 1
    with _folder() as folder:
        ending = Path(folder) / "ending"
        # In a Slurm job Hydra would ask Slurm for the hosts and for a step to start on: that one may be our own.
        hydra = {"HYDRA_RMK": "user", "HYDRA_BOOTSTRAP": "ssh" if places else "fork"}
        environment = hydra | {name: value for name, value in os.environ.items() if not ranks.OF_A_RANK.match(name)}
        environment |= thread_limits()
        environment |= {ranks.LAUNCHER: f"{socket.gethostname()}:{os.getpid()}", ranks.ENDING: str(ending)}
        if sys.stderr.isatty():
            environment[ranks.TERMINAL] = "1"
        command = [*mpirun_command(environment), "-n", str(number)]
        if places:
            command += ["--host", ",".join(f"{host}:{n}" for host, n in places)]
        command += [sys.executable, *sys.orig_argv[1:]]
        code, reported, own = _run(command, environment, ending)
        if (left := _code(ending)) is not None:  # a rank has said why; mpirun's own code is that of any rank it killed
            code = left
        elif reported:
            code = 2
        elif code:
            says = f" ({', '.join(own)})" if own else ""
            reason = f"mpirun ended with code {code}{says}: it, or a rank, was killed"
            try:
                hosts.reached(places[1:] if places else [])  # without this one
            except UserError as gone:
                reason = str(gone)
            raise UserError(f"{reason}; {ranks.INTACT}")
    sys.exit(code)


def _folder():
    """A temporary folder with our name on it. Those of runs that were killed are removed."""
    host = socket.gethostname()
    for folder in Path(tempfile.gettempdir()).glob(f"worldmodels-*-*@{host}"):
        if left_behind(folder.name):
            shutil.rmtree(folder, ignore_errors=True)
    return tempfile.TemporaryDirectory(prefix=f"worldmodels-{os.getpid()}-", suffix=f"@{host}")


def _run(command, environment, ending):
    """Run mpirun to its end. It is ended with us, and if it fails to end although a rank has said that the run failed.

    Returns its exit code, whether a rank has said why the run ends, and mpirun's own words. OSError if our output is
    closed, or its disk full.
    """
    # In a session of its own, so that a Ctrl-C reaches only us: mpirun has a lot to say about that too.
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, env=environment, start_new_session=True, **pipes)
    out, err = Relay(process.stdout, 1), Relay(process.stderr, 2)
    try:
        while process.poll() is None and not out.failure:
            if err.reported or _code(ending):
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
    out.join(1)
    err.join(1)
    if out.failure:
        raise out.failure
    # Of MPICH's text, which begins with a title, two lines say which process ended, and how.
    return process.wait(), err.reported, err.own[:1] or [line.strip("= ") for line in out.own[1:3]]


def _code(ending):
    """The exit code that a rank has left, or None."""
    return int(os.readlink(ending)) if ending.is_symlink() else None


def mpirun_command(environment):
    """The mpirun that belongs to the MPI library mpi4py loads, and the flags it needs to pass on the environment."""
    try:
        import mpi4py

        mpi4py.rc.initialize = False  # this process only looks: it will be no rank
        library = importlib.import_module("mpi4py.MPI").Get_library_version()
    except (ImportError, RuntimeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"no working MPI: mpi4py does not load ({reason}); {ADVICE}") from None
    is_openmpi, seen = "Open MPI" in library, None
    folders = dict.fromkeys([os.path.dirname(sys.executable), *os.get_exec_path()])
    for path in (shutil.which(name, path=folder) for folder in folders for name in ("mpirun", "mpiexec")):
        if path is None:
            continue
        seen = path
        version = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
        if ("Open MPI" in version or "OpenRTE" in version) == is_openmpi:  # its mpiexec says the latter
            return [path, *(_openmpi_flags(environment) if is_openmpi else [])]
    if seen is None:
        raise UserError(f"no working MPI: there is no mpirun beside {sys.executable} or on the PATH; {ADVICE}")
    name = library.split(" Version")[0].split(",")[0].splitlines()[0]
    raise UserError(f"no working MPI: mpi4py loads {name}, but {seen} is of another MPI; {ADVICE}")


def _openmpi_flags(environment):
    """What makes Open MPI do as MPICH: more ranks than cores, on any of them, and our environment on every host."""
    flags = ["--oversubscribe", "--bind-to", "none", *(["--allow-run-as-root"] if os.geteuid() == 0 else [])]
    return flags + [word for name in environment if name.isidentifier() for word in ("-x", name)]
