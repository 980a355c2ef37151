"""5. Evolve C: python train.py  ->  log/carracing.cma.16.64.best.json

CMA-ES over the parameters of C, every candidate playing whole episodes with V and M from weights/. It starts its own
MPI ranks, writes a checkpoint every generation, and goes on from it when the same command is run again.
"""

import functools

import numpy as np

from carracing.task import CARRACING
from worldmodels.evolution import episode_player, evolve_controller, say
from worldmodels.evolving.options import add_controller_options, add_options
from worldmodels.evolving.whitening import second_moment, whitening_matrix
from worldmodels.parallel.threads import quiet_stderr
from worldmodels.scripts import precision
from worldmodels.scripts.cli import Parser, non_negative_int, run


def options():
    parser = Parser(description=__doc__.splitlines()[0])
    add_options(parser)
    add_controller_options(parser, CARRACING, "V and M")
    parser.add_argument(
        "--whiten",
        type=non_negative_int,
        default=0,
        metavar="EPISODES",
        help="play so many with --init first, and search where every component of what C reads counts alike, however "
        "little it varies (0: in the parameters themselves, as the paper)",
    )
    precision.add_option(parser)
    args = parser.parse_args()
    if args.whiten and not args.init:
        parser.error("--whiten needs an agent that drives: name one with --init")
    if args.whiten > 1000:
        parser.error("--whiten: the workers wait while rank 0 plays these episodes, so no more than 1000")
    if args.whiten and args.controller == "z_hidden":
        parser.error("--whiten is for controllers of one layer")
    return args


def make_agent(args):
    """Environments for all slots, and the agent that plays in them with the parameters of C that it is given."""
    from worldmodels.agent import Agent
    from worldmodels.task import controller_of, load_world_model

    vae, rnn = load_world_model(CARRACING, args.weights, args.precision)
    controller = controller_of(CARRACING, args.controller)
    agent = Agent(vae, rnn, controller, CARRACING.to_action, args.slots, CARRACING.max_steps, args.z)
    return [CARRACING.make_env() for _ in range(args.slots)], agent


def make_player(args):
    """What a worker plays with: see evolve()."""
    from worldmodels.files.weights import fingerprint

    envs, agent = make_agent(args)
    vae, rnn = agent.graph.vae, agent.graph.rnn
    return episode_player(envs, agent, agent.max_steps), {"vae": fingerprint(vae), "rnn": fingerprint(rnn)}


def whitening(args, start):
    """The matrix of the coordinates for CMA-ES: see evolve()."""
    say(f"playing {args.whiten} episodes to see what C reads")
    with quiet_stderr():
        envs, agent = make_agent(args)
    return whitening_matrix(second_moment(envs, agent, np.float32(start), range(args.whiten), agent.max_steps))


def main():
    args = options()
    whiten = functools.partial(whitening, args) if args.whiten else None
    evolve_controller(args, CARRACING, functools.partial(make_player, args), essential=("whiten",), whitening=whiten)


if __name__ == "__main__":
    run(main)
