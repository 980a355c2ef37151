"""The dream: M in place of the environment (paper, section 4), for many dreams at once or as a Gymnasium environment.

A dream starts where an episode did: z from initial_z.json, M's state at zero. At each step M advances with (z, action),
and the next z is drawn from its mixture at a temperature. An M with an end logit (done=True) also ends the dream, where
that logit is above 0, and reads a restart flag, which is 1 at the first step. The reward is then 1 a step, so that an
agent can learn in its dreams alone.
"""

from pathlib import Path
from typing import Any, NamedTuple

import gymnasium
import keras
import numpy as np
from gymnasium import spaces
from keras import ops

from worldmodels.files.reading import load_json
from worldmodels.playing.video import enlarge
from worldmodels.playing.window import Window
from worldmodels.rnn import sample_z
from worldmodels.scripts.cli import UserError
from worldmodels.task import agent_facts, find_world_model, load_controller, load_world_model

STEPS = 20  # of the batched dream between two looks at which have ended: half of them are in vain for each
PICTURE_SCALE = 6  # rendered pictures are 384x384


class World(NamedTuple):
    """All that a dream needs."""

    vae: Any  # its decoder shows the dream
    rnn: Any
    mu: np.ndarray  # (N, Z) float32, of the first frames of N episodes: where dreams start
    logvar: np.ndarray  # (N, Z) float32


def load_starts(folder, z_size):
    """mu and logvar, each (N, Z) float32, of a folder's initial_z.json, which holds them times 10,000 and rounded."""
    path = Path(folder) / "initial_z.json"
    data = load_json(path, "where dreams start", list)
    try:
        mu, logvar = (np.array(rows, np.float32) / 10000 for rows in data)
    except (ValueError, TypeError, OverflowError):
        mu = logvar = np.zeros(0, np.float32)
    if mu.shape != logvar.shape or mu.ndim != 2 or len(mu) == 0 or mu.shape[1] != z_size:
        raise UserError(f"{path} does not hold two lists of z with {z_size} numbers each: run rnn_train.py again")
    if not (np.isfinite(mu).all() and np.isfinite(logvar).all()):
        raise UserError(f"{path} holds numbers that are not finite: run rnn_train.py again")
    return mu, logvar


def load_world(task, weights=None):
    """The World in the first of task.weights_folders(weights) that has an M."""
    folders = task.weights_folders(weights)
    for folder in folders:
        if weights or (folder / "rnn.weights.h5").exists():
            return World(*load_world_model(task, folder), *load_starts(folder, task.z_size))
    raise UserError(f"there is no M to dream with in {' or '.join(map(str, folders))}: run rnn_train.py first")


def load_dreamer(task, options):
    """C and the world it is to dream in, as options.controller, .weights and .temperature say.

    A temperature of None is the one that C was trained at. Returns (World, DreamSteps, parameters (P,), facts for a
    result's JSON).
    """
    controller, params, run = load_controller(task, options.controller)
    folder, vae, rnn = find_world_model(task, run, options.weights)
    temperature = options.temperature or run.get("temperature")
    if not isinstance(temperature, int | float) or not 0 < temperature < np.inf:
        raise UserError(
            f"nothing beside {options.controller} says at which temperature it was trained to dream: say at which "
            "--temperature to dream"
        )
    world = World(vae, rnn, *load_starts(folder, task.z_size))
    graph = DreamSteps(rnn, temperature, controller, task.to_action)
    return world, graph, params, agent_facts(controller, params, vae, rnn) | {"temperature": temperature}


