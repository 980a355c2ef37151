"""5. Evolve C: python train.py  ->  log/carracing.cma.16.64.best.json

CMA-ES over the parameters of C, every candidate playing whole episodes with V and M from weights/. It starts its own
MPI ranks, writes a checkpoint every generation, and goes on from it when the same command is run again.
"""

import functools

from worldmodels.cli import Parser, run
from worldmodels.controller import KINDS
from worldmodels.evolution import episode_player, evolve
from worldmodels.evolution_options import add_options, log_name


def options():
    parser = Parser(description=__doc__.splitlines()[0])
    add_options(parser)
    parser.add_argument(
        "--controller", choices=KINDS, default="z_h", help="what C reads; kinds other than z_h join the log's name"
    )
    parser.add_argument("--weights", default="weights", help="folder of V and M, which stay as they are")
    parser.add_argument(
        "--precision",
        choices=["float32", "bfloat16"],
        default="float32",
        help="V's arithmetic; bfloat16 is about twice as fast where the CPU has it",
    )
    return parser.parse_args()


def make_player(args):
    """What a worker plays with: see evolve()."""
    from carracing.task import CARRACING as task
    from worldmodels.agent import Agent
    from worldmodels.task import controller_of, load_world_model
    from worldmodels.weights import fingerprint

    vae, rnn = load_world_model(task, args.weights, args.precision)
    controller = controller_of(task, args.controller)
    agent = Agent(vae, rnn, controller, task.to_action, args.slots, task.max_steps)
    envs = [task.make_env() for _ in range(args.slots)]
    return episode_player(envs, agent, task.max_steps), {"vae": fingerprint(vae), "rnn": fingerprint(rnn)}


def main():
    args = options()
    from carracing.task import CARRACING
    from worldmodels.task import check_world_model, controller_of

    check_world_model(args.weights)
    name = log_name(CARRACING.name, args, default_controller=CARRACING.controller)
    evolve(args, name, controller_of(CARRACING, args.controller).num_params, functools.partial(make_player, args))


if __name__ == "__main__":
    run(main)
