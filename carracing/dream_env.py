"""CarRacing dreamt by M, as a Gymnasium environment: gymnasium.make("WorldModels/CarRacingDream-v0")."""

import numpy as np
from gymnasium import spaces

from carracing.task import CARRACING
from worldmodels.playing.dream_env import Dream


class CarRacingDream(Dream):
    """The dream of CarRacing: 1,000 steps, actions as in CarRacing (steering in [-1, 1], gas and brake in [0, 1]).

    The car's M predicts neither rewards nor an end, as in the paper, so every reward is 0 and nothing terminates.
    """

    metadata = {"render_modes": ["human", "rgb_array"], "render_fps": CARRACING.fps}  # noqa: RUF012

    def __init__(self, temperature=None, weights=None, render_mode=None):
        actions = spaces.Box(np.array([-1, 0, 0], np.float32), np.array([1, 1, 1], np.float32))
        super().__init__(CARRACING, actions, temperature, weights, render_mode)
