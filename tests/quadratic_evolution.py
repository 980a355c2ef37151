"""A script like train.py whose episodes cost nothing: run by test_mpi.py, with real MPI ranks.

Environment: PLAY_SECONDS, how long an episode takes; SLOW_RANK, whose episodes take 10 times as long; FAIL_RANK, which
raises; CRASH_RANK, which crashes while Python ends; PLAYED, a file that gets a line "rank pid seed" for each episode;
VAE, a file with what stands for the fingerprint of V; SILENCE, seconds after which a rank counts as lost.
"""

import atexit
import os
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from worldmodels.controller import load_parameters
from worldmodels.evolution import evolve
from worldmodels.evolving.options import ESSENTIAL, add_environment_options, add_options, log_name
from worldmodels.parallel import mpi
from worldmodels.scripts.cli import Parser, run
from worldmodels.training.train_controller import make_plan, make_strategy

NUM_PARAMS = 20
TASK = SimpleNamespace(name="quadratic", controller="z")


def score(seed, params):
    return float(-np.sum((params - 1) ** 2) + 0.1 * np.random.default_rng(seed).standard_normal())


def make_player():
    from mpi4py import MPI

    rank = str(MPI.COMM_WORLD.rank)
    seconds = float(os.environ.get("PLAY_SECONDS", 0)) * (10 if os.environ.get("SLOW_RANK") == rank else 1)

    def play(jobs):
        for job in jobs:
            time.sleep(seconds)
            if os.environ.get("FAIL_RANK") == rank:
                raise ValueError("the wheel\nfell off")
            if "PLAYED" in os.environ:
                with open(os.environ["PLAYED"], "a") as file:
                    file.write(f"{rank} {os.getpid()} {job.seed}\n")
            yield job.tag, score(job.seed, job.params), 10

    if os.environ.get("CRASH_RANK") == rank:
        atexit.register(os.kill, os.getpid(), signal.SIGSEGV)
    vae = Path(os.environ["VAE"]).read_text() if "VAE" in os.environ else "a fingerprint"
    return play, {"vae": vae}


def settings(*words):
    """The options of a command line."""
    parser = Parser()
    add_environment_options(add_options(parser, TASK))
    return parser.parse_args(words)


def strategy_of(options, **given):
    """The strategy of a command line. given: its imitation or whitening."""
    start = load_parameters(options.init, NUM_PARAMS)[0] if options.init else np.zeros(NUM_PARAMS)
    return make_strategy(options, start, **given)


def evolve_quadratic(options, strategy=None):
    evolve(
        log_name(TASK, options),
        strategy or strategy_of(options),
        make_plan(options),
        make_player,
        log=options.log,
        workers=options.workers,
        about={"controller": options.controller},
        options=vars(options),
        essential=ESSENTIAL,
    )


if __name__ == "__main__":
    if "SILENCE" in os.environ:
        mpi.SILENCE = float(os.environ["SILENCE"])
        mpi.BEAT = mpi.SILENCE / 4
    run(lambda: evolve_quadratic(settings(*sys.argv[1:])))
