"""9. Expert rollouts as a Minari dataset: python export_minari.py expert_rollouts"""

from doomrnn.task import DOOM
from worldmodels.data.minari_dataset import add_options, export
from worldmodels.scripts.cli import Parser, run


def main():
    parser = Parser(description=__doc__)
    add_options(parser, DOOM)
    export(DOOM, **vars(parser.parse_args()))


if __name__ == "__main__":
    run(main)
