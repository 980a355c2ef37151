"""CarRacing as the agent sees it: gymnasium's physics, and a renderer that draws the 64x64 observation directly.

python env.py        drive with the arrow keys
"""

import math

import numpy as np
from gymnasium import spaces
from gymnasium.envs.box2d import car_racing
from gymnasium.envs.box2d.car_dynamics import (
    HULL_POLY1,
    HULL_POLY2,
    HULL_POLY3,
    HULL_POLY4,
    WHEEL_R,
    WHEEL_W,
    Car,
)
from gymnasium.envs.box2d.car_dynamics import SIZE as CAR_SCALE
from gymnasium.utils import EzPickle

from carracing import car as car_physics
from carracing import renderer
from carracing.colors import COLORS, as_in_2018
from worldmodels.playing.person import play_script
from worldmodels.scripts.cli import Parser, run

DT = 1 / car_racing.FPS
MAX_STEPS = 1000  # the agent plays at most this many frames (2018 code)
ACTION_SIZE = 3

_HULL = np.zeros((4, 9, 2))  # four convex polygons in metres; row 8 holds the number of vertices
for _part, _poly in enumerate((HULL_POLY1, HULL_POLY2, HULL_POLY3, HULL_POLY4)):
    _HULL[_part, : len(_poly)] = np.array(_poly) * CAR_SCALE
    _HULL[_part, 8] = len(_poly)
_WHEEL = np.array([(-WHEEL_W, WHEEL_R), (WHEEL_W, WHEEL_R), (WHEEL_W, -WHEEL_R), (-WHEEL_W, -WHEEL_R)]) * CAR_SCALE


