"""5. Evolve C: python train.py  ->  log/pole.cma.16.64.best.json"""

from task import POLE

from worldmodels.evolving.options import add_environment_options, add_options
from worldmodels.scripts.cli import Parser, run
from worldmodels.training.train_controller import train_controller


def main():
    parser = Parser(description=__doc__)
    add_environment_options(add_options(parser, POLE))
    train_controller(POLE, parser.parse_args())


if __name__ == "__main__":
    run(main)
