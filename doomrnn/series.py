"""3. The series: python series.py  ->  series/series.npz

V encodes every frame of the random rollouts to mu and logvar, for the training of M.
"""

from worldmodels.cli import Parser, run
from worldmodels.series import add_options, make_series

# isort: split
from doomrnn.task import DOOM  # behind worldmodels: see worldmodels/__init__.py


def main():
    parser = Parser(description=__doc__.splitlines()[0])
    add_options(parser, z_size=DOOM.z_size)
    make_series(parser.parse_args())


if __name__ == "__main__":
    run(main)
