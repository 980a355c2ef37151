"""2. Train V, the variational autoencoder, on the frames of random rollouts: python vae_train.py"""

from worldmodels.cli import Parser, run
from worldmodels.vae_training import add_options, train_vae

# isort: split
from doomrnn.task import DOOM  # behind worldmodels: see worldmodels/__init__.py


def main():
    parser = Parser(description=__doc__)
    add_options(parser, z_size=DOOM.z_size)
    train_vae(parser.parse_args())


if __name__ == "__main__":
    run(main)
