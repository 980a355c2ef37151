"""Evolving a task's C: V, M and the strategy put together for worldmodels.evolution.evolve."""

import functools
from pathlib import Path

import numpy as np

from worldmodels.computing.device import use
from worldmodels.controller import load_parameters
from worldmodels.evolution import Plan, evolve, player
from worldmodels.evolving import evosax_strategy
from worldmodels.evolving.evosax_strategy import Evosax
from worldmodels.evolving.options import ESSENTIAL, log_name
from worldmodels.evolving.strategy import CMAES
from worldmodels.evolving.whitening import second_moment, whitening_matrix
from worldmodels.parallel import ranks
from worldmodels.parallel.processes import available_cores
from worldmodels.playing.loading import PARTS, check_world_model, load_agent, load_run, load_world_model
from worldmodels.scripts.cli import UserError
from worldmodels.scripts.progress import say


def train_controller(
    task,
    *,
    weights,
    log,
    generations,
    workers,
    slots,
    device,
    init,
    imitate,
    seed,
    controller,
    z,
    optimizer,
    popsize,
    sigma_init,
    whiten,
    num_episode,
    seeds,
    mean_rate,
    constant_sigma,
    eval_steps,
    eval_episodes,
    average,
    patience=0,
    precision="float32",
    temperature=None,
):
    """The main part of a task's train.py: evolve its C for the V and M in the folder `weights`.

    temperature: of the dreams that C learns in; if None, it learns in the environment. The others are the options of
    evolving/options.py, by their names.
    """
    options = {name: value for name, value in locals().items() if name not in ("task", "workers")}  # for the log
    check_options(optimizer, seeds, popsize, mean_rate, constant_sigma, whiten, init, imitate, controller)
    use("cpu" if ranks.leads() else device)  # rank 0, which may play some episodes first, leaves a GPU to its worker
    start = np.zeros(task.make_controller(controller).num_params)
    if ranks.leads():  # a worker finds out for itself, and then says on which host
        check_world_model(weights)
        if imitate:
            check_world_model(imitate, "--imitate")
    if init and not imitate and ranks.leads():
        start, _ = load_parameters(init, len(start))
        if not ranks.launched():
            say_what_it_learned_with(init, weights)
    about = {"controller": controller, "z": z}
    where = {"slots": slots, "precision": precision, "temperature": temperature}
    make_world = functools.partial(training_world, task, weights, **about, **where)
    strategy = make_strategy(
        start,
        sigma_init,
        popsize,
        seed=seed,
        optimizer=optimizer,
        seeds=seeds,
        mean_rate=mean_rate,
        constant_sigma=constant_sigma,
        imitation=functools.partial(imitated, task, weights, init, imitate, **about) if imitate else None,
        whitening=functools.partial(whitening, make_world, whiten) if whiten else None,
    )
    plan = Plan(
        generations=generations,
        num_episode=num_episode,
        pairing=seeds,
        seed=seed,
        patience=patience,
        eval_steps=eval_steps,
        eval_episodes=eval_episodes,
        average=average,
    )
    evolve(
        log_name(task, controller, optimizer, num_episode, popsize),
        strategy,
        plan,
        functools.partial(make_player, functools.partial(make_world, device=device)),
        log=log,
        workers=workers,
        about=about if temperature is None else about | {"temperature": temperature},
        options=options,
        essential=(*ESSENTIAL, "temperature", "whiten"),
    )


def make_strategy(
    start, sigma_init, popsize, *, seed, optimizer, seeds, mean_rate, constant_sigma, imitation=None, whitening=None
):
    """The strategy of an --optimizer. seeds: only "mirrored" makes a difference. The others: as of CMAES."""
    if optimizer in evosax_strategy.OPTIMIZERS:
        return Evosax(start, sigma_init, popsize, seed=seed, optimizer=optimizer)
    return CMAES(
        start,
        sigma_init,
        popsize,
        seed=seed,
        optimizer=optimizer,
        mirrored=seeds == "mirrored",
        mean_rate=mean_rate,
        constant_sigma=constant_sigma,
        imitation=imitation,
        whitening=whitening,
    )


def check_options(optimizer, seeds, popsize, mean_rate, constant_sigma, whiten, init, imitate, controller):
    """UserError for options that do not go together."""
    if optimizer in evosax_strategy.OPTIMIZERS:
        if seeds == "mirrored" or mean_rate != 1 or constant_sigma or whiten or imitate:
            raise UserError(
                "--seeds mirrored, --mean_rate, --constant_sigma, --whiten and --imitate go with -o cma or sep_cma"
            )
        if popsize % 2:
            raise UserError(f"-o {optimizer} takes an even --popsize, not {popsize}")
    if seeds == "mirrored" and popsize % 2:
        raise UserError(f"--seeds mirrored takes an even --popsize, not {popsize}")
    if whiten and not init:
        raise UserError("--whiten needs an agent that drives: name one with --init")
    if whiten > 1000:
        raise UserError("--whiten: the workers wait while rank 0 plays these episodes, so no more than 1000")
    if imitate and not init:
        raise UserError("--imitate needs the C of the agent that is to be imitated: name it with --init")
    if (whiten or imitate) and controller == "z_hidden":
        raise UserError("--whiten and --imitate are for controllers of one layer")


def training_world(
    task, weights, *, slots, temperature=None, controller=None, z="sample", precision="float32", device="cpu"
):
    """Where a C learns, and the fingerprints of the V and M in it.

    weights: the folder of V and M. temperature: of their dreams; if None, C learns in the environment. slots: episodes
    in lockstep. controller: its kind, if not the task's. z: see Agent. precision: the arithmetic of V, or in dreams
    that of M: of what takes most of the time. device: with "gpu", environments are in processes of their own, one a
    core.
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
        world = dreams(task, weights, rnn, controller, slots, temperature)
    return world, {"vae": fingerprint(vae), "rnn": fingerprint(rnn)}


def make_player(make_world):
    """What a worker plays with: see evolve()."""
    world, facts = make_world()
    return player(world), facts


def imitated(task, weights, init, former_weights, *, controller, z):
    """The C to start from: it acts as the agent of `init` and `former_weights` does."""
    from worldmodels.evolving.imitation import imitate

    former = load_agent(task, init, former_weights)
    if len(former.controller.layers) > 1:
        raise UserError(f"{init} has a hidden layer: --imitate is for controllers of one layer")
    return imitate(task, former, *load_world_model(task, weights), task.make_controller(controller), z)


def whitening(make_world, episodes, start):
    """The matrix of the coordinates for CMA-ES."""
    say(f"playing {episodes} episodes to see what C reads")
    world, _ = make_world()
    return whitening_matrix(second_moment(world, np.float32(start), range(episodes)))


def say_what_it_learned_with(path, weights):
    """A line if the C to start from knows other eyes than the V and M in the folder `weights`.

    In the iterative procedure that is right: they have learned on, and now C does.
    """
    from worldmodels.files.weights import fingerprint_of_file

    run = load_run(path)
    there = {part: fingerprint_of_file(Path(weights) / f"{part}.weights.h5", name) for part, name in PARTS.items()}
    if other := [name for part, name in PARTS.items() if run.get(part, there[part]) != there[part]]:
        say(f"{path} has learned with another {' and '.join(other)} than those in {weights}: it goes on with these")
