"""The options of every task's train.py."""

import argparse

from worldmodels.computing import device
from worldmodels.controller import KINDS, READS
from worldmodels.evolution import PAIRINGS
from worldmodels.evolving import evosax_strategy
from worldmodels.evolving.strategy import OPTIMIZERS
from worldmodels.parallel.hosts import number_or_hosts
from worldmodels.parallel.processes import available_cores
from worldmodels.scripts.cli import non_negative_int, positive_float, positive_int, seed

# What may not change between a start and the next: the rest (how long, how fast) may.
ESSENTIAL = ("controller", "z", "optimizer", "popsize", "num_episode", "sigma_init", "constant_sigma", "mean_rate")
ESSENTIAL += ("seed", "seeds", "init", "imitate", "eval_episodes", "temperature", "whiten")
ESSENTIAL += ("median_ends", "midway")


def episodes(text):
    """Parse "16" to ((1, 16),), and "1:2,30:4", 2 episodes from generation 1 on and 4 from 30 on, to ((1, 2), (30, 4)).

    ArgumentTypeError if it is neither.
    """
    try:
        if ":" not in text:
            return ((1, positive_int(text)),)
        steps = tuple(tuple(positive_int(number) for number in part.split(":")) for part in text.split(","))
        generations = [generation for generation, _ in steps]
    except (ValueError, argparse.ArgumentTypeError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a number nor like 1:2,30:4 (generation:number)"
        ) from None
    if generations[0] != 1 or generations != sorted(set(generations)):
        raise argparse.ArgumentTypeError(f"{text!r}: the generations have to rise, and to begin with 1")
    return steps


def population_size(text):
    if (value := positive_int(text)) < 4:
        raise argparse.ArgumentTypeError("a population has at least 4 candidates")
    return value


def fraction(text):
    if (value := positive_float(text)) > 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0 and at most 1")
    return value


def add_options(parser, task, slots=32):
    """task: its kind of controller is the default. slots: how many episodes a process plays in lockstep.

    Returns the group of options about speed, to which a task may add --patience and --precision. Without them, and
    without those about dreams (doomrnn/train.py), these are the values that have no effect.
    """
    parser.set_defaults(patience=0, precision="float32", temperature=None, median_ends=False, midway=False)
    parser.epilog = "example: python train.py --num_episode 1:2,40:4 --seeds common --generations 70 --log log/first"
    add = parser.add_argument_group("what everybody needs").add_argument
    add("--generations", type=positive_int, default=1800, help="stop after so many in all (paper: 1,800)")
    add("-n", "--workers", "--num_worker", dest="workers", type=number_or_hosts, default=available_cores(),
        metavar="N or HOST[:N],...", help="processes that play; a:8,b is 8 on host a, and one a core on host b. One "
        "more, which uses almost no CPU, leads them. Under an mpirun of your own: its ranks less one")  # fmt: skip
    add("-s", "--seed", type=seed, default=0, help="of the candidates and of the episodes they play")

    add = parser.add_argument_group("files").add_argument
    add("--weights", metavar="DIR", default="weights", help="folder of V and M, which stay as they are")
    add("--log", default="log", help="folder of the log and of the checkpoint")
    add("--init", metavar="BEST.json",
        help="start the distribution at this C rather than at 0; with --imitate: the agent to imitate")  # fmt: skip
    add("--imitate", metavar="DIR",
        help="folder of the V and M that --init learned with: start at a C that acts as that agent does, but reads the "
        "V and M in --weights")  # fmt: skip

    add = parser.add_argument_group("what is evolved").add_argument
    add("--controller", choices=KINDS, default=task.controller,
        help=f"what C reads; kinds other than {task.controller} join the log's name")  # fmt: skip
    add("--z", choices=READS, default="sample",
        help="what C reads of V's N(mu, sigma^2): a draw, as in the 2018 code, or mu, without noise")  # fmt: skip
    add("-o", "--optimizer", choices=(*OPTIMIZERS, *evosax_strategy.OPTIMIZERS), default="cma",
        help="sep_cma: CMA-ES with a diagonal covariance matrix; openes, pepg, snes, ga: others, for which there is "
        "requirements-jax.txt")  # fmt: skip
    add("--popsize", type=population_size, default=64, help="candidates a generation (paper: 64)")
    add("--sigma_init", type=positive_float, default=0.1, help="the first standard deviation")
    add("--whiten", type=non_negative_int, default=0, metavar="EPISODES",
        help="play so many with --init first, and search where every component of what C reads counts alike, however "
        "little it varies (0: in the parameters themselves, as the paper)")  # fmt: skip

    add = parser.add_argument_group("scores are noisy").add_argument
    add("--num_episode", type=episodes, default="16", metavar="E or G:E,...",
        help="episodes a candidate (paper: 16). 1:2,30:4 is 2 from generation 1 on and 4 from 30 on")  # fmt: skip
    add("--seeds", choices=PAIRINGS, default="antithetic",
        help="antithetic (2018 code): the two halves of the population share episodes; common: all candidates play the "
        "same ones, which takes noise out of their ranks; mirrored: candidates come in pairs opposite each other at "
        "the mean, a pair shares its episodes, and is ranked by the difference")  # fmt: skip
    add("--mean_rate", type=fraction, default=1.0,
        help="share of CMA-ES's step that the mean makes. Below 1 it takes fewer wrong turns where scores are noisy, "
        "while candidates stay as far from it as before")  # fmt: skip
    add("--constant_sigma", action="store_true",
        help="keep the standard deviation: with a --mean_rate below 1, CMA-ES would raise it without end")  # fmt: skip
    add("--eval_steps", type=positive_int, default=25, help="generations between evaluations of the mean")
    add("--eval_episodes", type=positive_int, default=1024, help="episodes of an evaluation, always the same seeds")
    add("--average", type=positive_int, default=1,
        help="evaluate the average of the means of so many last generations, which has less of their noise (1: the "
        "mean itself, as the 2018 code). The search does not depend on it")  # fmt: skip

    speed = parser.add_argument_group("speed")
    speed.add_argument("--slots", type=positive_int, default=slots, help="episodes in lockstep in each process")
    device.add_option(speed, "of V, M and C; gpu takes -n 1 and, in the environment, some hundred --slots")
    return speed


def add_environment_options(speed):
    """The options of a task whose C learns in the environment: a dream rewards every step, and does without V."""
    add = speed.add_argument
    add("--patience", type=non_negative_int, default=0,
        help="end a training episode after so many steps without a reward and charge the rest at the last one; "
        "0: never (paper). Evaluations are always played to the end")  # fmt: skip


def log_name(task, options):
    """task[.controller].optimizer.episodes.population; the controller is named where it is not the task's default.

    A number of episodes that rises reads 2-4.
    """
    kind = [] if options.controller == task.controller else [options.controller]
    played = "-".join(str(count) for _, count in options.num_episode)
    return ".".join([task.name, *kind, options.optimizer, played, str(options.popsize)])
