"""1. Random rollouts: python extract.py  ->  record/<k>.npz"""

import functools

import numpy as np
from task import POLE

from worldmodels.data.extraction import add_options, extract
from worldmodels.data.policies import HeldActions
from worldmodels.scripts.cli import Parser, run


def survey(episode):
    return np.array([episode.steps])


def describe(coverage):
    return [f"{coverage.mean():.0f} +- {coverage.std():.0f} frames an episode"], {"frames": coverage.mean()}


def main():
    parser = Parser(description=__doc__)
    add_options(parser)
    policy = functools.partial(HeldActions, POLE, longest=3)
    extract(POLE, policy, survey, describe, {"policy": "held 1 to 3 steps"}, **vars(parser.parse_args()))


if __name__ == "__main__":
    run(main)
