"""One queue for many processes: rank 0 hands out jobs, the other MPI ranks (the workers) play them.

A script calls mpirun.start(), then main(): rank 0 runs `lead`, every other rank serves it. Work is asked for, never
assigned ahead, so no rank idles while another has a queue. Nobody spins: MPI's own receive would keep a core busy.
"""

import collections
import contextlib
import itertools
import os
import signal
import socket
import sys
import threading
import time
import traceback
from pathlib import Path

from worldmodels.parallel.crew import member, muster
from worldmodels.parallel.ranks import INTACT, LAUNCHER, report
from worldmodels.parallel.share import Share, even_share
from worldmodels.scripts import cli

CHUNK = 8  # at most so many jobs in one message: a worker waits up to some milliseconds for each
BEAT = 30  # seconds between two words of a worker's, however long it computes; it would spin at the 64th that is unread
SILENCE = 180  # seconds without a word after which a worker counts as lost: MPI may not notice a host that is gone
PATIENCE = 1800  # the same for a worker that hears nothing from rank 0, which may have long to do and has no beat


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
        raise cli.UserError(
            "MPI has started only 1 rank here: rank 0 hands out the work, so it takes at least 2. If more were asked "
            f"for, what started them does not know {MPI.get_vendor()[0]}: take its own mpirun, or srun --mpi=pmi2"
        )
    crew = comm.allgather(member())
    _unname_shared_memory()
    if comm.rank > 0:
        _serve(comm, make_player)
        return

    def work():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # as in every rank: its watcher knows what that means (ranks.py)
        muster(crew)
        lead(Queue(comm, [f"rank {rank} on {one.host}" for rank, one in enumerate(crew)]))

    try:
        cli.run(work)
        report("", 0)  # all is written, and a library that crashes while the processes end takes nothing back
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


def _unname_shared_memory():
    """MPICH removes the name of its shared memory when all has ended well; where ranks are killed it would stay for
    ever, 3 MB each time. The name is needed no more now that every rank has the memory open.
    """
    with contextlib.suppress(OSError):  # no /proc on this system
        for line in Path("/proc/self/maps").read_text().splitlines():
            if "/dev/shm/mpich_shm_" in line and not line.endswith("(deleted)"):
                Path(line[line.index("/dev/shm/") :]).unlink(missing_ok=True)


class Queue:
    """Rank 0's side: jobs in, results out, in the order in which they are done."""

    def __init__(self, comm, names):
        """names: how to speak of each rank."""
        self.comm, self.names = comm, names
        self.workers = comm.size - 1
        self.waiting = []  # workers that wait for a round to begin
        self.round = 0
        self.heard, self.listened = {}, -SILENCE  # when each worker has said something, and we have looked for it

    def facts(self):
        """Wait until every worker has loaded what it needs; return their facts. UserError if they differ."""
        first = None
        for _ in range(self.workers):
            worker, _, facts = self._receive()
            first = first or (worker, facts)
            if facts != first[1]:
                both = f"{self.names[first[0]]} and {self.names[worker]}"
                raise cli.UserError(
                    f"{both} have loaded different files, {first[1]} and {facts}: copy the same to both hosts"
                )
            self.waiting.append(worker)
        return first[1]

    def run(self, jobs, advanced):
        """Have every job played; yield the results. No worker plays more than an even share of the jobs at once.

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
        while True:
            worker, (kind, content) = _wait(self.comm, self._check_alive, contextlib.nullcontext())
            self.heard[worker] = time.monotonic()
            if kind == "failed":
                raise cli.UserError(content)
            if kind != "alive":
                return worker, kind, content

    def _check_alive(self):
        """UserError if a worker is lost: it has sent nothing for SILENCE, all the while that we listened."""
        now = time.monotonic()
        if now - self.listened > BEAT:  # nobody is to blame for what we have not read
            self.heard = dict.fromkeys(range(1, self.workers + 1), now)
        self.listened = now
        worker, heard = min(self.heard.items(), key=lambda item: item[1])
        if now - heard > SILENCE:
            raise cli.UserError(
                f"{self.names[worker]} has sent nothing for {now - heard:.0f} s: its host is gone, or hangs; {INTACT}"
            )


class Line:
    """A worker's line to rank 0. A thread says every BEAT that the worker is alive, until the line is closed."""

    def __init__(self, comm):
        self.comm, self.lock, self.closed = comm, threading.Lock(), threading.Event()
        self.thread = threading.Thread(target=self._beat, daemon=True)
        self.thread.start()

    def _beat(self):
        while not self.closed.wait(BEAT):
            self.send("alive")

    def send(self, kind, content=None):
        with self.lock:
            self.comm.send((kind, content), 0)

    def receive(self):
        """The next message of rank 0's. UserError after PATIENCE."""
        began = time.monotonic()

        def check():
            if time.monotonic() - began > PATIENCE:
                raise cli.UserError(f"rank 0 has sent nothing for {PATIENCE // 60} minutes: it must be lost; {INTACT}")

        return _wait(self.comm, check, self.lock)[1]

    def close(self):
        self.closed.set()
        self.thread.join()


def _serve(comm, make_player):
    line = Line(comm)
    try:
        play, facts = make_player()
        line.send("ready", facts)
        while (message := line.receive()) is not None:
            number, share, jobs = message
            jobs = Share(itertools.chain(jobs, _more(line, number)), share, lambda n: line.send("frames", n))
            for result in play(jobs):
                line.send("result", result)
                jobs.finished()
            line.send("idle")
        line.close()
    except BaseException as error:
        rank = f"rank {comm.rank} on {socket.gethostname()}"
        if isinstance(error, cli.UserError | OSError):
            words = f"{cli.explain(error)} (says {rank})"
        else:
            words = f"{rank}: {cli.explain(error)}; {INTACT}"
        line.send("failed", words)
        time.sleep(60)  # rank 0 ends us all
        os._exit(2)


def _more(line, number):
    while True:
        line.send("more", number)
        jobs = line.receive()
        if not jobs:
            return
        yield from jobs


def _wait(comm, check, lock):
    """Wait for the next message without spinning. Returns (its rank, message). check(): called while there is none."""
    from mpi4py import MPI

    status, pause = MPI.Status(), 0.0005
    while True:
        with lock:
            if comm.iprobe(MPI.ANY_SOURCE, MPI.ANY_TAG, status):
                return status.Get_source(), comm.recv(source=status.Get_source())
        check()
        time.sleep(pause)
        pause = min(1.5 * pause, 0.005)
