"""The dream of Doom Take Cover, as a Gymnasium environment: gymnasium.make("WorldModels/DoomDream-v0").

python doomrnn.py        play in the dream with the arrow keys
"""

import itertools
import random

import numpy as np
from gymnasium import spaces

from worldmodels.cli import Parser, non_negative_int, positive_float, run
from worldmodels.dream import Dream
from worldmodels.window import need_display, play

# isort: split
from doomrnn.doomreal import FPS  # behind worldmodels, which takes the folder of this file off the path
from doomrnn.task import DOOM


class DoomDream(Dream):
    """M in place of the game: 2,100 steps at most, 1 a step, and the end where M's end logit is above 0.

    Actions: (1,) float32 in [-1, 1], as in DoomTakeCover.
    """

    metadata = {"render_modes": ["human", "rgb_array"], "render_fps": FPS}  # noqa: RUF012

    def __init__(self, temperature=1.15, weights=None, render_mode=None):
        super().__init__(DOOM, spaces.Box(-1, 1, (1,), np.float32), temperature, weights, render_mode)


def main():
    """Play with the arrow keys."""
    parser = Parser(description="Dodge the dreamt fireballs with the arrow keys; R: next dream, Esc: leave.")
    parser.add_argument("--seed", type=non_negative_int, help="first dream, the others follow; at random if not given")
    parser.add_argument("--temperature", type=positive_float, default=1.15, help="below 1 tamer, above 1 wilder")
    parser.add_argument("--weights", metavar="DIR", help="folder of V and M, if it is neither weights/ nor pretrained/")
    args = parser.parse_args()
    need_display("playing takes a window and a keyboard")
    first = random.randrange(2**31) if args.seed is None else args.seed
    env = DoomDream(args.temperature, args.weights, render_mode="human")

    def action_of(held):
        return np.array([float("right" in held) - float("left" in held)], np.float32)

    play(env, action_of, itertools.count(first), DOOM.max_steps)
    env.close()


if __name__ == "__main__":
    run(main)
