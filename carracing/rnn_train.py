"""4. Train M, an LSTM with a mixture density head, on the series; and write where dreams start: python rnn_train.py"""

from carracing.task import CARRACING
from worldmodels.scripts.cli import Parser, run
from worldmodels.training.train_rnn import add_options, train_rnn


def main():
    parser = Parser(description=__doc__)
    add_options(parser, steps=4000, sequence=999)
    train_rnn(CARRACING, **vars(parser.parse_args()))


if __name__ == "__main__":
    run(main)
