"""1. Random rollouts: python extract.py  ->  record/<seed>.npz

Each episode runs its full 1,000 frames under a fresh random policy. obs is (1000, 64, 64, 3) uint8 and action (1000, 3)
float16, the action taken on seeing that obs: all that V and M learn from.
"""

import functools

import numpy as np

from carracing.env import CarRacing
from carracing.task import CARRACING
from worldmodels.data.extraction import add_options, extract
from worldmodels.data.policies import BrownianPolicy, RandomAgents
from worldmodels.scripts.cli import Parser, non_negative_int, run

POLICIES = {"brownian": BrownianPolicy, "agent": RandomAgents}
# What an episode covers, kept in its file: m/s (mean, 10th and 90th percentile), a share of the frames, radians/s.
COVERAGE = ("speed", "speed_10_percent", "speed_90_percent", "share_off_the_road", "turn_rate")


class Surveyed(CarRacing):
    """Keeps what the car did: speed in m/s, whether it was off the road, turn rate in radians/s."""

    def reset(self, **kwargs):
        self.survey = []
        return super().reset(**kwargs)

    def step(self, action):
        result = super().step(action)
        hull = self.car.hull
        self.survey.append((hull.linearVelocity.length, not self.on_road(), abs(hull.angularVelocity)))
        result[-1]["survey"] = self.survey
        return result


def survey(episode):
    rows = np.array(episode.info["survey"][1:])  # without the reset's own step
    speed = rows[:, 0]
    return np.array([speed.mean(), *np.percentile(speed, [10, 90]), *rows[:, 1:].mean(0)])


def describe(coverage):
    mean = dict(zip(COVERAGE, coverage.mean(0).tolist(), strict=True))
    lines = [
        f"speed {mean['speed']:.0f} m/s (in an episode, 10 % of the frames are below {mean['speed_10_percent']:.0f} "
        f"and 10 % above {mean['speed_90_percent']:.0f})",
        f"off the road in {mean['share_off_the_road']:.0%} of the frames; turning at {mean['turn_rate']:.2f} radians/s",
    ]
    return lines, mean


def main():
    parser = Parser(description=__doc__.splitlines()[0])
    add_options(parser)
    parser.add_argument("--policy", choices=POLICIES, default="brownian",
        help="who plays where no --controller is named. brownian: actions that wander; agent: the whole agent with "
        "random weights, as the 2018 code")  # fmt: skip
    parser.add_argument("--respawn", type=non_negative_int, default=50,
        help="put the car back onto the road, at a random speed, after so many frames off it "
        "(0: never, as the paper)")  # fmt: skip
    options = vars(parser.parse_args())
    made_with = {name: options.pop(name) for name in ("policy", "respawn")}
    policy = functools.partial(POLICIES[made_with["policy"]], CARRACING)
    make_env = functools.partial(Surveyed, full_episode=True, respawn=made_with["respawn"])
    extract(CARRACING, policy, survey, describe, made_with, make_env=make_env, **options)


if __name__ == "__main__":
    run(main)
