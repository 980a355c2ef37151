"""A script like train.py whose episodes cost nothing: run by test_mpi.py, with real MPI ranks.

Environment: PLAY_SECONDS, how long an episode takes; SLOW_RANK, whose episodes take 10 times as long; FAIL_RANK, which
raises; PLAYED, a file that gets a line "rank pid seed" for each episode.
"""

import os
import time

import numpy as np

from worldmodels.evolution import evolve
from worldmodels.evolving.options import add_options, log_name
from worldmodels.scripts.cli import Parser, run

NUM_PARAMS = 20


def score(seed, params):
    return float(-np.sum((params - 1) ** 2) + 0.1 * np.random.default_rng(seed).standard_normal())


def make_player():
    from mpi4py import MPI

    rank = str(MPI.COMM_WORLD.rank)
    seconds = float(os.environ.get("PLAY_SECONDS", 0)) * (10 if os.environ.get("SLOW_RANK") == rank else 1)

    def play(jobs, patience, cap, share):
        for job in jobs:
            time.sleep(seconds)
            if os.environ.get("FAIL_RANK") == rank:
                raise ValueError("the wheel\nfell off")
            if "PLAYED" in os.environ:
                with open(os.environ["PLAYED"], "a") as file:
                    file.write(f"{rank} {os.getpid()} {job.seed}\n")
            yield job.tag, score(job.seed, job.params), 10

    return play, {"vae": "a fingerprint"}


def main():
    parser = Parser()
    add_options(parser)
    options = parser.parse_args()
    options.controller, options.z = "z", "sample"
    evolve(options, log_name("quadratic", options, "z"), NUM_PARAMS, make_player)


if __name__ == "__main__":
    run(main)
