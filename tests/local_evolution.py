"""Evolutions in this process: all is real but MPI, in whose place a queue plays the jobs itself."""

import contextlib
import json
from unittest import mock

import numpy as np
from quadratic_evolution import evolve_quadratic, score, settings, strategy_of

from worldmodels.files import plain
from worldmodels.files.sealed import load_sealed
from worldmodels.parallel import mpi, mpirun

NAME = "quadratic.cma.2.6"
TINY = ("--popsize", "6", "--num_episode", "2", "--eval_steps", "2", "--eval_episodes", "4", "--generations", "5")


class LocalQueue:
    """Plays the jobs in this process; interrupts itself after `stop_after` results. rounds: the jobs of each round."""

    workers = 1

    def __init__(self, stop_after=None, vae="a fingerprint", play=score):
        self.left, self.vae, self.play, self.rounds = stop_after, vae, play, []

    def facts(self):
        return {"vae": self.vae}

    def run(self, jobs, advanced):
        self.rounds.append(list(jobs))
        for job in reversed(jobs):  # results come in any order
            if self.left is not None:
                self.left -= 1
                if self.left < 0:
                    raise KeyboardInterrupt
            advanced(10 + job.tag)
            yield job.tag, self.play(job.seed, job.params), 10 + job.tag

    def stop(self):
        pass


@contextlib.contextmanager
def played_by(queue):
    """In this block `evolve` has its episodes played by a LocalQueue, which keeps what the workers would play with."""

    def main(lead, make_player):
        queue.make_player = make_player
        lead(queue)

    with mock.patch.object(mpirun, "start", lambda workers: None), mock.patch.object(mpi, "main", main):
        yield queue


def evolve(folder, *words, queue=None, strategy=None, **given):
    """Run the script quadratic_evolution.py with TINY and some more words; returns the queue.

    strategy: another one than that of the words. given: what strategy_of takes.
    """
    options = settings(*TINY, "--log", str(folder), *words)
    with played_by(queue or LocalQueue()) as queue:
        evolve_quadratic(options, strategy or strategy_of(options, **given))
    return queue


def killed_again_and_again(folder, *words, strategy=lambda: None, **given):
    """The same, killed in generations and in evaluations, and started anew. strategy: makes one for each start."""
    for results in (5, 20, 27, 30, 1_000_000):
        with contextlib.suppress(KeyboardInterrupt):
            evolve(folder, *words, queue=LocalQueue(stop_after=results), strategy=strategy(), **given)
        np.random.seed(results)  # noqa: NPY002 (the global generator is not what it was)


def read(folder, suffix, name=NAME):
    return json.loads((folder / f"{name}.{suffix}").read_text())


def checkpoint(folder, name=NAME):
    """What is in a checkpoint."""
    path = folder / "checkpoints" / f"{name}.npz"
    return plain.unpack(*load_sealed(path, "the checkpoint", "mend it"))


def outcome(folder, name=NAME):
    """All that an evolution leaves and that has to be the same after another one, to the bit: seconds aside."""
    content = checkpoint(folder, name)
    for rows in ("history", "evaluations"):
        content[rows] = [(row[0], *row[2:]) for row in content[rows]]
    about, arrays = plain.pack({name: content[name] for name in content if name not in ("seconds", "starts")})
    return about, {name: (array.dtype, array.tobytes()) for name, array in arrays.items()}
