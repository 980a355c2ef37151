"""The options of an evolution: what every task's train.py offers."""

import argparse

from worldmodels.controller import KINDS
from worldmodels.files import provenance
from worldmodels.parallel.threads import available_cores
from worldmodels.scripts.cli import UserError, non_negative_int, positive_float, positive_int

OPTIMIZERS = {"cma": False, "sep_cma": True}  # is the covariance matrix diagonal
# What may not change between a start and the next: the rest (how long, how fast) may.
ESSENTIAL = ("controller", "optimizer", "popsize", "num_episode", "sigma_init")
ESSENTIAL += ("z", "constant_sigma", "mean_rate", "seed", "seeds", "init", "eval_episodes")


def schedule(text):
    """Parse "1:2,30:4", 2 episodes a candidate from generation 1 on and 4 from 30 on, to [(1, 2), (30, 4)]."""
    try:
        steps = [tuple(positive_int(number) for number in part.split(":")) for part in text.split(",")]
        generations = [generation for generation, _ in steps]
    except (ValueError, argparse.ArgumentTypeError):
        raise argparse.ArgumentTypeError(f"{text!r} is not like 1:2,30:4,80:8 (generation:episodes)") from None
    if generations[0] != 1 or generations != sorted(set(generations)):
        raise argparse.ArgumentTypeError(f"{text!r}: the generations have to rise, and to begin with 1")
    return steps


def population_size(text):
    if (value := positive_int(text)) < 4:
        raise argparse.ArgumentTypeError("CMA-ES needs a population of at least 4")
    return value


def fraction(text):
    if (value := positive_float(text)) > 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0 and at most 1")
    return value


def add_options(parser):
    """The options of every task's train.py."""
    add = parser.add_argument
    add("-n", "--num_worker", type=positive_int, default=available_cores(),
        help="processes that play; one more, which needs next to no time, leads them. Under an mpirun of your own: its "
        "ranks less one")  # fmt: skip
    add("--slots", type=positive_int, default=16, help="environments in lockstep in each process")
    add("--popsize", type=population_size, default=64, help="candidates a generation (paper: 64)")
    add("--num_episode", type=positive_int, default=16, help="episodes a candidate (paper: 16)")
    add("--schedule", type=schedule, metavar="G:E,...",
        help="fewer episodes early: 1:2,30:4 is 2 a candidate from generation 1 on and 4 from 30 on, in place of "
        "--num_episode, which then only names the log")  # fmt: skip
    add("--eval_steps", type=positive_int, default=25, help="generations between evaluations of the mean")
    add("--eval_episodes", type=positive_int, default=1024, help="episodes of an evaluation, always the same seeds")
    add("--average", type=positive_int, default=1,
        help="evaluate the average of the means of so many last generations, which has less of their noise (1: the "
        "mean itself, as the paper). The search does not depend on it")  # fmt: skip
    add("--generations", type=positive_int, default=1800, help="stop after so many in all (paper: 1,800)")
    add("-o", "--optimizer", choices=OPTIMIZERS, default="cma", help="sep_cma: with a diagonal covariance matrix")
    add("--sigma_init", type=positive_float, default=0.1, help="the first standard deviation")
    add("--constant_sigma", action="store_true",
        help="keep the standard deviation: with a --mean_rate below 1, CMA-ES would raise it without end")  # fmt: skip
    add("-s", "--seed", type=non_negative_int, default=0, help="of the candidates and of the episodes they play")
    add("--mean_rate", type=fraction, default=1.0,
        help="share of CMA-ES's step that the mean makes. Below 1 it takes fewer wrong turns where scores are noisy, "
        "while candidates stay as far from it as before")  # fmt: skip
    add("--seeds", choices=("antithetic", "common", "mirrored"), default="antithetic",
        help="antithetic (paper): the two halves of the population share episodes; common: all candidates play the "
        "same ones, which takes noise out of their ranks; mirrored: candidates come in pairs opposite each other at "
        "the mean, a pair shares its episodes, and is ranked by the difference")  # fmt: skip
    add("--patience", type=non_negative_int, default=0,
        help="end a training episode after so many steps without a reward and charge the rest at the last one; "
        "0: never (paper). Evaluations are always played to the end")  # fmt: skip
    add("--cap_time", action="store_true",
        help="cap training episodes at twice the mean length of the generation before")  # fmt: skip
    add("--init", metavar="BEST.json", help="start the distribution at these parameters rather than at 0")
    add("--log", default="log", help="folder of the log and of the checkpoint")


def add_controller_options(parser, task, holds):
    """Those about what is evolved: which C, and for which V and M. holds: what is in the folder of weights."""
    add = parser.add_argument
    add("--controller", choices=KINDS, default=task.controller,
        help=f"what C reads; kinds other than {task.controller} join the log's name")  # fmt: skip
    add("--z", choices=("sample", "mean"), default="sample",
        help="what C reads of V's N(mu, sigma^2): a draw, as in the 2018 code, or mu, without noise")  # fmt: skip
    add("--weights", metavar="DIR", default="weights", help=f"folder of {holds}, which stay as they are")


def check_options(options):
    """UserError for options that do not go together."""
    if options.seeds == "mirrored" and options.popsize % 2:
        raise UserError(f"--seeds mirrored takes an even --popsize, not {options.popsize}")


def log_name(task, options, default_controller):
    """task[.controller].optimizer.episodes.population; the controller is named where it is not the task's default."""
    kind = [] if options.controller == default_controller else [options.controller]
    return ".".join([task, *kind, options.optimizer, str(options.num_episode), str(options.popsize)])


def episodes_at(options, generation):
    """How many episodes a candidate plays in this generation."""
    if options.schedule is None:
        return options.num_episode
    return [episodes for first, episodes in options.schedule if first <= generation][-1]


def run_facts(options, workers):
    """What run.json says of one start of a run: most options may change from one start to the next."""
    return {
        **provenance.origin(),
        "options": vars(options),
        "workers": workers,
    }
