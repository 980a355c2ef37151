"""8. Expert rollouts: python generation_script.py --threads N  ->  expert_rollouts/rollout_<k>.npz

Each file holds one episode of the trained agent; worldmodels/data/expert.py describes its arrays.
"""

from carracing.colors import COLORS
from carracing.task import CARRACING
from worldmodels.data.generation import add_options, generate, parse_options
from worldmodels.scripts.cli import Parser, run


def main():
    parser = Parser(description=__doc__.splitlines()[0])
    add_options(parser, CARRACING)
    parser.add_argument("--colors", choices=COLORS, default="plain",
        help="of the observations that are written; 2018: as the code of 2018 shows them (see colors.py)")  # fmt: skip
    generate(CARRACING, **parse_options(parser))


if __name__ == "__main__":
    run(main)
