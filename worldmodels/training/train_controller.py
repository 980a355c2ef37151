"""Evolving a task's C: V, M and the strategy put together for worldmodels.evolution.evolve."""

import dataclasses
import functools
from pathlib import Path

import numpy as np

from worldmodels.controller import load_parameters
from worldmodels.device import use
from worldmodels.evolution import Plan, evolve, player
from worldmodels.evolving import evosax_strategy
from worldmodels.evolving.evosax_strategy import Evosax
from worldmodels.evolving.options import ESSENTIAL, log_name
from worldmodels.evolving.strategy import CMAES
from worldmodels.evolving.whitening import second_moment, whitening_matrix
from worldmodels.parallel import ranks
from worldmodels.parallel.processes import available_cores
from worldmodels.playing.loading import check_world_model, load_run, load_world_model
from worldmodels.scripts.cli import UserError
from worldmodels.scripts.progress import say


def train_controller(
    task, *, log, weights, workers, slots, device, precision="float32", temperature=None, whiten=0, **options
):
    """The main part of a task's train.py: evolve its C for the V and M in the folder `weights`.

    temperature: of the dreams that C learns in; if None, it learns in the environment. whiten: episodes played with
    the first parameters, by which the coordinates of the search are chosen. The others are those of add_options().
    """
    check_options(whiten, **options)
    use("cpu" if ranks.leads() else device)  # rank 0, which may play some episodes first, leaves a GPU to its worker
    controller = task.make_controller(options["controller"])
    start = np.zeros(controller.num_params)
    if ranks.leads():  # a worker finds out for itself, and then says on which host
        check_world_model(weights)
    if options["init"] and ranks.leads():
        start, _ = load_parameters(options["init"], controller.num_params)
        say_what_it_learned_with(options["init"], weights)
    where = {"slots": slots, "precision": precision, "temperature": temperature, "device": device}
    what = {"controller": options["controller"], "z": options["z"]}
    make_world = functools.partial(training_world, task, weights, **where, **what)
    on_cpu = functools.partial(make_world, device="cpu")
    strategy = make_strategy(start, functools.partial(whitening, on_cpu, whiten) if whiten else None, **options)
    about = what if temperature is None else {**what, "temperature": temperature}
    evolve(
        log_name(task, *(options[name] for name in ("controller", "optimizer", "num_episode", "popsize"))),
        strategy,
        plan_of(**options),
        functools.partial(make_player, make_world),
        log=log,
        workers=workers,
        about=about,
        options=options | {"weights": weights, "log": log, **where, "whiten": whiten},
        essential=(*ESSENTIAL, "temperature", "whiten"),
    )


def make_strategy(start, whitening, *, optimizer, sigma_init, popsize, seed, seeds, mean_rate, constant_sigma, **_):
    """The strategy of the options of train.py. whitening: as of CMAES."""
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
        whitening=whitening,
    )


def plan_of(*, seeds, **options):
    """The Plan of the options of train.py."""
    names = {field.name for field in dataclasses.fields(Plan)}
    return Plan(pairing=seeds, **{name: value for name, value in options.items() if name in names})


def check_options(whiten, *, seeds, popsize, init, controller, optimizer, mean_rate, constant_sigma, **_):
    """UserError for options that do not go together."""
    if optimizer in evosax_strategy.OPTIMIZERS:
        if seeds == "mirrored" or mean_rate != 1 or constant_sigma or whiten:
            raise UserError("--seeds mirrored, --mean_rate, --constant_sigma and --whiten go with -o cma or sep_cma")
        if popsize % 2:
            raise UserError(f"-o {optimizer} takes an even --popsize, not {popsize}")
    if seeds == "mirrored" and popsize % 2:
        raise UserError(f"--seeds mirrored takes an even --popsize, not {popsize}")
    if whiten and not init:
        raise UserError("--whiten needs an agent that drives: name one with --init")
    if whiten > 1000:
        raise UserError("--whiten: the workers wait while rank 0 plays these episodes, so no more than 1000")
    if whiten and controller == "z_hidden":
        raise UserError("--whiten is for controllers of one layer")


def training_world(
    task, weights, *, slots, temperature=None, controller=None, z="sample", precision="float32", device="cpu"
):
    """Where a C learns, and the fingerprints of the V and M in it.

    weights: the folder of V and M. temperature: of their dreams; if None, C learns in the environment. slots: episodes
    in lockstep. controller: its kind, if not the task's. z, precision: see Agent and VAE. device: with "gpu",
    environments are in processes of their own, one a core.
    """
    from worldmodels.files.weights import fingerprint
    from worldmodels.playing.worlds import dreams, environments

    vae, rnn = load_world_model(task, weights, precision)
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

    run, names = load_run(path), {"vae": "V", "rnn": "M"}
    there = {part: fingerprint_of_file(Path(weights) / f"{part}.weights.h5", names[part]) for part in names}
    if other := [names[part] for part in names if run.get(part, there[part]) != there[part]]:
        say(f"{path} has learned with another {' and '.join(other)} than those in {weights}: it goes on with these")
