"""M's dream as a Gymnasium environment, for one dream at a time whose actions come from outside."""

import sys

import gymnasium
import numpy as np
from gymnasium import spaces

from worldmodels.data.starts import load_starts
from worldmodels.dream import Dreams, decode
from worldmodels.playing.loading import load_world_model
from worldmodels.playing.video import enlarge
from worldmodels.playing.window import Window
from worldmodels.scripts.cli import UserError

PICTURE_SCALE = 6  # rendered pictures are 384x384


class Dream(gymnasium.Env):
    """M in place of the environment. Observation: z (Z,) float32. `render()`: V's picture of it, 384x384, or a window.

    Reward: +1 a step if M has an end logit, which then terminates the dream; else 0, since M predicts no reward.
    Truncated after the task's number of steps. All randomness is from `self.np_random`, so a seed decides the dream.

    temperature: of the draws of z; if None, the task's. weights: folder of V, M and initial_z.json, read at the first
    reset; if None, the first of weights/ and pretrained/ that has an M. UserError if they are missing or do not fit.
    """

    def __init__(self, task, action_space, temperature=None, weights=None, render_mode=None):
        temperature = task.temperature if temperature is None else temperature
        if not 0 < temperature < np.inf:
            raise UserError(f"a temperature has to be above 0, not {temperature}")
        self.task, self.temperature, self.weights, self.render_mode = task, temperature, weights, render_mode
        self.action_space = action_space
        self.observation_space = spaces.Box(-np.inf, np.inf, (task.z_size,), np.float32)
        self.dreams = None
        self.window = Window(f"{task.name}: the dream", task.fps)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        if self.dreams is None:
            self._load()
        self.dreams.begin(0, self.np_random)
        self.steps = 0
        self._show()
        return self.dreams.z[0].copy(), {}

    def _load(self):
        folders = self.task.weights_folders(self.weights)
        folder = next((f for f in folders if self.weights or (f / "rnn.weights.h5").exists()), None)
        if folder is None:
            raise UserError(f"there is no M to dream with in {' or '.join(map(str, folders))}: run rnn_train.py first")
        self.vae, rnn = load_world_model(self.task, folder)
        if not self.weights:
            print(f"dreaming with V and M of {folder}", file=sys.stderr)
        starts = load_starts(folder, self.task.z_size)
        self.dreams = Dreams(rnn, starts, self.temperature, None, None, 1, self.task.max_steps)

    def step(self, action):
        action = np.asarray(action, np.float32)
        if not np.isfinite(action).all():
            raise ValueError(f"an action has to be finite numbers, not {action}")
        *_, ended = self.dreams.step(1, actions=action[None, None])
        self.steps += 1
        self._show()
        reward = float(self.task.end_logit)
        return self.dreams.z[0].copy(), reward, bool(ended[0, 0]), self.steps >= self.task.max_steps, {}

    def render(self):
        if self.render_mode == "rgb_array":
            return enlarge(decode(self.vae, self.dreams.z)[0], PICTURE_SCALE)
        return None

    def _show(self):
        if self.render_mode == "human":
            self.window.show(enlarge(decode(self.vae, self.dreams.z)[0], PICTURE_SCALE))

    def close(self):
        self.window.close()
