"""2. Train V, the variational autoencoder, on the frames of random rollouts: python vae_train.py"""

from doomrnn.task import DOOM
from worldmodels.scripts.cli import Parser, run
from worldmodels.training.train_vae import add_options, train_vae


def main():
    parser = Parser(description=__doc__)
    add_options(parser)
    train_vae(DOOM, **vars(parser.parse_args()))


if __name__ == "__main__":
    run(main)
