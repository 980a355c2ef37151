"""4. Train M on the series, and write where dreams start: python rnn_train.py"""

from task import POLE

from worldmodels.scripts.cli import Parser, run
from worldmodels.training.train_rnn import add_options, train_rnn


def main():
    parser = Parser(description=__doc__)
    add_options(parser, steps=2000, sequence=50)
    train_rnn(POLE, **vars(parser.parse_args()))


if __name__ == "__main__":
    run(main)
