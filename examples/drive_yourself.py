"""A driver of one's own in the rollout loop, on eight tracks at once: python drive_yourself.py"""

import numpy as np

from carracing.task import CARRACING
from worldmodels.rollout import Environments, Job, run_episodes


class Driver:
    """Steers to the middle of the road. Speeds up where the road ahead is straight, and brakes where it is not."""

    def start(self, slot, job):
        """An episode begins in a slot. This driver has nothing to remember, and so nothing to forget."""

    def act(self, slots, observations):
        """slots: (n,) int, observations: (n, 64, 64, 3) uint8 -> actions (n, 3) float32: steering, gas, brake."""
        road = observations[..., 1] < observations[..., 0] + 30.0  # grass is green: (n, 64, 64) bool
        here, ahead = (side(road[:, rows]) for rows in (slice(36, 44), slice(28, 36)))
        bend = np.abs(ahead)
        return np.stack([np.clip(0.08 * here, -1, 1), 0.15 * (bend < 6), 0.1 * (bend > 9)], axis=1, dtype=np.float32)


def side(road):
    """How many pixels right of the middle the road is on average: (n, rows, 64) bool -> (n,)."""
    return (road * np.linspace(-31.5, 31.5, 64)).sum((1, 2)) / np.maximum(road.sum((1, 2)), 1)


world = Environments([CARRACING.make_env() for _ in range(8)], Driver(), CARRACING.max_steps)
scores = []
for episode in run_episodes(world, [Job(seed) for seed in range(100, 108)]):
    scores.append(episode.score)
    print(f"track {episode.job.seed}: {episode.score:.1f} after {episode.steps} frames")
print(f"mean {np.mean(scores):.1f}")
