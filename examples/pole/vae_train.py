"""2. Train V on the frames: python vae_train.py"""

from task import POLE

from worldmodels.scripts.cli import Parser, run
from worldmodels.training.train_vae import add_options, train_vae


def main():
    parser = Parser(description=__doc__)
    add_options(parser)
    train_vae(POLE, **vars(parser.parse_args()))


if __name__ == "__main__":
    run(main)
