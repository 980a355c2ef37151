"""7. Expert rollouts of the game: python generation_script.py --threads N  ->  expert_rollouts/rollout_<k>.npz

Each file holds one episode of the trained agent; worldmodels/data/expert.py describes its arrays.
"""

from doomrnn.task import DOOM
from worldmodels.data.generation import add_options, generate, parse_options
from worldmodels.scripts.cli import Parser, run


def main():
    parser = Parser(description=__doc__.splitlines()[0])
    add_options(parser, DOOM)
    generate(DOOM, **parse_options(parser))


if __name__ == "__main__":
    run(main)
