"""CMA-ES in coordinates in which what C reads is white: every direction of it moves C's outputs by about as much.

M's state is strongly correlated. On the car, its first principal component varies 246 times as much as its 40th, yet a
linear reading of how the road bends ahead takes about 40 of them (benchmarks/what_c_reads.py). Candidates that differ
evenly in every parameter differ by the first few components, and the rest is lost in their noise; a covariance of 867 x
867 moves by 4e-5 a generation. So CMA-ES is given the inverse of the inputs' second moment to start with, which is the
same as a linear change of variables.
"""

import numpy as np

from worldmodels.parallel import ranks
from worldmodels.rollout import Job, run_episodes
from worldmodels.scripts.cli import UserError
from worldmodels.scripts.progress import FrameProgress

FLOOR = 0.02  # added to the second moment's eigenvalues: a component below it counts as noise (z's own noise is 1)


def whitening_matrix(moment):
    """(S + FLOOR)^(-1/2), symmetric (I, I), for the second moment S of C's inputs.

    Scaled so that a given sigma disturbs C's outputs as much as it would in the parameters themselves.
    """
    values, vectors = np.linalg.eigh(moment)
    values = np.maximum(values, 0)
    scale = np.sqrt(values.sum() / (values / (values + FLOOR)).sum())
    return scale * (vectors / np.sqrt(values + FLOOR)) @ vectors.T


def second_moment(world, params, seeds):
    """The mean of x x^T over what C reads (x, (I,)) while it plays with params (P,): (I, I) float64.

    world: environments with an Agent, where every step counts; or dreams, where one does in each of their programs.
    """
    if hasattr(world, "agent"):
        reader = world.agent = _AgentReader(world.agent)
    else:
        reader = world = _DreamReader(world)
    play("what C reads", world, params, seeds)
    if not reader.count:
        raise UserError("--whiten: no dream has gone on for more than some steps: train M for longer, or leave it out")
    return reader.total / reader.count


def play(label, world, params, seeds):
    """Have C's params (P,) play in a world, in rank 0, before an evolution begins. Returns the scores."""
    jobs, scores = [Job(seed, params) for seed in seeds], []
    with FrameProgress(label, len(jobs), world.max_steps, bar=ranks.terminal(), leave=False) as progress:
        for episode in run_episodes(world, jobs, progress.advanced):
            progress.ended(episode.steps)
            scores.append(episode.score)
    return scores


def act_and_read(agent, slots, observations):
    """Have an Agent act. Returns its actions (n, A), and what its C has read for them (n, I)."""
    h, c = agent.h[slots], agent.c[slots]  # z is seen, and then M's state moves on
    actions = agent.act(slots, observations)
    return actions, read(agent.controller, agent.z[slots], h, c)


def read(controller, z, h, c):
    """What C reads of z (n, Z) and M's state h, c (n, H): (n, I) float64."""
    return np.concatenate(controller.inputs(z, h, c), axis=-1).astype(np.float64)


class _Reader:
    """Adds up x x^T."""

    def __init__(self):
        self.total, self.count = 0.0, 0

    def add(self, x):
        self.total, self.count = self.total + x.T @ x, self.count + len(x)


class _AgentReader(_Reader):
    """Plays as the agent does, and reads what its C reads."""

    def __init__(self, agent):
        super().__init__()
        self.agent = agent

    def start(self, slot, job):
        self.agent.start(slot, job)

    def act(self, slots, observations):
        actions, x = act_and_read(self.agent, slots, observations)
        self.add(x)
        return actions


class _DreamReader(_Reader):
    """Dreams, and reads what C reads next whenever it can be seen: between two programs of many steps."""

    def __init__(self, dreams):
        super().__init__()
        self.dreams, self.slots, self.max_steps = dreams, dreams.slots, dreams.max_steps

    @property
    def played(self):
        return self.dreams.played

    def start(self, slot, job):
        self.dreams.start(slot, job)

    def advance(self):
        ended = self.dreams.advance()
        slots = sorted(self.dreams.playing)
        self.add(read(self.dreams.controller, self.dreams.z[slots], self.dreams.h[slots], self.dreams.c[slots]))
        return ended
