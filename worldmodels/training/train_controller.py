"""Evolving a task's C: V, M and the strategy put together for worldmodels.evolution.evolve."""

import functools

import numpy as np

from worldmodels.computing.device import use
from worldmodels.controller import load_parameters
from worldmodels.data.starts import starts_facts
from worldmodels.evolution import Plan, evolve, player
from worldmodels.evolving import evosax_strategy
from worldmodels.evolving.evosax_strategy import Evosax
from worldmodels.evolving.options import ESSENTIAL, log_name
from worldmodels.evolving.state import checkpoint_path
from worldmodels.evolving.strategy import CMAES
from worldmodels.evolving.whitening import second_moment, whitening_matrix
from worldmodels.parallel import ranks
from worldmodels.parallel.processes import available_cores
from worldmodels.playing.loading import PARTS, check_world_model, fingerprints, load_agent, load_run, load_world_model
from worldmodels.scripts.cli import UserError
from worldmodels.scripts.progress import say

DREAM = ("temperature", "median_ends", "midway")


def train_controller(task, options):
    """The main part of a task's train.py: evolve its C for the V and M in the folder options.weights.

    options: those of evolving/options.py, as they were parsed. Given a temperature, C learns in dreams, else in the
    environment.
    """
    use("cpu" if ranks.leads() else options.device)  # rank 0 may play some episodes first: a GPU is for its worker
    start = np.zeros(task.make_controller(options.controller).num_params)
    if ranks.leads():  # a worker finds out for itself, and then says on which host
        check_options(options)
        check_world_model(options.weights)
        begun = checkpoint_path(options.log, log_name(task, options)).exists()  # it knows from where
        if options.imitate and not begun:
            check_world_model(options.imitate, "--imitate")
        elif options.init and not begun:
            check_kind(options)
            start, _ = load_parameters(options.init, len(start))
            if not ranks.launched():
                say_what_it_learned_with(options)
    about = {"controller": options.controller, "z": options.z}
    where = {name: getattr(options, name) for name in ("slots", "precision", *DREAM)}
    make_world = functools.partial(training_world, task, options.weights, **about, **where)
    strategy = make_strategy(
        options,
        start,
        imitation=functools.partial(imitated, task, options) if options.imitate else None,
        whitening=functools.partial(whitening, make_world, options.whiten) if options.whiten else None,
    )
    evolve(
        log_name(task, options),
        strategy,
        make_plan(options),
        functools.partial(make_player, functools.partial(make_world, device=options.device)),
        log=options.log,
        workers=options.workers,
        about=about if options.temperature is None else about | {name: getattr(options, name) for name in DREAM},
        options={name: value for name, value in vars(options).items() if name != "workers"},
        essential=ESSENTIAL,
    )


def make_strategy(options, start, imitation=None, whitening=None):
    """The strategy of --optimizer, which begins at `start`. imitation, whitening: as of CMAES."""
    if options.optimizer in evosax_strategy.OPTIMIZERS:
        return Evosax(start, options.sigma_init, options.popsize, seed=options.seed, optimizer=options.optimizer)
    return CMAES(
        start,
        options.sigma_init,
        options.popsize,
        seed=options.seed,
        optimizer=options.optimizer,
        mirrored=options.seeds == "mirrored",
        mean_rate=options.mean_rate,
        constant_sigma=options.constant_sigma,
        imitation=imitation,
        whitening=whitening,
    )


def make_plan(options):
    return Plan(
        generations=options.generations,
        num_episode=options.num_episode,
        pairing=options.seeds,
        seed=options.seed,
        patience=options.patience,
        eval_steps=options.eval_steps,
        eval_episodes=options.eval_episodes,
        average=options.average,
    )


