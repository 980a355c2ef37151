"""5. Evolve C in the dream: python train.py  ->  log/doomrnn.cma.16.64.best.json

CMA-ES over the parameters of C, which never sees the game: every candidate lives in M's dream, and is worth the steps
that it survives there. It starts its own MPI ranks, writes a checkpoint every generation, and goes on from it when the
same command is run again.
"""

import functools

from doomrnn.task import DOOM, TEMPERATURE
from worldmodels.evolution import evolve_controller
from worldmodels.evolving.options import add_controller_options, add_options
from worldmodels.scripts.cli import Parser, positive_float, run


def options():
    parser = Parser(description=__doc__.splitlines()[0])
    add_options(parser)
    parser.set_defaults(slots=64)
    parser.add_argument(
        "--temperature",
        type=positive_float,
        default=TEMPERATURE,
        help="of the dream (paper: 1.15 does best; below 1, C learns to exploit the mistakes of M)",
    )
    add_controller_options(parser, DOOM, "V, M and initial_z.json")
    return parser.parse_args()


def make_player(args):
    """What a worker plays with: see evolve()."""
    from worldmodels.dream import DreamSteps, dream_player, load_world
    from worldmodels.files.weights import fingerprint
    from worldmodels.task import controller_of

    world = load_world(DOOM, args.weights)
    graph = DreamSteps(world.rnn, args.temperature, controller_of(DOOM, args.controller), DOOM.to_action)
    facts = {"vae": fingerprint(world.vae), "rnn": fingerprint(world.rnn), "temperature": args.temperature}
    return dream_player(world, graph, args.slots, DOOM.max_steps), facts


def main():
    args = options()
    evolve_controller(args, DOOM, functools.partial(make_player, args), essential=("temperature",))


if __name__ == "__main__":
    run(main)
