"""5. Evolve C: python train.py  ->  log/carracing.cma.16.64.best.json

CMA-ES over the parameters of C, every candidate playing whole episodes with V and M from weights/. It starts its own
MPI ranks, writes a checkpoint every generation, and goes on from it when the same command is run again.
"""

from carracing.task import CARRACING
from worldmodels.evolving.options import add_environment_options, add_options
from worldmodels.scripts import precision
from worldmodels.scripts.cli import Parser, run
from worldmodels.training.train_controller import train_controller


def main():
    parser = Parser(description=__doc__.splitlines()[0])
    speed = add_options(parser, CARRACING)
    add_environment_options(speed)
    precision.add_option(speed)
    train_controller(CARRACING, parser.parse_args())


if __name__ == "__main__":
    run(main)
