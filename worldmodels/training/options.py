"""The options that vae_train.py and rnn_train.py share."""

from worldmodels.computing import device
from worldmodels.scripts import precision
from worldmodels.scripts.cli import positive_int, seed
from worldmodels.training import schedules


def add_options(parser, *, data, out, rows, learning_rate, choices, schedule):
    """data: the default and its help. rows: what a batch is made of. choices: of schedules, the default `schedule`."""
    add = parser.add_argument
    add("--data", default=data[0], help=data[1])
    add("--init", metavar="FILE",
        help="weights to start from in place of random ones, such as those trained on fewer episodes")  # fmt: skip
    add("--out", default=out, help="file for the trained weights; all but --tensorboard goes beside it")
    add("--batch_size", type=positive_int, default=100, help=f"{rows} in a batch")
    schedules.add_options(parser, choices, schedule, learning_rate)
    add("--seed", type=seed, default=1, help=f"of the first weights, the order of {rows} and the noise")
    precision.add_option(parser, "arithmetic of the training")
    device.add_option(parser, "of the training; only on a cpu does the same seed give the same result")
    add("--tensorboard", default="tb", metavar="FOLDER", help='folder for TensorBoard; "" for none')
    add("--restart", action="store_true", help="start over instead of going on with the last checkpoint")
