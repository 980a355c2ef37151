"""The rollout loop: episodes played in a world, many in lockstep; when one ends, its slot takes the next job at once.

Collecting data, evaluating, evolving, making expert rollouts, watching and dreaming are all this loop, in one of two
kinds of world: `Environments` (below; parallel/served.py has them in other processes), or M's `Dreams` (dream.py).
"""

import heapq
from typing import Any, NamedTuple, Protocol

import numpy as np


class Job(NamedTuple):
    """One episode to play.

    seed: all of the episode's randomness comes from it: the environment's and the agent's.
    params: flat float32 parameters of the controller to play with, or None for an agent that has its own.
    tag: whatever the caller wants to find again in the result.
    patience: if above 0, the episode also ends after so many steps in a row without a positive reward, and the steps it
        had left are charged at the last reward: what standing still would have cost. Saves time early in a training.
    """

    seed: int
    params: np.ndarray | None = None
    tag: Any = None
    patience: int = 0

    def rng(self):
        """The generator for the agent's share of the randomness; the environment draws its own from the seed."""
        return np.random.default_rng([self.seed, 1])


class Frames(NamedTuple):
    """All that happened in one episode of T steps. observations[t+1] follows actions[t]."""

    observations: np.ndarray  # (T + 1, 64, 64, 3) uint8: what was seen, or as `record` of the world says
    actions: np.ndarray  # (T, A) float32
    rewards: np.ndarray  # (T,) float64


class Episode(NamedTuple):
    """One episode that has ended."""

    job: Job
    score: float  # the sum of rewards, less what patience charges
    steps: int
    info: dict  # the environment's, of the last step
    frames: Frames | None  # None unless recorded


class World(Protocol):
    """Where episodes happen: `slots` of them at a time, each begun on its own and all advanced together."""

    slots: int
    max_steps: int  # of an episode
    played: int  # frames (steps) so far, of all episodes

    def start(self, slot, job):
        """Begin an episode in a slot that is free."""

    def advance(self):
        """Take episodes that have begun some steps further. Returns a list of (slot, Episode): those that ended."""


def run_episodes(world, jobs, advanced=None):
    """Play every job and yield its Episode as it ends, in the order in which they end.

    jobs: iterable of Job. The next one is asked for only when a slot is free, so it may be a queue shared with others.
        It gives None where there is nothing for now (see parallel.share), and its end means that there is no more to
        start; the episodes under way are played to their end.
    advanced(frames): called, if given, after every world.advance() with the frames of it.
    """
    jobs, more = iter(jobs), True
    free = list(range(world.slots))  # a heap: the first free slot is taken
    while True:
        while free and more:
            try:
                job = next(jobs)
            except StopIteration:
                more = False
                break
            if job is None:
                break
            world.start(heapq.heappop(free), job)
        if len(free) == world.slots:
            return
        before, ended = world.played, world.advance()
        if advanced:
            advanced(world.played - before)
        for slot, episode in ended:
            heapq.heappush(free, slot)
            yield episode


class Environments:
    """Gymnasium environments, one a slot, and one batched call of the agent for all of them.

    envs: with observations of one shape and dtype: (64, 64, 3) uint8.
    agent: has start(slot, job), called when a slot begins an episode, and act(slots, observations) -> actions, where
        slots is an (n,) int array of the slots that play, in order, observations is (n, 64, 64, 3) uint8 and actions
        (n, A) float32.
    max_steps: an episode ends after so many steps even if the environment would go on.
    record: keep every frame of the running episodes in memory, and give them with the Episode. It may be a function
        record(env) -> the picture of this moment, (64, 64, 3) uint8, to be kept in place of the observation.
    watch(slot, observation, action): called before every step, if given.
    """

    def __init__(self, envs, agent, max_steps, record=False, watch=None):
        self.envs, self.agent, self.max_steps, self.record, self.watch = envs, agent, max_steps, record, watch
        self.slots = len(envs)
        self.playing, self.played = {}, 0  # slot -> Playing
        space = envs[0].observation_space
        self.observations = np.empty((self.slots, *space.shape), space.dtype)

    def start(self, slot, job):
        self.observations[slot], _ = self.envs[slot].reset(seed=job.seed)
        self.agent.start(slot, job)
        self.playing[slot] = Playing(job, self.max_steps, self._picture(slot) if self.record else None)

    def advance(self):
        """By one step: an act of the agent, and a step of each environment."""
        slots = np.array(sorted(self.playing))
        self.played += len(slots)
        ended = []
        for slot, action in zip(slots.tolist(), self.agent.act(slots, self.observations[slots]), strict=True):
            if self.watch:
                self.watch(slot, self.observations[slot], action)
            observation, *result = self.envs[slot].step(action)
            self.observations[slot] = observation
            if episode := self.playing[slot].add(action, self._picture(slot), *result):
                del self.playing[slot]
                ended.append((slot, episode))
        return ended

    def _picture(self, slot):
        return self.record(self.envs[slot]) if callable(self.record) else self.observations[slot]


class Playing:
    """An episode under way in an environment. first: its first picture, if it is recorded."""

    def __init__(self, job, max_steps, first=None):
        self.job, self.max_steps = job, max_steps
        self.score, self.steps, self.unrewarded = 0.0, 0, 0
        self.observations = None
        if first is not None:
            self.observations = np.empty((max_steps + 1, *first.shape), first.dtype)
            self.observations[0] = first
            self.actions, self.rewards = [], []

    def add(self, action, picture, reward, terminated, truncated, info):
        """One step. Returns the Episode if it has ended with it, else None."""
        self.score += reward
        self.steps += 1
        self.unrewarded = 0 if reward > 0 else self.unrewarded + 1
        if self.observations is not None:
            self.observations[self.steps] = picture
            self.actions.append(action)
            self.rewards.append(reward)
        if terminated or truncated or self.steps >= self.max_steps:
            return self._episode(info)
        if self.job.patience and self.unrewarded >= self.job.patience:
            self.score += reward * (self.max_steps - self.steps)
            return self._episode(info)
        return None

    def _episode(self, info):
        frames = None
        if self.observations is not None:
            frames = Frames(self.observations[: self.steps + 1], np.array(self.actions), np.array(self.rewards))
        return Episode(self.job, self.score, self.steps, info, frames)
