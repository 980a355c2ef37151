"""3. V encodes every frame: python series.py  ->  series/series.npz"""

from task import POLE

from worldmodels.data.series import add_options, make_series
from worldmodels.scripts.cli import Parser, run


def main():
    parser = Parser(description=__doc__)
    add_options(parser, POLE)
    make_series(POLE, **vars(parser.parse_args()))


if __name__ == "__main__":
    run(main)
