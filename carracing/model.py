"""6. The trained agent plays: python model.py norender|render log/<name>.best.json

norender: 100 episodes on tracks never used in training; each score, then `average_reward <mean> stdev <std>`, and a
JSON in results/. render: one episode in a window, or in a video file with --video.
"""

import dataclasses

from carracing.stock import StockCarRacing
from carracing.task import CARRACING
from worldmodels.playing.options import add_options, parse_options, play_agent
from worldmodels.scripts.cli import Parser, run


def main():
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--stock", action="store_true", help="gymnasium's own renderer in place of ours")
    add_options(parser)
    options = parse_options(parser)
    if options.pop("stock"):
        play_agent(dataclasses.replace(CARRACING, make_env=StockCarRacing), "stock", **options)
    else:
        play_agent(CARRACING, "ours", **options)


if __name__ == "__main__":
    run(main)
