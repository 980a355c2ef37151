"""What the ranks know of one another before they begin: their hosts, and whether all run the same code."""

import collections
import socket
from typing import NamedTuple

from worldmodels.computing import device
from worldmodels.files.provenance import code
from worldmodels.parallel.processes import usable_cores
from worldmodels.scripts.cli import UserError
from worldmodels.scripts.progress import say


class Member(NamedTuple):
    """A rank, as it introduces itself."""

    host: str
    cores: frozenset  # the numbers of those that it may use
    code: dict  # provenance.code()
    device: str = "cpu"  # device.in_use()


def member():
    """This process."""
    return Member(socket.gethostname(), frozenset(usable_cores()), code(), device.in_use())


def muster(crew):
    """Say where the ranks are, if that is on several hosts. crew: the Members, by rank; rank 0 has no need of a core.

    UserError if two of them run different code, or use one GPU.
    """
    for other in crew:
        names = crew[0].code.keys() | other.code.keys()
        if different := sorted(name for name in names if crew[0].code.get(name) != other.code.get(name)):
            more = f" and {len(different) - 3} more" if len(different) > 3 else ""
            raise UserError(
                f"{crew[0].host} and {other.host} run different code: {', '.join(different[:3])}{more}; bring both to "
                "the same version"
            )
    workers, cores = collections.Counter(member.host for member in crew[1:]), collections.defaultdict(set)
    for one in crew[1:]:
        cores[one.host].update(one.cores)
    if len({one.host for one in crew}) > 1:
        say(f"rank 0 on {crew[0].host}, workers on {', '.join(f'{host} ({n})' for host, n in workers.items())}")
    for host, number in workers.items():
        if number > 1 and crew[-1].device == "gpu":
            raise UserError(
                f"--device gpu: {host} has {number} workers, but one alone plays on a GPU, with environments on all "
                "cores: take -n 1, or -n a:1,b:1"
            )
        if number > len(cores[host]):
            say(f"{host} has more workers ({number}) than cores ({len(cores[host])})")
