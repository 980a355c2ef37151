"""6. The trained agent, in the game and in its dream: python model.py doomreal|doomrnn norender|render FILE

norender: 100 episodes on seeds never used in training; each score, then `average_reward <mean> stdev <std>`, and a JSON
in results/. render: an episode in a window, or in a video file with --video.
"""

import dataclasses
import functools

from doomrnn.env import RESOLUTION, DoomTakeCover
from doomrnn.task import DOOM
from worldmodels.playing.options import add_options, parse_options, play_agent
from worldmodels.scripts.cli import Parser, positive_float, run


def options():
    parser = Parser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("world", choices=("doomreal", "doomrnn"), help="doomreal: the game; doomrnn: M's dream of it")
    add("--temperature", type=positive_float, help="of the dream; if not given, the one C was trained at")
    add("--resolution", choices=("160x120", "320x240", "640x480"),
        help="what ViZDoom draws at; if not given, what V and M were trained on (see the README)")  # fmt: skip
    add_options(parser)
    given = parse_options(parser)
    if given["world"] == "doomrnn" and given["resolution"]:
        parser.error("--resolution goes with doomreal: V draws the dream")
    if given["world"] == "doomreal" and given["temperature"]:
        parser.error("--temperature goes with doomrnn: the game has none")
    return given


def main():
    given = options()
    dream, resolution = given.pop("world") == "doomrnn", given.pop("resolution")
    if dream:
        play_agent(DOOM, "dream", dream=True, **given)
    elif resolution in (None, RESOLUTION):
        play_agent(DOOM, "game", **given)
    else:
        make_env = functools.partial(DoomTakeCover, resolution=resolution)
        play_agent(dataclasses.replace(DOOM, make_env=make_env), f"game{resolution}", **given)


if __name__ == "__main__":
    run(main)
