"""4. Train M, an LSTM with a mixture density head, on the series; and write where dreams start: python rnn_train.py"""

from doomrnn.task import DOOM
from worldmodels.scripts.cli import Parser, run
from worldmodels.training.train_rnn import add_options, train_rnn


def main():
    parser = Parser(description=__doc__)
    add_options(parser, steps=24400, sequence=500, schedule="decay")
    parser.add_argument("--midway", metavar="SERIES",
        help="when M is finished, also write midway.npz: frames from all over these episodes, and M's state there, for "
        "train.py --midway")  # fmt: skip
    train_rnn(DOOM, **vars(parser.parse_args()))


if __name__ == "__main__":
    run(main)
