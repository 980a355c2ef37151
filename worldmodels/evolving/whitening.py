"""CMA-ES in coordinates in which what C reads is white: every direction of it moves C's outputs by about as much.

M's state is strongly correlated. On the car, its first principal component varies 436 times as much as its 40th, yet a
linear reading of how the road bends ahead takes about 40 of them (benchmarks/what_c_reads.py). Candidates that differ
evenly in every parameter differ by the first few components, and the rest is lost in their noise; a covariance of 867 x
867 moves by 4e-5 a generation. So CMA-ES is given the inverse of the inputs' second moment to start with, which is the
same as a linear change of variables.
"""

import numpy as np

from worldmodels.parallel import ranks
from worldmodels.rollout import Job, run_episodes
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

    world: environments, with an Agent.
    """
    agent = world.agent = _Reader(world.agent)
    jobs = [Job(seed, params) for seed in seeds]
    with FrameProgress("what C reads", len(jobs), world.max_steps, bar=ranks.terminal(), leave=False) as progress:
        for episode in run_episodes(world, jobs, progress.advanced):
            progress.ended(episode.steps)
    return agent.total / agent.count


class _Reader:
    """Plays as the agent does, and adds up what its C reads."""

    def __init__(self, agent):
        self.agent, self.total, self.count = agent, 0.0, 0

    def start(self, slot, job):
        self.agent.start(slot, job)

    def act(self, slots, observations):
        h, c = self.agent.h[slots], self.agent.c[slots]
        actions = self.agent.act(slots, observations)
        x = np.concatenate(self.agent.controller.inputs(self.agent.z[slots], h, c), axis=-1).astype(np.float64)
        self.total, self.count = self.total + x.T @ x, self.count + len(x)
        return actions
