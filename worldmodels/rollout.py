"""The rollout loop: many environments in lockstep in one process, one batched call of the agent for all of them.

Data collection, evaluation, evolution and expert rollouts are all this loop, with another agent, another list of
jobs, or with recording switched on. When an episode ends, its slot takes the next job at once.
"""

from typing import Any, NamedTuple

import numpy as np


class Job(NamedTuple):
    """One episode to play.

    seed: all of the episode's randomness comes from it: the environment's and the agent's.
    params: flat float32 parameters of the controller to play with, or None for an agent that has its own.
    tag: whatever the caller wants to find again in the result.
    """

    seed: int
    params: np.ndarray | None = None
    tag: Any = None

    def rng(self):
        """The generator for the agent's share of the randomness; the environment draws its own from the seed."""
        return np.random.default_rng([self.seed, 1])


class Frames(NamedTuple):
    """All that happened in one episode of T steps. observations[t+1] follows actions[t]."""

    observations: np.ndarray  # (T + 1, 64, 64, 3) uint8
    actions: np.ndarray  # (T, A) float32
    rewards: np.ndarray  # (T,) float64


class Episode(NamedTuple):
    job: Job
    score: float  # the sum of rewards
    steps: int
    info: dict  # the environment's, of the last step
    frames: Frames | None  # None unless recorded


def run_episodes(envs, agent, jobs, max_steps, patience=0, record=False):
    """Play every job and yield its Episode as it ends, in the order in which they end.

    envs: Gymnasium environments, one a slot, with observations of one shape: uint8 images (dreams: float32 z).
    agent: has start(slot, job), called when a slot begins an episode, and act(slots, observations) -> actions, where
        slots is an (n,) int array of the slots still playing, observations is (n, 64, 64, 3) uint8 and actions (n, A)
        float32.
    jobs: iterable of Job. The next one is asked for only when a slot is free, so it may be a queue shared with others;
        its end means that there is no more to start, and the episodes under way are played to their end.
    max_steps: an episode ends after so many steps even if the environment would go on.
    patience: if above 0, an episode also ends after so many steps in a row without a positive reward, and the steps it
        had left are charged at the last reward: what standing still would have cost. Saves time early in a training.
    record: keep every frame of the running episodes in memory, and give them with the Episode.
    """
    jobs = iter(jobs)
    slots = [_Slot(env, record) for env in envs]
    idle, playing = list(range(len(slots))), []
    space = envs[0].observation_space
    observations = np.empty((len(slots), *space.shape), space.dtype)
    while True:
        while idle and jobs is not None:
            job = next(jobs, None)
            if job is None:
                jobs = None
                break
            slot = idle.pop(0)
            observations[slot] = slots[slot].start(job, max_steps)
            agent.start(slot, job)
            playing.append(slot)
        if not playing:
            return
        active = np.array(sorted(playing))
        for slot, action in zip(active.tolist(), agent.act(active, observations[active]), strict=True):
            observations[slot], episode = slots[slot].step(action, max_steps, patience)
            if episode is not None:
                playing.remove(slot)
                idle.append(slot)
                yield episode


class _Slot:
    """One environment and the episode being played in it."""

    def __init__(self, env, record):
        self.env = env
        self.record = record

    def start(self, job, max_steps):
        observation, _ = self.env.reset(seed=job.seed)
        self.job, self.score, self.steps, self.unrewarded = job, 0.0, 0, 0
        if self.record:
            self.observations = np.empty((max_steps + 1, *observation.shape), np.uint8)
            self.observations[0] = observation
            self.actions, self.rewards = [], []
        return observation

    def step(self, action, max_steps, patience):
        """Returns the next observation, and the Episode if this step ended it (else None)."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        self.score += reward
        self.steps += 1
        self.unrewarded = 0 if reward > 0 else self.unrewarded + 1
        if self.record:
            self.observations[self.steps] = observation
            self.actions.append(action)
            self.rewards.append(reward)
        ended = terminated or truncated or self.steps >= max_steps
        if not ended and patience and self.unrewarded >= patience:
            self.score += reward * (max_steps - self.steps)
            ended = True
        return observation, self._episode(info) if ended else None

    def _episode(self, info):
        frames = None
        if self.record:
            frames = Frames(self.observations[: self.steps + 1], np.array(self.actions), np.array(self.rewards))
        return Episode(self.job, self.score, self.steps, info, frames)
