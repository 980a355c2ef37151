"""One queue for many processes: rank 0 hands out jobs, the other MPI ranks (the workers) play them.

A script calls mpirun.start(), then main(): rank 0 runs `lead`, every other rank serves it. Work is asked for, never
assigned ahead, so no rank idles while another has a queue. Nobody spins: MPI's own receive would keep a core busy.
"""

import collections
import contextlib
import itertools
import os
import socket
import sys
import time
import traceback
from pathlib import Path

from worldmodels.parallel.mpirun import INTACT, LAUNCHER, report
from worldmodels.parallel.share import Share, even_share
from worldmodels.scripts import cli

CHUNK = 8  # at most so many jobs in one message: a worker waits up to some milliseconds for each
SILENCE = 1800  # seconds without a message after which a rank counts as lost, if MPI has not noticed


def main(lead, make_player):
    """Run the part of this rank; call it after start(), in every rank.

    lead(queue): rank 0's part. An error in it ends all ranks, with one line if it is a UserError or OSError.
    make_player(): what a worker calls once; returns (play, facts). play(jobs) yields one result for each job, as they
        come; jobs is an iterator that asks rank 0 for the next one (a Share). facts: a dict that has to be equal on all
        workers.
    """
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    if comm.size == 1:
        raise cli.UserError("MPI has started only 1 rank here: rank 0 hands out the work, so it takes at least 2")
    _unname_shared_memory(comm)
    if comm.rank > 0:
        _serve(comm, make_player)
        return
    try:
        cli.run(lambda: lead(Queue(comm)))
        return
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    report("", code)
    if LAUNCHER in os.environ:
        os._exit(code)  # it ends the others, and says nothing about it, as Abort would
    time.sleep(0.5)  # an mpirun that is told to end everything may drop words that it has not passed on yet
    comm.Abort(code)


def _unname_shared_memory(comm):
    """MPICH removes the name of its shared memory when all has ended well; where ranks are killed it would stay for
    ever, 3 MB each time. The name is needed no more as soon as every rank has the memory open.
    """
    comm.Barrier()
    with contextlib.suppress(OSError):  # no /proc on this system
        for line in Path("/proc/self/maps").read_text().splitlines():
            if "/dev/shm/mpich_shm_" in line and not line.endswith("(deleted)"):
                Path(line[line.index("/dev/shm/") :]).unlink(missing_ok=True)


class Queue:
    """Rank 0's side: jobs in, results out, in the order in which they are done."""

    def __init__(self, comm):
        self.comm = comm
        self.workers = comm.size - 1
        self.waiting = []  # workers that wait for a round to begin
        self.round = 0

    def facts(self):
        """Wait until every worker has loaded what it needs; return their facts. UserError if they differ."""
        first = None
        for _ in range(self.workers):
            worker, _, facts = self._receive()
            first = first or (worker, facts)
            if facts != first[1]:
                raise cli.UserError(f"ranks {first[0]} and {worker} have loaded different files: {first[1]}, {facts}")
            self.waiting.append(worker)
        return first[1]

    def run(self, jobs, advanced):
        """Have every job played; yield the results. No worker holds more than an even share of the jobs at once.

        advanced(frames): called now and then with the frames that a worker has played since (Share.advanced).
        """
        self.round += 1
        pending, left, share = collections.deque(jobs), len(jobs), even_share(len(jobs), self.workers)
        while left:
            while self.waiting and pending:
                self.comm.send((self.round, share, self._chunk(pending)), self.waiting.pop(0))
            worker, kind, content = self._receive()
            if kind == "result":
                left -= 1
                yield content
            elif kind == "frames":
                advanced(content)
            elif kind == "more":  # of the round before, if the worker has only now seen that there is no more
                self.comm.send(self._chunk(pending) if content == self.round else [], worker)
            else:
                self.waiting.append(worker)

    def _chunk(self, pending):
        """The next jobs for a worker: several while there are many, then one at a time, so that none hoards."""
        count = max(1, min(CHUNK, len(pending) // (CHUNK * self.workers)))
        return [pending.popleft() for _ in range(min(count, len(pending)))]

    def stop(self):
        """Let the workers go."""
        stopped = 0
        while stopped < self.workers:
            while self.waiting:
                self.comm.send(None, self.waiting.pop())
                stopped += 1
            if stopped < self.workers:
                worker, kind, _ = self._receive()
                if kind == "more":
                    self.comm.send([], worker)
                elif kind == "idle":
                    self.waiting.append(worker)

    def _receive(self):
        worker, (kind, content) = _receive(self.comm)
        if kind == "failed":
            raise cli.UserError(content)
        return worker, kind, content


def _serve(comm, make_player):
    try:
        play, facts = make_player()
        comm.send(("ready", facts), 0)
        while (message := _receive(comm)[1]) is not None:
            number, share, jobs = message
            jobs = Share(itertools.chain(jobs, _more(comm, number)), share, lambda n: comm.send(("frames", n), 0))
            for result in play(jobs):
                comm.send(("result", result), 0)
                jobs.finished()
            comm.send(("idle", None), 0)
    except BaseException as error:
        rank = f"rank {comm.rank} on {socket.gethostname()}"
        if isinstance(error, cli.UserError | OSError):
            line = f"{cli.explain(error)} (says {rank})"
        else:
            line = f"{rank}: {cli.explain(error)}; {INTACT}"
        comm.send(("failed", line), 0)
        time.sleep(60)  # rank 0 ends us all
        os._exit(2)


def _more(comm, number):
    while True:
        comm.send(("more", number), 0)
        jobs = _receive(comm)[1]
        if not jobs:
            return
        yield from jobs


def _receive(comm):
    """Wait for the next message without spinning. Returns (its rank, message); UserError after SILENCE."""
    from mpi4py import MPI

    status, pause, began = MPI.Status(), 0.0005, time.monotonic()
    while not comm.iprobe(MPI.ANY_SOURCE, MPI.ANY_TAG, status):
        if time.monotonic() - began > SILENCE:
            raise cli.UserError(
                f"no other rank has sent anything for {SILENCE // 60} minutes: one must be lost; {INTACT}"
            )
        time.sleep(pause)
        pause = min(1.5 * pause, 0.005)
    return status.Get_source(), comm.recv(source=status.Get_source())
