"""3. The series: python series.py  ->  series/series.npz

V encodes every frame of the random rollouts to mu and logvar, for the training of M.
"""

from doomrnn.task import DOOM
from worldmodels.data.series import add_options, make_series
from worldmodels.scripts.cli import Parser, run


def main():
    parser = Parser(description=__doc__.splitlines()[0])
    add_options(parser, DOOM)
    make_series(DOOM, **vars(parser.parse_args()))


if __name__ == "__main__":
    run(main)
