"""Stock CarRacing seen through the agent's eyes: gymnasium's own renderer, its frame cropped and resized."""

import numpy as np
from gymnasium import spaces
from gymnasium.envs.box2d import car_racing

from carracing.renderer import SIZE, shrink


class StockCarRacing(car_racing.CarRacing):
    """Gymnasium's CarRacing-v3 as it is; only the observation is made (64, 64, 3) uint8 afterwards."""

    def __init__(self, render_mode=None):
        super().__init__(render_mode=render_mode)
        self.observation_space = spaces.Box(0, 255, (SIZE, SIZE, 3), np.uint8)

    def step(self, action):
        observation, *rest = super().step(action)
        return shrink(observation), *rest
