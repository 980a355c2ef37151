"""Work split among jobs that know nothing of one another, such as those of a Slurm job array: `--shard 2/8`.

Each does every 8th episode, and writes files into the common folder that no other one writes. A last call without
--shard checks them all, makes what is missing, and finishes the folder.
"""

import argparse

from worldmodels.scripts.cli import UserError

WHOLE = slice(0, None, 1)


def add_option(parser):
    parser.add_argument("--shard", type=shard, default="1/1", metavar="I/N",
        help="do only every N-th episode, from the I-th on: N jobs split the work, and write into the same folder. At "
        "the end, the same command without --shard checks and finishes the whole")  # fmt: skip


def shard(text):
    """Parse "2/8" to the slice that takes the second of 8 parts out of a sequence; "1/1" to WHOLE."""
    number, _, of = text.partition("/")
    if not (number.isdigit() and of.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not like 2/8, the second of 8 parts")
    if not 1 <= int(number) <= int(of):
        raise argparse.ArgumentTypeError(f"there is no part {text}: they are numbered from 1 to {of}")
    return slice(int(number) - 1, None, int(of))


def part_of(episodes, shard):
    """A shard's part of a sequence. UserError if it is empty."""
    if not episodes[shard]:
        raise UserError(f"--shard {shard.start + 1}/{shard.step}: there are only {len(episodes)} episodes to split")
    return episodes[shard]
