"""9. An expert rollout, shown or played again: python replay.py expert_rollouts/rollout_7.npz [--check]"""

from carracing.task import CARRACING
from worldmodels.playing.replay import add_options, replay
from worldmodels.scripts.cli import Parser, run


def main():
    parser = Parser(description=__doc__)
    add_options(parser)
    replay(CARRACING, **vars(parser.parse_args()))


if __name__ == "__main__":
    run(main)
