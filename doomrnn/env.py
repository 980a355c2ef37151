"""Doom Take Cover as the agent sees it: ViZDoom's scenario with the 2018 code's settings, and 64x64 observations.

python env.py        play with the arrow keys
"""

import math

import gymnasium
import numpy as np
from gymnasium import spaces
from PIL import Image

from doomrnn.game import LEFT, RIGHT, STAY, TIMEOUT
from doomrnn.process import Died, Game
from worldmodels.playing.person import left_or_right, play_script
from worldmodels.playing.window import Window
from worldmodels.scripts.cli import Parser, UserError, run

MAX_STEPS = TIMEOUT  # one tic a step
ACTION_SIZE = 1
FPS = 35  # tics a second
SIZE = 64
# What ViZDoom draws at: the lowest is 8.7 times as fast as the 2018 code's 640x480, and shows far fireballs as
# brightly in 64x64 pixels (benchmarks/doom_resolution.py, docs/doom_resolution.png).
RESOLUTION = "160x120"
ATTEMPTS = 3  # games that may die in one episode


class DoomTakeCover(gymnasium.Env):
    """Monsters along the far wall throw fireballs, ever more of them: move left or right, +1 for each tic survived.

    Action: (1,) float32 in [-1, 1]; below -1/3 the player moves left, above 1/3 right, between he stays (paper, A.3).
    Observation: (64, 64, 3) uint8, the part of the screen above the HUD. `render()` gives the whole screen.
    Reward: 1 a step, that of dying included. The episode is terminated by death, and truncated after 2,100 steps, so
    2,100 is the highest score: ViZDoom counts its timeout from the start tic, 14, and ends the episode at tic 2,114.
    The observation of the last step, for which ViZDoom has no picture any more, is that of the step before.

    An episode is decided by its seed and actions. So if ViZDoom dies, or hangs, another one is started and plays the
    episode so far again; only after three of them died in one episode is there a UserError.
    resolution: what ViZDoom draws at. The game is the same at all of them.
    """

    metadata = {"render_modes": ["human", "rgb_array"], "render_fps": FPS}  # noqa: RUF012

    def __init__(self, render_mode=None, resolution=RESOLUTION):
        self.observation_space = spaces.Box(0, 255, (SIZE, SIZE, 3), np.uint8)
        self.action_space = spaces.Box(-1, 1, (ACTION_SIZE,), np.float32)
        self.render_mode, self.resolution = render_mode, resolution
        self.game = self.window = self.frame = None

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._seed = int(self.np_random.integers(2**32))
        self._actions, self._started, self._died = [], False, 0
        self._catch_up()
        return self._observe(), {}

    def step(self, action):
        """action: (1,) in [-1, 1] -> Gymnasium's five."""
        a = float(action[0])
        if not math.isfinite(a):
            raise ValueError(f"an action has to be one finite number, not {action}")
        self._actions.append(LEFT if a < -1 / 3 else RIGHT if a > 1 / 3 else STAY)
        tic = self._catch_up()
        return self._observe(), tic.reward, tic.dead, tic.ended and not tic.dead, {}

    def render(self):
        if self.render_mode == "human":
            self.window = self.window or Window("Take Cover", self.metadata["render_fps"])
            scale = max(1, 480 // len(self.frame))
            self.window.show(self.frame.repeat(scale, 0).repeat(scale, 1))
            return None
        return self.frame

    def close(self):
        if self.game is not None:
            self.game.close()
            self.game = None
        if self.window is not None:
            self.window.close()

    def _catch_up(self):
        """Bring the game to where the seed and the actions say: one tic on, or all the way in a new one."""
        while True:
            try:
                tic = self._play()
                break
            except Died as error:
                self.game, self._died = None, self._died + 1
                if self._died == ATTEMPTS:
                    raise UserError(f"ViZDoom died {ATTEMPTS} times in one episode, at last with: {error}") from None
        if tic.frame is not None:
            self.frame = tic.frame
        return tic

    def _play(self):
        if self.game is None:
            self.game, self._started = Game(self.resolution), False
        if self._started:
            return self.game.tic(self._actions[-1])
        self._started, tic = True, self.game.begin(self._seed)
        for buttons in self._actions:
            tic = self.game.tic(buttons)
        return tic

    def _observe(self):
        """The part of the screen above the HUD, shrunk as the 2018 code does: bilinear, over all pixels."""
        view = Image.fromarray(self.frame[: len(self.frame) * 400 // 480])
        picture = view.resize((SIZE, SIZE), Image.Resampling.BILINEAR)
        if self.render_mode == "human":
            self.render()
        return np.array(picture)


def main():
    """Play with the arrow keys."""
    parser = Parser(description="Play with the arrow keys (left, right); R: next episode, Esc: leave.")
    play_script(parser, lambda: DoomTakeCover("human", resolution="640x480"), left_or_right, MAX_STEPS)


if __name__ == "__main__":
    run(main)
