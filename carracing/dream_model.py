"""7. The agent in its own dream: python dream_model.py log/carracing.cma.16.64.best.json

M takes the environment's place: it draws each next z at a temperature, and V's decoder shows what that looks like.
"""

from worldmodels.playing import watch
from worldmodels.scripts.cli import Parser, non_negative_int, positive_float, positive_int, run


def options():
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("controller", metavar="FILE", help="parameters of C; its V and M are found by it")
    parser.add_argument("--temperature", type=positive_float, default=1.0, help="below 1 tamer, above 1 wilder")
    parser.add_argument("--seed", type=non_negative_int, default=0, help="of the first dream; the others follow")
    parser.add_argument("--episodes", type=positive_int, default=1, help="how many dreams")
    parser.add_argument("--weights", metavar="DIR", help="folder of V and M, if it is neither weights/ nor pretrained/")
    watch.add_options(parser)
    parser.set_defaults(slots=1)  # one at a time
    return parser.parse_args()


def main():
    args = options()
    watch.check_screen(args)

    from gymnasium.envs.box2d.car_racing import FPS

    from carracing.task import CARRACING

    watch.watch_dream(CARRACING, args, FPS)


if __name__ == "__main__":
    run(main)
