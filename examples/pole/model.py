"""6. The trained agent plays: python model.py norender|render log/<name>.best.json"""

from task import POLE

from worldmodels.playing.options import add_options, parse_options, play_agent
from worldmodels.scripts.cli import Parser, run


def main():
    parser = Parser(description=__doc__)
    add_options(parser)
    parser.add_argument("--dream", action="store_true", help="in its own dream")
    parser.set_defaults(results="results")
    options = parse_options(parser)
    play_agent(POLE, "dream" if options["dream"] else "game", **options)


if __name__ == "__main__":
    run(main)
