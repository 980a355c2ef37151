"""1. Random rollouts: python extract.py  ->  record/<k>.npz

The player holds a random action for 1 to 10 tics, then the next. Episodes of 100 frames or fewer are dropped, as by the
2018 code: file k is the first longer one among the seeds k, k + 10,000,000, k + 20,000,000, ...
obs is (T, 64, 64, 3) uint8 and action (T, 1) float16, the action taken on seeing that obs: all that V and M learn from.
"""

import functools

import numpy as np

from doomrnn.env import RESOLUTION
from doomrnn.game import SKILL
from doomrnn.task import DOOM
from worldmodels.data.extraction import STRIDE, add_options, extract
from worldmodels.data.policies import HeldActions
from worldmodels.scripts.cli import Parser, run

TOO_SHORT = DOOM.shortest_episode - 1


def survey(episode):
    """Its frames, and how many episodes were played for it."""
    return np.array([episode.steps, 1 + (episode.job.seed - episode.job.tag) // STRIDE])


def describe(coverage):
    lengths, tries = coverage.T
    dropped = 1 - len(tries) / tries.sum()
    lines = [
        f"{lengths.mean():.0f} +- {lengths.std():.0f} frames an episode, {lengths.sum():,.0f} in all",
        f"{dropped:.0%} of the episodes played were dropped: {TOO_SHORT} frames or fewer",
    ]
    return lines, {"frames": lengths.mean(), "frames_std": lengths.std(), "share_dropped": dropped}


def main():
    parser = Parser(description=__doc__.splitlines()[0])
    add_options(parser)
    made_with = {"policy": "held 1 to 10 tics", "longer_than": TOO_SHORT, "skill": SKILL, "resolution": RESOLUTION}
    policy = functools.partial(HeldActions, DOOM)
    extract(DOOM, policy, survey, describe, made_with, **vars(parser.parse_args()))


if __name__ == "__main__":
    run(main)
