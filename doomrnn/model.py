"""6. The trained agent, in the game and in its dream: python model.py doomreal|doomrnn norender|render FILE

norender: 100 episodes on seeds never used in training; each score, then `average_reward <mean> stdev <std>`, and a JSON
in results/. render: an episode in a window, or in a video file with --video.
"""

import dataclasses
import functools

from worldmodels.playing import evaluation, watch
from worldmodels.scripts.cli import Parser, positive_float, run


def options():
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("world", choices=("doomreal", "doomrnn"), help="doomreal: the game; doomrnn: M's dream of it")
    parser.add_argument(
        "--temperature", type=positive_float, help="of the dream; if not given, the one C was trained at"
    )
    parser.add_argument(
        "--resolution",
        choices=("160x120", "320x240", "640x480"),
        help="what ViZDoom draws at; if not given, what V and M were trained on (see the README)",
    )
    args = watch.parse_options(parser)
    if args.world == "doomrnn" and args.resolution:
        parser.error("--resolution goes with doomreal: V draws the dream")
    if args.world == "doomreal" and args.temperature:
        parser.error("--temperature goes with doomrnn: the game has none")
    if args.world == "doomrnn" and args.precision != "float32":
        parser.error("--precision goes with doomreal: V, whose arithmetic it is, does not look at dreams")
    return args


def main():
    args = options()

    from doomrnn.env import FPS, RESOLUTION, DoomTakeCover
    from doomrnn.task import DOOM

    game, name = DOOM, "game"
    if args.resolution not in (None, RESOLUTION):
        game = dataclasses.replace(DOOM, make_env=functools.partial(DoomTakeCover, resolution=args.resolution))
        name += args.resolution
    if args.mode == "render":
        watch.watch_agent(game, args) if args.world == "doomreal" else watch.watch_dream(DOOM, args, FPS)
    elif args.world == "doomreal":
        evaluation.evaluate(game, args, name)
    else:
        evaluation.evaluate_dream(DOOM, args)


if __name__ == "__main__":
    run(main)
