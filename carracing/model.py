"""6. The trained agent plays: python model.py norender|render log/carracing.cma.16.64.best.json

norender: 100 episodes on tracks never used in training; each score, then `average_reward <mean> stdev <std>`, and a
JSON in results/. render: one episode in a window, or in a video file with --video.
"""

import dataclasses

from worldmodels.playing import evaluation, watch
from worldmodels.scripts.cli import Parser, run


def main():
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--stock", action="store_true", help="gymnasium's own renderer in place of ours")
    args = watch.parse_options(parser)

    from carracing.stock import StockCarRacing
    from carracing.task import CARRACING

    task = dataclasses.replace(CARRACING, make_env=StockCarRacing) if args.stock else CARRACING
    if args.mode == "render":
        watch.watch_agent(task, args)
    else:
        evaluation.evaluate(task, args, "stock" if args.stock else "ours")


if __name__ == "__main__":
    run(main)
