"""An expert rollout is shown again, or played again and compared with what its file says."""

import sys
from pathlib import Path

import numpy as np

from worldmodels.data.expert import env_options, load_manifest, load_rollout, rollout_number
from worldmodels.playing.video import side_by_side
from worldmodels.playing.watch import check_screen, open_screen
from worldmodels.rollout import Environments, Job, run_episodes
from worldmodels.scripts.cli import UserError


def add_options(parser):
    """The options of every task's replay.py."""
    parser.add_argument("path", metavar="FILE", help="a rollout_<k>.npz in its folder")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--video", metavar="FILE", help="write an .mp4 or .gif in place of a window; needs no display")
    what.add_argument("--check", action="store_true",
        help="take the actions again, and say whether rewards and frames come out the same")  # fmt: skip


def replay(task, *, path, video, check):
    """What replay.py does. path: of a rollout. Ends with exit code 1 if a check finds a difference."""
    if not check:
        show(task, path, video)
    elif not play_again(task, path):
        sys.exit(1)


def show(task, path, video):
    """Show a rollout in a window, or write it into a video file. UserError if it is missing or damaged."""
    frames, _ = load_rollout(task, path)
    check_screen(video)
    name, scores = Path(path).stem, np.concatenate([[0], frames.rewards.cumsum()])
    with open_screen(video, f"{task.name}: {name}", task.fps) as screen:
        for t, (picture, score) in enumerate(zip(frames.observations, scores, strict=True)):
            screen(side_by_side([(f"{name}: {score:.1f} after {t}", picture)]))
    print(f"{path}: score {scores[-1]:.1f} after {len(frames.actions)} frames")


def play_again(task, path):
    """Take a rollout's actions again, and print how rewards and frames compare. Returns whether all are the same.

    UserError if the file, or the manifest beside it, which knows the seed, is missing or damaged.
    """
    frames, _ = load_rollout(task, path)
    if (number := rollout_number(path)) is None:
        raise UserError(f"{path} is not called rollout_<k>.npz, by which manifest.json knows its seed: rename it")
    made_with = load_manifest(Path(path).parent, "it knows the seed: restore it")["made_with"]
    seed = made_with["seed"] + number
    env, length = task.make_env(**env_options(made_with)), len(frames.actions)
    (episode,) = run_episodes(Environments([env], Again(frames.actions), length, record=True), [Job(seed)])
    env.close()
    again = episode.frames
    print(f"{path}: seed {seed}, score {frames.rewards.sum():.1f} after {len(frames.actions)} frames")
    steps = len(again.rewards)
    if steps < len(frames.rewards):
        print(f"the episode ends after {steps} frames already")
    different = {
        "rewards": again.rewards != frames.rewards[:steps],
        "frames": (again.observations != frames.observations[: steps + 1]).any((1, 2, 3)),
    }
    for name, where in different.items():
        words = f"{where.sum()} of {len(where)} differ, first number {where.argmax()}" if where.any() else "the same"
        print(f"{name}: {words}")
    return steps == len(frames.rewards) and not any(where.any() for where in different.values())


class Again:
    """Takes the actions (T, A) of a rollout again, in the rollout loop."""

    def __init__(self, actions):
        self.actions = iter(actions)

    def start(self, slot, job):
        """There is one episode alone."""

    def act(self, slots, observations):
        return [next(self.actions)]
