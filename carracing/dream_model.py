"""7. The agent in its own dream: python dream_model.py log/<name>.best.json

M takes the environment's place: it draws each next z at a temperature, and V's decoder shows what that looks like.
"""

from carracing.task import CARRACING
from worldmodels.playing.options import add_screen_options
from worldmodels.playing.watch import check_screen, watch
from worldmodels.scripts.cli import Parser, non_negative_int, positive_float, positive_int, run


def main():
    parser = Parser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("controller", metavar="FILE", help="parameters of C; its V and M are found by it")
    add("--temperature", type=positive_float, default=1.0, help="below 1 tamer, above 1 wilder")
    add("--seed", type=non_negative_int, default=0, help="of the first dream; the others follow")
    add("--episodes", type=positive_int, default=1, help="how many dreams")
    add("--weights", metavar="DIR", help="folder of V and M, if it is neither weights/ nor pretrained/")
    add_screen_options(parser)
    options = vars(parser.parse_args())
    check_screen(options["video"])
    watch(CARRACING, dream=True, slots=1, **options)


if __name__ == "__main__":
    run(main)
