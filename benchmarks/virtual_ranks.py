"""MPI ranks on a virtual clock: a simulation of how a generation spreads over workers.

Real: rank 0's queue, the workers' loop and their shares of the jobs (parallel/mpi.py, parallel/share.py), the rollout
loop and evolution.play. Mocked: the clock, MPI (Rank) and the world (Mock).
"""

import heapq
import threading
from types import SimpleNamespace
from unittest import mock

from worldmodels.evolution import play, player
from worldmodels.parallel import mpi, share
from worldmodels.rollout import Episode

NOBODY = SimpleNamespace(history=[])  # an evolution's State before its first generation


class Rank:
    """A rank of the simulation, with a clock of its own: for Queue and Line it is the communicator.

    A worker runs in a thread, from one message of rank 0's until it waits for the next. Then rank 0 goes on, and takes
    the messages of all in the order of their times: what a worker sends later cannot be earlier.
    """

    def __init__(self, ranks, cost):
        """ranks: those before, in a list. cost: seconds that a message takes its sender, and its receiver."""
        self.ranks, self.rank, self.cost = ranks, len(ranks), cost
        self.now, self.turn, self.mail, self.messages = 0.0, threading.Semaphore(0), [], 0
        ranks.append(self)

    @property
    def size(self):
        return len(self.ranks)

    def send(self, message, to):
        self._took_message()
        heapq.heappush(self.ranks[to].mail, (self.now, self.rank, self.messages, message))
        if self.rank == 0:
            self.ranks[to].turn.release()
            self.turn.acquire()

    def receive(self):
        if self.rank > 0:
            self.ranks[0].turn.release()
            self.turn.acquire()
        sent, rank, _, message = heapq.heappop(self.mail)
        pause = 0.0005
        while self.now < sent:  # as mpi._wait
            self.now, pause = self.now + pause, min(1.5 * pause, 0.005)
        self._took_message()
        return rank, message

    def _took_message(self):
        self.now += self.cost
        self.messages += 1


class Mock:
    """A world whose episodes last as many steps as their seed says."""

    def __init__(self, rank, slots, step, reset):
        """step(n): seconds of a step of n episodes; reset: those of a reset."""
        self.rank, self.slots, self.step, self.reset = rank, slots, step, reset
        self.playing, self.played = {}, 0  # slot -> [job, steps left]
        self.first = self.last = None  # when it began to play, and ended
        self.busy, self.steps = 0.0, 0

    def start(self, slot, job):
        self.first = self.rank.now if self.first is None else self.first
        self.rank.now += self.reset
        self.playing[slot] = [job, job.seed]

    def advance(self):
        """To the next end of an episode, but for no more than a second: the frames are told once a second."""
        n, step = len(self.playing), self.step(len(self.playing))
        steps = min(max(1, int(1 / step)), *(left for _, left in self.playing.values()))
        self.rank.now += steps * step
        self.last, self.busy, self.steps = self.rank.now, self.busy + steps * step, self.steps + steps
        self.played += n * steps
        for episode in self.playing.values():
            episode[1] -= steps
        ended = [(slot, job) for slot, (job, left) in self.playing.items() if left == 0]
        return [(slot, Episode(self.playing.pop(slot)[0], 0.0, job.seed, {}, None)) for slot, job in ended]


def simulate(lengths, workers, step, *, slots, reset, message, between=0.0, first=1):
    """Play a generation of episodes of these lengths. Returns its seconds, what part of the workers' time was of use,
    and where the rest of it went: the names below add up to 1.

    step(n): seconds of a step of n of `slots` episodes; reset, message, between (two generations, on rank 0): seconds.
    first: how fast the first worker is.
    """
    ranks, own = [], threading.local()
    leader = Rank(ranks, message)
    worlds = [Mock(Rank(ranks, message), slots, step, reset) for _ in range(workers)]
    worlds[0].step = lambda n: step(n) / first

    def serve(world):
        own.rank = world.rank
        mpi._serve(world.rank, lambda: (player(world), {}))
        leader.turn.release()

    with (
        mock.patch.object(mpi, "_wait", lambda comm, check, lock: comm.receive()),
        mock.patch.object(mpi.Line, "_beat", lambda line: None),
        mock.patch.object(share, "time", SimpleNamespace(monotonic=lambda: own.rank.now)),
    ):
        for world in worlds:
            threading.Thread(target=serve, args=(world,), daemon=True).start()
            leader.turn.acquire()
        queue = mpi.Queue(leader, ranks)
        queue.facts()
        began, messages = leader.now, leader.messages
        leader.now += between
        play(queue, [(length, None) for length in lengths], "simulated", NOBODY)
        seconds, messages = leader.now - began, leader.messages - messages
        queue.stop()
    played = [world for world in worlds if world.first is not None]
    frames, idle = sum(lengths) * step(slots) / slots, len(worlds) - len(played)
    parts = {
        "efficiency": frames + reset * len(lengths),
        "small batches": sum(world.busy for world in played) - frames,
        "ask and tell": between * workers,
        "start": sum(world.first - began - between for world in played),
        "tail": sum(began + seconds - world.last for world in played) + (seconds - between) * idle,
    }
    parts["messages"] = seconds * workers - sum(parts.values())
    parts = {name: part / (seconds * workers) for name, part in parts.items()}
    return {
        "seconds": seconds,
        **parts,
        "rank 0 busy": messages * message / seconds,
        "batch_steps": [world.steps for world in worlds],
    }
