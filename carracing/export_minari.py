"""10. Expert rollouts as a Minari dataset: python export_minari.py expert_rollouts"""

from carracing.task import CARRACING
from worldmodels.data.minari_dataset import add_options, export
from worldmodels.scripts.cli import Parser, run


def main():
    parser = Parser(description=__doc__)
    add_options(parser, CARRACING)
    export(CARRACING, **vars(parser.parse_args()))


if __name__ == "__main__":
    run(main)
