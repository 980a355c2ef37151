"""The pictures of the shipped agents in the READMEs: python docs/pictures.py  ->  docs/driving.png, docs/doom.png"""

import dataclasses
import functools
from pathlib import Path

import numpy as np
from PIL import Image

from worldmodels.data.seeds import EXPERT
from worldmodels.files.writing import atomic_path
from worldmodels.parallel.threads import limit_threads
from worldmodels.playing.video import side_by_side
from worldmodels.scripts.cli import Parser, run

DOCS = Path(__file__).resolve().parent
SEED = EXPERT.start
DOOM_SEED = SEED + 2  # the first two episodes of the game end before frame 180


def main():
    Parser(description=__doc__.splitlines()[0]).parse_args()
    limit_threads()
    from carracing.task import CARRACING
    from doomrnn.task import DOOM

    rows = [side_by_side(panels) for panels in moments(CARRACING, SEED, (120, 260))]
    save(np.concatenate(rows), "driving.png")
    (game,), (dream,) = moments(DOOM, DOOM_SEED, (180,)), moments(DOOM, DOOM_SEED, (180,), dream=True)
    save(side_by_side(game + dream), "doom.png")


def moments(task, seed, frames, dream=False):
    """The panels of some frames of an episode of the shipped agent, or of its dream: a list for each frame."""
    from worldmodels.playing.watch import dream_panels, environment_panels
    from worldmodels.playing.worlds import load_world
    from worldmodels.rollout import Job, run_episodes

    task = dataclasses.replace(task, make_env=functools.partial(task.make_env, render_mode="rgb_array"))
    world, trained = load_world(task, task.shipped, 1, dream=dream)
    world.max_steps = max(frames) + 1
    panels = dream_panels(trained) if dream else environment_panels(world, trained)
    count, seen = 0, []

    def watch(slot, observation, action):
        nonlocal count
        if count in frames:
            seen.append(panels(observation.copy(), f"frame {count}"))
        count += 1

    world.watch = watch
    list(run_episodes(world, [Job(seed, trained.params)]))
    return seen


def save(picture, name):
    with atomic_path(DOCS / name) as temporary:
        Image.fromarray(picture).save(temporary, "PNG", optimize=True)
    print(f"wrote {DOCS / name}")


if __name__ == "__main__":
    run(main)