class CarRacing(car_racing.CarRacing):
    """Gymnasium's CarRacing with a (64, 64, 3) uint8 observation: the road without the instrument bar.

    Actions: (3,) float32, steering in [-1, 1], gas and brake in [0, 1]. Rewards, positions and endings are
    bit-identical to the stock environment's for the same seed and actions. `render()` gives the stock picture, 600x400
    or a window.

    full_episode: never terminate, so that an episode runs its full 1,000 frames whatever happens (random rollouts).
    colors: of the observation, one of colors.COLORS.
    respawn: if above 0, a car that was off the road for so many steps is put back onto a random piece of it, at a
        random speed. Only for random rollouts: a random driver loses the road within seconds, to see little but grass.
    """

    # Scratch of `renderer.draw`, which holds Python's lock: one for all, so that it stays in the processor's cache.
    _buffer = np.empty((renderer.ROWS, renderer.COLUMNS), np.uint32)

    def __init__(self, render_mode=None, full_episode=False, respawn=0, colors="plain"):
        super().__init__(render_mode=render_mode)
        EzPickle.__init__(self, render_mode, full_episode, respawn, colors)  # in place of stock's arguments: for copies
        if colors not in COLORS:
            raise ValueError(f"colors has to be one of {', '.join(COLORS)}, not {colors!r}")
        self.colors = colors
        self.observation_space = spaces.Box(0, 255, (renderer.SIZE, renderer.SIZE, 3), np.uint8)
        self.full_episode = full_episode
        self.respawn = respawn
        self._colors = np.array([self.bg_color, self.grass_color])

    def _create_track(self):
        """Stock's track, with its polygons and colours also in arrays for our renderer."""
        if not super()._create_track():
            return False
        self.steps_off_road = 0
        self._polygons = np.array([vertices for vertices, _ in self.road_poly])  # (N, 4, 2) metres
        self._polygon_colors = np.array([color for _, color in self.road_poly], np.float64)  # (N, 3)
        tiles = iter(self.road)
        for i, (vertices, color) in enumerate(self.road_poly):
            if isinstance(color, np.ndarray):  # a tile, not a kerb: Box2D's contact listener recolours it when visited
                next(tiles).color = self._polygon_colors[i]
                self.road_poly[i] = (vertices, self._polygon_colors[i])
        return True

    def step(self, action):
        """Gymnasium's step. info has "lap_finished" at the end of the episode."""
        if action is not None:
            steer, gas, brake = np.asarray(action, np.float64).tolist()
            if not math.isfinite(steer + gas + brake):
                raise ValueError(f"an action has to be three finite numbers, not {action}")
            car_physics.control(self.car, steer, gas, brake)
        car_physics.step(self.car, DT)
        self.world.Step(DT, 180, 60)
        self.t += DT

        reward, terminated, info = 0.0, False, {}
        x, y = self.car.hull.position
        if action is not None:  # None is the step that a reset takes
            self.reward -= 0.1
            self.car.fuel_spent = 0.0
            reward = self.reward - self.prev_reward
            self.prev_reward = self.reward
            if self.tile_visited_count == len(self.track) or self.new_lap:
                terminated, info["lap_finished"] = True, True
            if abs(x) > car_racing.PLAYFIELD or abs(y) > car_racing.PLAYFIELD:
                terminated, info["lap_finished"] = True, False
                reward = -100.0
        if self.respawn:
            self.steps_off_road = 0 if self.on_road() else self.steps_off_road + 1
            if self.steps_off_road >= self.respawn:
                self._put_back()
        if self.render_mode == "human":
            self.render()
        return self.observe(self.colors), reward, terminated and not self.full_episode, False, info

    def on_road(self):
        """Whether any wheel touches the road."""
        return any(wheel.tiles for wheel in self.car.wheels)

    def _put_back(self):
        """A new car on a random tile, heading along the track at up to 80 m/s."""
        _, angle, x, y = self.track[self.np_random.integers(len(self.track))]
        speed = self.np_random.uniform(0, 80)
        self.car.destroy()
        self.car = Car(self.world, angle, x, y)
        self.steps_off_road = 0
        for body in (self.car.hull, *self.car.wheels):
            body.linearVelocity = (-speed * math.sin(angle), speed * math.cos(angle))
        for wheel in self.car.wheels:
            wheel.omega = speed / wheel.wheel_rad

    def observe(self, colors):
        """The observation of this moment in one of colors.COLORS."""
        observation = self._draw()
        return as_in_2018(renderer.unshrunk(self._buffer)) if colors == "2018" else observation

    def _draw(self):
        """The plain observation; the buffer is left with what it was made of."""
        bodies, phases = np.empty((5, 3)), np.empty(4)
        for i, wheel in enumerate(self.car.wheels):
            x, y = wheel.position
            bodies[i] = x, y, wheel.angle
            phases[i] = wheel.phase
        x, y = self.car.hull.position
        bodies[4] = x, y, self.car.hull.angle
        observation = np.empty((renderer.SIZE, renderer.SIZE, 3), np.uint8)
        renderer.draw(
            self._buffer,
            observation,
            self.t,
            car_racing.PLAYFIELD,
            car_racing.GRASS_DIM,
            self._colors,
            self._polygons,
            self._polygon_colors,
            bodies,
            phases,
            _HULL,
            _WHEEL,
        )
        return observation


def to_action(outputs):
    """C's outputs (..., 3) in [-1, 1] -> actions: steering, gas = (a + 1) / 2, brake = a cut to [0, 1] (paper, A.3;
    the formulas are the 2018 code's).

    Arrays of numpy or, inside the agent's graph, of the Keras backend.
    """
    steer, gas, brake = outputs[..., 0], (outputs[..., 1] + 1) / 2, outputs[..., 2]
    if isinstance(outputs, np.ndarray):
        return np.stack([steer, gas, brake.clip(0, 1)], axis=-1)
    from keras import ops

    return ops.stack([steer, gas, ops.clip(brake, 0, 1)], axis=-1)


def steer(held):
    """The action for a set of held keys: see worldmodels.playing.person.play_by_hand()."""
    direction = float("right" in held) - float("left" in held)
    return np.array([direction, "up" in held, 0.8 * ("down" in held)], np.float32)  # a brake above 0.9 locks the wheels


def main():
    """Drive with the arrow keys."""
    parser = Parser(description="Drive with the arrow keys (up: gas, down: brake); R: next track, Esc: leave.")
    play_script(parser, lambda: CarRacing(render_mode="human"), steer, MAX_STEPS)


if __name__ == "__main__":
    run(main)
