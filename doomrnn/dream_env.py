"""The dream of Doom Take Cover, as a Gymnasium environment: gymnasium.make("WorldModels/DoomDream-v0").

python dream_env.py        play in the dream with the arrow keys
"""

import functools

import numpy as np
from gymnasium import spaces

from doomrnn.task import DOOM
from worldmodels.playing.dream_env import Dream
from worldmodels.playing.person import left_or_right, play_script
from worldmodels.scripts.cli import Parser, positive_float, run


class DoomDream(Dream):
    """M in place of the game: 2,100 steps at most, 1 a step, and the end where M's end logit is above 0.

    Actions: (1,) float32 in [-1, 1], as in DoomTakeCover.
    """

    metadata = {"render_modes": ["human", "rgb_array"], "render_fps": DOOM.fps}  # noqa: RUF012

    def __init__(self, temperature=None, weights=None, render_mode=None):
        super().__init__(DOOM, spaces.Box(-1, 1, (1,), np.float32), temperature, weights, render_mode)


def main():
    """Play with the arrow keys."""
    parser = Parser(description="Dodge the dreamt fireballs with the arrow keys; R: next dream, Esc: leave.")
    add = parser.add_argument
    add("--temperature", type=positive_float, default=DOOM.temperature, help="below 1 tamer, above 1 wilder")
    add("--weights", metavar="DIR", help="folder of V and M, if it is neither weights/ nor pretrained/")
    play_script(parser, functools.partial(DoomDream, render_mode="human"), left_or_right, DOOM.max_steps)


if __name__ == "__main__":
    run(main)
