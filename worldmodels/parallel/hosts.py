"""The other machines that an evolution may use: how a command line names them, and whether they can be used."""

import argparse
import concurrent.futures
import os
import re
import shlex
import socket
import subprocess
import sys

from worldmodels.scripts.cli import UserError, positive_int

CANNOT_START = 3  # what the shell on a host ends with if the script does not start there
TRIAL = "WORLDMODELS_TRIAL"  # set where that is tried: with --help, and else the script ends in mpirun.start()
SSH = ("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10")


def number_or_hosts(text):
    """Parse "8" to 8, and "a:8,b" to (("a", 8), ("b", None)): so many processes on a, and one a core on b.

    ArgumentTypeError if it is neither.
    """
    if text.lstrip("-").isdigit():
        return positive_int(text)
    hosts = [part.strip().partition(":") for part in text.split(",")]
    if not all(re.fullmatch(r"\w[\w.-]*", name, re.ASCII) and (number or not colon) for name, colon, number in hosts):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor like a:8,b:16 (host:number)")
    return tuple((name, positive_int(number) if colon else None) for name, colon, number in hosts)


def reached(hosts):
    """These hosts, each with a number of processes: where none is named, that of its cores.

    UserError if one cannot be reached through ssh, does not have the folder, the Python and the script of here, or
    cannot start the script: MPICH would wait for it for ever.
    """
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        cores = list(pool.map(_cores, [name for name, _ in hosts]))
    return [(name, number or found) for (name, number), found in zip(hosts, cores, strict=True)]


def _cores(host):
    needed = [os.getcwd(), sys.executable, os.path.abspath(sys.argv[0])]
    missing = f'for path in {shlex.join(needed)}; do [ -e "$path" ] || {{ echo "$path"; exit 1; }}; done'
    script = f"{missing}; unset OMP_NUM_THREADS; nproc"  # nproc would take that for the number of cores
    command = ["sh", "-c", script]
    if not is_here(host):
        paths = [f"{name}={os.environ[name]}" for name in ("PYTHONPATH", "LD_LIBRARY_PATH") if name in os.environ]
        starts = shlex.join(["env", f"{TRIAL}=1", *paths, sys.executable, *sys.orig_argv[1:], "--help"])
        script += f"; cd {shlex.quote(os.getcwd())} && {starts} >/dev/null || exit {CANNOT_START}"
        command = [*SSH, "--", host, shlex.join(["sh", "-c", script])]
    try:
        answer = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    except FileNotFoundError:
        raise UserError("there is no ssh here, through which other hosts are reached: install it") from None
    said = answer.stdout.splitlines()  # before the last line, what a .bashrc prints
    if answer.returncode == 1 and said:
        raise UserError(
            f"host {host} has no {said[-1]}: it takes this folder and this Python in the same place, shared or copied"
        )
    if answer.returncode:
        cannot = f"start {needed[-1]}" if answer.returncode == CANNOT_START else "be reached"
        reason = (answer.stderr.strip().splitlines() or [f"code {answer.returncode}"])[-1]
        raise UserError(f"host {host} cannot {cannot}: {reason}")
    return int(said[-1])


def is_here(host):
    """Whether this is a name or an address of this machine."""
    try:
        with socket.socket() as probe:
            probe.bind((host, 0))
        return True
    except OSError:
        return False


def with_leader(hosts):
    """Where the ranks go: rank 0, which leads, is here, and comes before the workers. [(host, ranks)]."""
    here = [host for host in hosts if is_here(host[0])]
    others = [host for host in hosts if host not in here]
    name = here[0][0] if here else socket.gethostname()
    if others and (name == "localhost" or name.startswith("127.")):  # which each of the others has, too
        name = socket.gethostname()
    return [(name, sum(number for _, number in here) + 1), *others]
