"""The two worlds in which an agent of V, M and C can live (rollout.World): its environment, and its dream."""

from worldmodels.agent import Agent
from worldmodels.data.starts import load_midway, load_starts
from worldmodels.dream import Dreams
from worldmodels.parallel.served import ServedEnvironments
from worldmodels.playing.loading import load_agent
from worldmodels.rollout import Environments


def environments(task, vae, rnn, controller, slots, z, like=None, processes=0):
    """The task's environments, `slots` of them, and the agent in them. z, like: see Agent.

    processes: that the environments are spread over; 0: they are in this one.
    """
    agent = Agent(vae, rnn, controller, task.to_action, slots, task.max_steps, z, like)
    if processes:
        return ServedEnvironments(task.make_env, agent, slots, task.max_steps, processes)
    return Environments([task.make_env() for _ in range(slots)], agent, task.max_steps)


def dreams(task, folder, rnn, controller, slots, temperature, median_ends=False, midway=False, like=None):
    """M's dreams, which begin where episodes do. folder: of initial_z.json. midway: they begin anywhere in them.

    median_ends, like: see Dreams.
    """
    starts = load_midway(folder, rnn) if midway else load_starts(folder, task.z_size)
    sizes = slots, task.max_steps
    return Dreams(rnn, starts, temperature, controller, task.to_action, *sizes, like=like, median_ends=median_ends)


def load_world(
    task,
    path,
    slots,
    *,
    dream,
    weights=None,
    precision="float32",
    z=None,
    temperature=None,
    like=None,
    processes=0,
):
    """The trained agent of a controller's file, in its dream or in its environment. Returns (world, Trained).

    weights, precision: as in load_agent. z, temperature: if None, what C was evolved on. processes: as in
    environments(). like: as of an Agent.
    """
    trained = load_agent(task, path, weights, precision)
    trained = trained._replace(z=z or trained.z, temperature=temperature or trained.temperature)
    vae, rnn, controller = trained.vae, trained.rnn, trained.controller
    if dream:
        return dreams(task, trained.folder, rnn, controller, slots, trained.temperature, like=like), trained
    return environments(task, vae, rnn, controller, slots, trained.z, like, processes), trained
