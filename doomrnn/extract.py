"""1. Random rollouts: python extract.py  ->  record/<k>.npz

The player holds a random action for 1 to 10 tics, then the next. Episodes of 100 frames or fewer are dropped, as by the
2018 code: file k is the first longer one among the seeds k, k + 10,000,000, k + 20,000,000, ...
obs is (T, 64, 64, 3) uint8 and action (T, 1) float16, the action taken on seeing that obs: all that V and M learn from.
"""

import functools

import numpy as np

from worldmodels.data.extraction import add_options, extract, save_episode, save_report
from worldmodels.parallel.threads import limit_threads
from worldmodels.scripts.cli import Parser, UserError, run

STRIDE = 10**7  # from one of a file's seeds to the next
TRIES = 100  # all below 2^30, the end of the seeds that are for training (worldmodels/data/seeds.py)


def options():
    parser = Parser(description=__doc__.splitlines()[0])
    add_options(parser)
    args = parser.parse_args()
    if args.seed + args.episodes > STRIDE:
        parser.error(f"--seed and --episodes together reach past {STRIDE:,}, the end of the seeds for random rollouts")
    return args


def play(args, numbers):
    """Play the files' episodes, write them, and yield the length of each and how many were played for it."""
    limit_threads()
    from doomrnn.task import DOOM
    from worldmodels.data.policies import HeldActions
    from worldmodels.rollout import Job, run_episodes

    # Nothing is batched, so one slot is as fast as many.
    envs, policy = [DOOM.make_env()], HeldActions(DOOM.action_size, 1)
    for number in numbers:
        jobs = (Job(number + STRIDE * i) for i in range(TRIES))
        for episode in run_episodes(envs, policy, jobs, DOOM.max_steps, record=True):
            if episode.steps >= DOOM.shortest_episode:
                break
        else:
            raise UserError(f"none of {TRIES} episodes for file {number} had {DOOM.shortest_episode} frames")
        coverage = np.array([episode.steps, 1 + episode.job.seed // STRIDE])
        save_episode(args.out, number, episode.frames, coverage)
        yield coverage


def main():
    args = options()
    from doomrnn.env import RESOLUTION
    from doomrnn.game import SKILL
    from doomrnn.task import DOOM

    numbers, too_short = range(args.seed, args.seed + args.episodes), DOOM.shortest_episode - 1
    made_with = {"policy": "held 1 to 10 tics", "longer_than": too_short, "skill": SKILL, "resolution": RESOLUTION}
    coverage, report = extract(args.out, numbers, args.workers, functools.partial(play, args), made_with)
    lengths, tries = coverage.T
    dropped = 1 - len(tries) / tries.sum()
    print(f"{lengths.mean():.0f} +- {lengths.std():.0f} frames an episode, {lengths.sum():,.0f} in all")
    print(f"{dropped:.0%} of the episodes played were dropped: {too_short} frames or fewer")
    mean = {"frames": lengths.mean(), "frames_std": lengths.std(), "share_dropped": dropped}
    save_report(args.out, report | {"mean": mean})


if __name__ == "__main__":
    run(main)