def check_options(options):
    """UserError for options that do not go together."""
    mirrored = options.seeds == "mirrored"
    if options.optimizer in evosax_strategy.OPTIMIZERS:
        if mirrored or options.mean_rate != 1 or options.constant_sigma or options.whiten or options.imitate:
            raise UserError(
                "--seeds mirrored, --mean_rate, --constant_sigma, --whiten and --imitate go with -o cma or sep_cma"
            )
        if options.popsize % 2:
            raise UserError(f"-o {options.optimizer} takes an even --popsize, not {options.popsize}")
    if mirrored and options.popsize % 2:
        raise UserError(f"--seeds mirrored takes an even --popsize, not {options.popsize}")
    if options.whiten and not options.init:
        raise UserError("--whiten needs an agent that drives: name one with --init")
    if options.whiten > 1000:
        raise UserError("--whiten: the workers wait while rank 0 plays these episodes, so no more than 1000")
    if options.imitate and not options.init:
        raise UserError("--imitate needs the C of the agent that is to be imitated: name it with --init")
    if (options.whiten or options.imitate) and options.controller == "z_hidden":
        raise UserError("--whiten and --imitate are for controllers of one layer")


def training_world(
    task,
    weights,
    *,
    slots,
    temperature=None,
    median_ends=False,
    midway=False,
    controller=None,
    z="sample",
    precision="float32",
    device="cpu",
):
    """Where a C learns, and the fingerprints of the V and M in it.

    weights: the folder of V and M. temperature: of their dreams; if None, C learns in the environment. median_ends,
    midway: as of worlds.dreams. slots: episodes in lockstep. controller: its kind, if not the task's. z: see Agent.
    precision: the arithmetic of V, or in dreams that of M: of what takes most of the time. device: with "gpu",
    environments are in processes of their own, one a core.
    """
    from worldmodels.files.weights import fingerprint
    from worldmodels.playing.worlds import dreams, environments

    precisions = {"precision": precision} if temperature is None else {"rnn_precision": precision}
    vae, rnn = load_world_model(task, weights, **precisions)
    controller = task.make_controller(controller)
    if temperature is None:
        processes = available_cores() if device == "gpu" else 0
        world = environments(task, vae, rnn, controller, slots, z, processes=processes)
    else:
        world = dreams(task, weights, rnn, controller, slots, temperature, median_ends, midway)
    facts = {"vae": fingerprint(vae), "rnn": fingerprint(rnn)}
    if temperature is not None:
        facts |= starts_facts(weights, midway)
    return world, facts


def make_player(make_world):
    """What a worker plays with: see evolve()."""
    world, facts = make_world()
    return player(world), facts


def imitated(task, options):
    """The C to start from: it acts as the agent of --init and --imitate does."""
    from worldmodels.evolving.imitation import imitate

    former = load_agent(task, options.init, options.imitate)
    if len(former.controller.layers) > 1:
        raise UserError(f"{options.init} has a hidden layer: --imitate is for controllers of one layer")
    vae, rnn = load_world_model(task, options.weights)
    return imitate(task, former, vae, rnn, task.make_controller(options.controller), options.z)


def whitening(make_world, episodes, start):
    """The matrix of the coordinates for CMA-ES."""
    say(f"playing {episodes} episodes to see what C reads")
    world, _ = make_world()
    return whitening_matrix(second_moment(world, np.float32(start), range(episodes)))


def check_kind(options):
    """UserError if the C to start from reads something else, as its .run.json says: the sizes may be the same."""
    if (kind := load_run(options.init).get("controller", options.controller)) != options.controller:
        raise UserError(f"{options.init} is a C that reads {kind}: add --controller {kind}")


def say_what_it_learned_with(options):
    """A line if the C to start from knows another z, or other eyes than the V and M in the folder --weights.

    In the iterative procedure the latter is right: they have learned on, and now C does.
    """
    path, weights = options.init, options.weights
    run, there = load_run(path), fingerprints(weights)
    if run and (z := run.get("z", "sample")) != options.z:
        say(f"{path} has learned with --z {z}: it goes on with --z {options.z}")
    if other := [name for part, name in PARTS.items() if run.get(part, there[part]) != there[part]]:
        say(f"{path} has learned with another {' and '.join(other)} than those in {weights}: it goes on with these")
