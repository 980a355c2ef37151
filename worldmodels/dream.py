"""The dream: M in place of the environment (paper, section 4), for many dreams at once or as a Gymnasium environment.

A dream starts where an episode did: z from initial_z.json, M's state at zero. At each step M advances with (z, action),
and the next z is drawn from its mixture at a temperature. An M with an end logit (done=True) also ends the dream, where
that logit is above 0, and reads a restart flag, which is 1 at the first step.
"""

from pathlib import Path
from typing import Any, NamedTuple

import gymnasium
import keras
import numpy as np
from gymnasium import spaces
from keras import ops

from worldmodels.cli import UserError
from worldmodels.files import load_json
from worldmodels.rnn import sample_z
from worldmodels.task import load_world_model
from worldmodels.video import enlarge
from worldmodels.window import Window

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
    """The World in the folder `weights`; if not given, in weights/ (your own) if there is an M, else in pretrained/."""
    folders = [Path(weights)] if weights else [task.folder / "weights", task.folder / "pretrained"]
    for folder in folders:
        if weights or (folder / "rnn.weights.h5").exists():
            return World(*load_world_model(task, folder), *load_starts(folder, task.z_size))
    raise UserError(f"there is no M to dream with in {' or '.join(map(str, folders))}: run rnn_train.py first")


class DreamStep(keras.Model):
    """One step of B dreams as one program: M advances, and the next z is drawn.

    Inputs: z (B, Z); h, c (B, H); uniform in [0, 1) and standard normal noise, (B, Z) each; restart (B, 1) if M has an
    end logit; and action (B, A), or params (B, P) where there is a controller: C then acts on z and the state before.
    Outputs: the next z, h and c; action (B, A), the one taken; end_logit (B,) if M has one.
    """

    def __init__(self, rnn, temperature, controller=None, to_action=None):
        super().__init__(name="dream")
        self.rnn, self.temperature, self.controller, self.to_action = rnn, temperature, controller, to_action
        self.head_weights = rnn.head_weights()
        self.supports_jit = False  # compiling costs seconds, and gains nothing for a step of one dream

    def call(self, inputs):
        z, h, c = inputs["z"], inputs["h"], inputs["c"]
        if self.controller is None:
            action = inputs["action"]
        else:
            action = self.to_action(self.controller.raw_actions(inputs["params"], z, h, c))  # (B, A)
        restart = [inputs["restart"]] if self.rnn.done else []
        h, c = self.rnn.step(ops.concatenate([z, action, *restart], axis=-1), (h, c))
        mixture, end_logit = self.rnn.head(h, self.head_weights)
        next_z = sample_z(mixture, self.temperature, inputs["uniform"], inputs["normal"])
        ends = {"end_logit": end_logit} if self.rnn.done else {}
        return {"z": next_z, "h": h, "c": c, "action": action, **ends}


class _Dreams:
    """B dreams under way. The randomness of each comes from its own numpy Generator, and from nothing else."""

    def __init__(self, world, graph, rngs):
        self.graph, self.rngs = graph, rngs
        self.z = np.stack([self._start(world, rng) for rng in rngs])  # (B, Z)
        self.h = np.zeros((len(rngs), world.rnn.hidden), np.float32)
        self.c = np.zeros_like(self.h)
        self.restart = np.ones((len(rngs), 1), np.float32)

    def _start(self, world, rng):
        start = rng.integers(len(world.mu))
        noise = rng.standard_normal(world.mu.shape[1], np.float32)
        return world.mu[start] + np.exp(world.logvar[start] / 2) * noise

    def step(self, **given):
        """given: action (B, A) or params (B, P). Returns the actions taken (B, A), and which dreams end (B,)."""
        size = self.z.shape[1]
        noise = [(rng.random(size, np.float32), rng.standard_normal(size, np.float32)) for rng in self.rngs]
        uniform, normal = np.stack(noise, axis=1)  # (B, Z) each
        state = {"z": self.z, "h": self.h, "c": self.c, "restart": self.restart, "uniform": uniform, "normal": normal}
        out = {name: np.array(array) for name, array in self.graph.predict_on_batch(state | given).items()}
        self.z, self.h, self.c = out["z"], out["h"], out["c"]
        self.restart = np.zeros_like(self.restart)
        return out["action"], out.get("end_logit", np.full(len(self.rngs), -np.inf)) > 0


def dream(world, graph, params, seeds, max_steps):
    """C plays in its own dreams, one a seed, all in lockstep.

    graph: a DreamStep with a controller; params: (P,) or (B, P) float32. Yields for every step z (B, Z), the actions
    taken on it (B, A), and which dreams are alive (B,) bool. The length of dream i is the number of steps it is alive
    at; with an end logit that is also its return.
    """
    dreams = _Dreams(world, graph, [np.random.default_rng(seed) for seed in seeds])
    params = np.broadcast_to(np.asarray(params, np.float32), (len(seeds), np.shape(params)[-1]))
    alive = np.ones(len(seeds), bool)
    for _ in range(max_steps):
        z = dreams.z
        action, ended = dreams.step(params=params)
        yield z, action, alive
        alive = alive & ~ended
        if not alive.any():
            return


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
            self.graph = DreamStep(self.world.rnn, self.temperature)
        self.dreams = _Dreams(self.world, self.graph, [self.np_random])
        self.steps = 0
        self._show()
        return self.dreams.z[0], {}

    def step(self, action):
        _, ended = self.dreams.step(action=np.asarray(action, np.float32)[None])
        self.steps += 1
        self._show()
        reward = float(self.world.rnn.done)
        return self.dreams.z[0], reward, bool(ended[0]), self.steps >= self.task.max_steps, {}

    def render(self):
        if self.render_mode == "rgb_array":
            return enlarge(decode(self.world.vae, self.dreams.z)[0], PICTURE_SCALE)
        return None

    def _show(self):
        if self.render_mode == "human":
            self.window.show(enlarge(decode(self.world.vae, self.dreams.z)[0], PICTURE_SCALE))

    def close(self):
        self.window.close()
