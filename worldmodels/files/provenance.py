"""Where a result came from: package versions, machine, command. Every JSON in results/ carries these."""

import hashlib
import importlib.metadata
import os
import platform
import shlex
import sys
from pathlib import Path

from worldmodels.parallel.processes import available_cores

PACKAGES = ("gymnasium", "box2d", "numba", "vizdoom", "cma", "mpi4py")


def origin():
    """What every result says of where it came from: a dict for its JSON."""
    return {"command": command(), "machine": machine(), "versions": versions()}


def versions():
    """{package: version} of what decides a result: Python, Keras's backend and no other one, and so on.

    Packages that are not installed are left out.
    """
    found = {"python": platform.python_version()}
    for package in ("numpy", "keras", os.environ.get("KERAS_BACKEND", "tensorflow"), *PACKAGES):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def code():
    """{file: hash} of our library and of what lies beside the script, and {package: version}: what a process runs."""
    library, folder = Path(__file__).resolve().parents[1], Path(sys.argv[0]).resolve().parent
    files = [*library.rglob("*.py"), *folder.glob("*.py")]
    hashes = {f"{path.parent.name}/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    return versions() | hashes


def machine():
    """One line: processor, cores this process may use, system."""
    processor = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{processor}, {available_cores()} cores, {platform.system()} {platform.release()}"


def command():
    """The command line, for a shell in the folder of the script: `python model.py norender ...`."""
    return shlex.join(["python", Path(sys.argv[0]).name, *sys.argv[1:]])