class DreamSteps(keras.Model):
    """T steps of B dreams as one program: in each, C acts (where there is one), M advances, and the next z is drawn.

    Inputs: z (B, Z); h, c (B, H); restart (B, 1), 1 for dreams that are about to begin; uniform in [0, 1) and standard
    normal noise, (T, B, Z) each; and actions (T, B, A), or params (B, P) where there is a controller: C then acts on z
    and the state before.
    Outputs: z, h and c at the end; zs (T, B, Z) and actions (T, B, A), what was seen and done in each step; and
    end_logit (T, B) if M has one. Nothing stops a dream in mid-program: what follows its end is to be thrown away.
    """

    def __init__(self, rnn, temperature, controller=None, to_action=None):
        super().__init__(name="dream")
        self.rnn, self.temperature, self.controller, self.to_action = rnn, temperature, controller, to_action
        self.head_weights = rnn.head_weights()
        self.supports_jit = keras.backend.backend() != "tensorflow"  # XLA makes TensorFlow's loops slower on CPUs

    def call(self, inputs):
        z, h, c, restart = (ops.convert_to_tensor(inputs[name]) for name in ("z", "h", "c", "restart"))
        seen = {"zs": [], "actions": [], "end_logit": []}
        for t in range(inputs["uniform"].shape[0]):  # written out: faster than a loop of the backend's
            if self.controller is None:
                action = inputs["actions"][t]
            else:
                action = self.to_action(self.controller.raw_actions(inputs["params"], z, h, c))  # (B, A)
            seen["zs"].append(z)
            seen["actions"].append(action)
            flag = [restart] if self.rnn.done else []
            h, c = self.rnn.step(ops.concatenate([z, action, *flag], axis=-1), (h, c))
            mixture, end_logit = self.rnn.head(h, self.head_weights)
            z = sample_z(mixture, self.temperature, inputs["uniform"][t], inputs["normal"][t])
            if self.rnn.done:
                seen["end_logit"].append(end_logit)
            restart = ops.zeros_like(restart)
        stacked = {name: ops.stack(values) for name, values in seen.items() if values}
        return {"z": z, "h": h, "c": c, **stacked}


class _Dreams:
    """Dreams under way, one a slot. The randomness of each comes from its own numpy Generator, and from nothing else.

    It is drawn from generators of its own for each kind of noise, so that it is the same however many steps are drawn
    at a time.
    """

    def __init__(self, world, graph, slots):
        self.world, self.graph = world, graph
        self.z = np.zeros((slots, world.mu.shape[1]), np.float32)
        self.h = np.zeros((slots, world.rnn.hidden), np.float32)
        self.c = np.zeros_like(self.h)
        self.restart = np.ones((slots, 1), np.float32)
        self.rngs = [None] * slots  # of the slots that dream: (for uniform noise, for normal noise)

    def start(self, slot, rng):
        """Begin a dream in a slot: at the z of a first frame, drawn from V's N(mu, sigma^2), with M's state at zero."""
        world, row = self.world, rng.integers(len(self.world.mu))
        noise = rng.standard_normal(world.mu.shape[1], np.float32)
        self.z[slot] = world.mu[row] + np.exp(world.logvar[row] / 2) * noise
        self.h[slot] = self.c[slot] = 0
        self.restart[slot] = 1
        self.rngs[slot] = rng.spawn(2)

    def advance(self, steps, **given):
        """All slots by `steps` (T) steps. given: actions (T, B, A) or params (B, P).

        Returns zs (T, B, Z), actions (T, B, A) and ended (T, B) bool: whether that step is the dream's last.
        """
        noise = np.zeros((2, steps, *self.z.shape), np.float32)
        for slot, rngs in enumerate(self.rngs):
            if rngs is not None:
                noise[0, :, slot] = rngs[0].random(noise.shape[1::2], np.float32)
                noise[1, :, slot] = rngs[1].standard_normal(noise.shape[1::2], np.float32)
        state = {"z": self.z, "h": self.h, "c": self.c, "restart": self.restart}
        out = self.graph.predict_on_batch(state | {"uniform": noise[0], "normal": noise[1]} | given)
        out = {name: np.array(array) for name, array in out.items()}
        self.z, self.h, self.c = out["z"], out["h"], out["c"]
        self.restart = np.zeros_like(self.restart)
        return out["zs"], out["actions"], out.get("end_logit", np.full(noise.shape[1:3], -np.inf)) > 0


def run_dreams(world, graph, jobs, slots, max_steps):
    """Dream every job (rollout.Job, with params) and yield (job, steps) as it ends, in the order in which they end.

    The rollout loop with M as the environment: `slots` dreams in lockstep; one that has ended gives its slot to the
    next job. graph: DreamSteps with a controller. jobs: asked for the next one only when a slot is free.
    """
    jobs, dreams = iter(jobs), _Dreams(world, graph, slots)
    params = np.zeros((slots, graph.controller.num_params), np.float32)
    dreaming, steps = [None] * slots, np.zeros(slots, np.int64)
    while True:
        for slot in range(slots):
            if dreaming[slot] is None and jobs is not None:
                dreaming[slot] = job = next(jobs, None)
                if job is None:
                    jobs = None
                    break
                dreams.start(slot, np.random.default_rng(job.seed))
                params[slot], steps[slot] = job.params, 0
        if not any(dreaming):
            return
        *_, ended = dreams.advance(STEPS, params=params)
        ended[-1] |= steps + STEPS >= max_steps
        for slot in np.flatnonzero(ended.any(0)):
            if dreaming[slot] is not None:
                length = min(steps[slot] + 1 + ended[:, slot].argmax(), max_steps)
                yield dreaming[slot], int(length)
                dreaming[slot] = dreams.rngs[slot] = None
        steps += STEPS


