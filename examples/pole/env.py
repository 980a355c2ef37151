"""A pole to be balanced on a cart, seen as a picture: gymnasium's CartPole-v1, drawn in 64x64 pixels.

python env.py        play with the arrow keys
"""

import gymnasium
import numpy as np
from gymnasium import spaces
from PIL import Image, ImageDraw

from worldmodels.playing.person import left_or_right, play_script
from worldmodels.playing.window import Window
from worldmodels.scripts.cli import Parser, run

MAX_STEPS = 200
FPS = 50
SIZE = 64
SKY = (170, 190, 210)  # not white: V's sigmoid would be far out there, and learn nothing else


class Pole(gymnasium.Env):
    """Action: (1,) float32 in [-1, 1], push left below 0, else right. Observation: (64, 64, 3) uint8. +1 a step.

    The episode ends when the pole leans more than 12 degrees, or the cart leaves the picture.
    """

    metadata = {"render_modes": ["human", "rgb_array"], "render_fps": FPS}  # noqa: RUF012

    def __init__(self, render_mode=None):
        self.action_space = spaces.Box(-1, 1, (1,), np.float32)
        self.observation_space = spaces.Box(0, 255, (SIZE, SIZE, 3), np.uint8)
        self.render_mode, self.window = render_mode, Window("Pole", FPS)
        self.physics = gymnasium.make("CartPole-v1").unwrapped

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.state, info = self.physics.reset(seed=int(self.np_random.integers(2**31)))
        return self._observe(), info

    def step(self, action):
        self.state, _, terminated, _, info = self.physics.step(int(action[0] >= 0))
        return self._observe(), 1.0, terminated, False, info

    def _observe(self):
        x, _, angle, _ = self.state
        image = Image.new("RGB", (4 * SIZE, 4 * SIZE), SKY)
        draw = ImageDraw.Draw(image)
        cart = 128 + x * 48  # the picture is 5.3 m wide
        draw.rectangle([cart - 40, 192, cart + 40, 236], fill=(40, 40, 40))
        draw.line([cart, 192, cart + 144 * np.sin(angle), 192 - 144 * np.cos(angle)], fill=(200, 60, 20), width=28)
        self.picture = np.array(image.reduce(4))  # so that a move by less than a pixel shows
        if self.render_mode == "human":
            self.window.show(self.render())
        return self.picture

    def render(self):
        return self.picture.repeat(6, 0).repeat(6, 1)

    def close(self):
        self.window.close()


if __name__ == "__main__":
    run(lambda: play_script(Parser(description=__doc__), lambda: Pole("human"), left_or_right, MAX_STEPS))
