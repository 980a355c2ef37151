"""5. Evolve C in the dream: python train.py  ->  log/doomrnn.cma.16.64.best.json

CMA-ES over the parameters of C. No candidate sees the game: it lives in M's dream, and is worth the steps that it
survives there. It starts its own MPI ranks, writes a checkpoint every generation, and goes on from it when the same
command is run again.
"""

from doomrnn.task import DOOM
from worldmodels.evolving.options import add_options
from worldmodels.scripts import precision
from worldmodels.scripts.cli import Parser, positive_float, run
from worldmodels.training.train_controller import train_controller


def main():
    parser = Parser(description=__doc__.splitlines()[0])
    speed = add_options(parser, DOOM, slots=64)
    precision.add_option(speed, "M's arithmetic")
    dream = parser.add_argument_group("the dream")
    dream.add_argument("--temperature", type=positive_float, default=DOOM.temperature,
        help="of the dream (paper: 1.15 does best; below 1, C learns to exploit the mistakes of M)")  # fmt: skip
    dream.add_argument("--median_ends", action="store_true",
        help="end a dream when it is as likely over as not, all dangers on the way counted, not where one end logit is "
        "above 0 (2018 code)")  # fmt: skip
    dream.add_argument("--midway", action="store_true",
        help="begin dreams anywhere in episodes, as in the midway.npz of rnn_train.py, not at their first frames "
        "(2018 code): C meets what M by itself would not dream up. Steps count from there")  # fmt: skip
    train_controller(DOOM, parser.parse_args())


if __name__ == "__main__":
    run(main)