def dream_player(world, graph, slots, max_steps):
    """The `play` of a task that learns in its dream: see evolution.evolve(). A step is worth 1."""

    def play(jobs, patience, cap, share):
        for job, steps in run_dreams(world, graph, jobs, min(slots, share), min(cap or max_steps, max_steps)):
            yield job.tag, float(steps), steps

    return play


def dream(world, graph, params, seeds, max_steps, slots=0):
    """C plays in its own dreams, one a seed, all in lockstep, for those who want to see them.

    graph: DreamSteps with a controller; params: (P,) float32. slots: rows of the batch, at least one a seed. Yields for
    every step z (B, Z), the actions taken on it (B, A), and which of the B dreams are alive (B,) bool: the length of
    dream i is the number of steps it is alive at.
    """
    count = len(seeds)
    dreams = _Dreams(world, graph, max(count, slots))
    for slot, seed in enumerate(seeds):
        dreams.start(slot, np.random.default_rng(seed))
    params = np.tile(np.float32(params), (len(dreams.z), 1))
    alive, left = np.ones(count, bool), max_steps
    while left > 0 and alive.any():
        for z, action, ended in list(zip(*dreams.advance(STEPS, params=params), strict=True))[:left]:
            yield z[:count], action[:count], alive
            alive = alive & ~ended[:count]
            if not alive.any():
                return
        left -= STEPS


def decode(vae, z):
    """The pictures that V makes of z (B, Z): (B, 64, 64, 3) uint8."""
    return np.uint8(np.rint(np.array(vae.decoder.predict_on_batch(z)) * 255))


class Dream(gymnasium.Env):
    """M as a Gymnasium environment. Observation: z (Z,) float32. `render()`: V's picture of it, 384x384, or a window.

    Reward: +1 a step if M has an end logit, which then terminates the dream; else 0, since M predicts no reward.
    Truncated after the task's number of steps. All randomness is from `self.np_random`, so a seed decides the dream.

    temperature: of the draws of z. weights: folder of V, M and initial_z.json (see load_world), read at the first
    reset: UserError if they are missing or do not fit.
    """

    def __init__(self, task, action_space, temperature=1.0, weights=None, render_mode=None):
        if not 0 < temperature < np.inf:
            raise UserError(f"a temperature has to be above 0, not {temperature}")
        self.task, self.temperature, self.weights, self.render_mode = task, temperature, weights, render_mode
        self.action_space = action_space
        self.observation_space = spaces.Box(-np.inf, np.inf, (task.z_size,), np.float32)
        self.world = self.dreams = None
        self.window = Window(f"{task.name}: the dream", self.metadata["render_fps"])

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        if self.world is None:
            self.world = load_world(self.task, self.weights)
            self.graph = DreamSteps(self.world.rnn, self.temperature)
        self.dreams = _Dreams(self.world, self.graph, 1)
        self.dreams.start(0, self.np_random)
        self.steps = 0
        self._show()
        return self.dreams.z[0], {}

    def step(self, action):
        *_, ended = self.dreams.advance(1, actions=np.asarray(action, np.float32)[None, None])
        self.steps += 1
        self._show()
        reward = float(self.world.rnn.done)
        return self.dreams.z[0], reward, bool(ended[0, 0]), self.steps >= self.task.max_steps, {}

    def render(self):
        if self.render_mode == "rgb_array":
            return enlarge(decode(self.world.vae, self.dreams.z)[0], PICTURE_SCALE)
        return None

    def _show(self):
        if self.render_mode == "human":
            self.window.show(enlarge(decode(self.world.vae, self.dreams.z)[0], PICTURE_SCALE))

    def close(self):
        self.window.close()
