"""The environment against stock gymnasium: the same physics to the bit, the same picture to within a level or two."""

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.box2d.car_racing import CarRacing as StockCarRacing
from gymnasium.utils.env_checker import check_env

import carracing  # noqa: F401  registers the environment
from carracing.env import CarRacing, to_action
from carracing.extract import Surveyed, survey
from carracing.renderer import shrink
from doomrnn.env import DoomTakeCover
from worldmodels.rollout import Episode, Job

STYLES = ("stay", "straight", "weave", "spin", "brake")


def drive(style, rng, t):
    """An action of a driving style at step t."""
    steer, gas, brake = {
        "stay": (0, 0, 0),
        "straight": (0.1 * np.sin(t / 20), 0.4, 0),
        "weave": (np.sin(t / 15), 0.3, 0),
        "spin": (1, 1, 0),
        "brake": (rng.uniform(-1, 1), rng.uniform(), rng.uniform() * (t % 50 > 40)),
    }[style]
    return np.array([steer, gas, brake], np.float32)


class Stock(StockCarRacing):
    """Draws the picture, which takes most of its time, only where it is looked at."""

    looked_at = True

    def _render(self, mode):
        return super()._render(mode) if self.looked_at else None


def side_by_side(seed, style, steps, look=lambda t: True):
    """Play ours and stock with the same actions; yields both results of every step, the reset's observations first.

    look(t): whether stock's picture after step t is needed.
    """
    ours, stock = CarRacing(), Stock()
    rng = np.random.default_rng(seed)
    yield ours, stock, (ours.reset(seed=seed)[0],), (stock.reset(seed=seed)[0],)
    for t in range(steps):
        action, stock.looked_at = drive(style, rng, t), look(t)
        yield ours, stock, ours.step(action), stock.step(action)


def move(car, x):
    """Put the car at this x, in metres."""
    shift = x - car.hull.position[0]
    for body in (car.hull, *car.wheels):
        body.position = (body.position[0] + shift, body.position[1])


def test_observation_matches_the_stock_frame_cropped_and_resized():
    """Over 20 tracks and 5 styles, the opening zoom included; the bounds are levels of 255."""
    errors = []
    for seed in range(20):
        steps = side_by_side(seed, STYLES[seed % len(STYLES)], 120, lambda t: t < 10 or t % 4 == 0)
        errors += [np.abs(ours[0].astype(int) - shrink(stock[0])) for *_, ours, stock in steps if stock[0] is not None]
    errors = np.array(errors)
    assert errors.mean() <= 0.001 * 255
    assert np.percentile(errors, 99) <= 4
    assert errors.mean(axis=(1, 2, 3)).max() <= 0.003 * 255


def test_observation_shows_black_beyond_the_playfield():
    *_, (ours, stock, _, _) = side_by_side(1, "stay", 60, lambda t: t == 59)  # past the zoom
    for env in (ours, stock):
        move(env.car, 325)
    observation, frame = ours.step(np.zeros(3, np.float32))[0], shrink(stock.step(np.zeros(3, np.float32))[0])
    assert (frame == 0).all(-1).mean() > 0.2  # the picture does show what it should
    assert np.abs(observation.astype(int) - frame).mean() <= 0.003 * 255


@pytest.mark.parametrize("style", STYLES)
def test_rewards_and_positions_are_bit_identical_to_stock(style):
    for ours_env, stock_env, ours, stock in side_by_side(7, style, 400, lambda t: False):
        assert ours[1:] == stock[1:]
        for ours_body, stock_body in zip(ours_env.car.drawlist, stock_env.car.drawlist, strict=True):
            assert tuple(ours_body.position) == tuple(stock_body.position)
            assert ours_body.angle == stock_body.angle
        if len(ours) > 1 and ours[2]:
            break


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_an_action_that_is_no_number_is_refused(number):
    """It would spread through the physics, and the score of a broken V or M would look like one."""
    env = CarRacing()
    env.reset(seed=0)
    for place in range(3):
        action = np.zeros(3, np.float32)
        action[place] = number
        with pytest.raises(ValueError, match="has to be three finite numbers"):
            env.step(action)
    with pytest.raises(ValueError, match="has to be one finite number"):
        DoomTakeCover().step(np.float32([number]))


def test_leaving_the_playfield_costs_100_and_ends_the_episode_unless_it_is_a_full_one():
    for full in (False, True):
        env = CarRacing(full_episode=full)
        env.reset(seed=0)
        assert "lap_finished" not in env.step(np.zeros(3, np.float32))[-1]
        move(env.car, 334)  # the playfield ends at 333 m
        _, reward, terminated, _, info = env.step(np.zeros(3, np.float32))
        assert reward == -100
        assert terminated is not full
        assert info["lap_finished"] is False


def test_respawn_puts_a_lost_car_back_onto_the_road():
    env = CarRacing(full_episode=True, respawn=20)
    env.reset(seed=3)
    off = [not env.on_road() for _ in range(600) if env.step(np.array([1, 1, 0], np.float32))]
    longest = max(len(run) for run in "".join("x" if o else " " for o in off).split())
    assert 5 < longest <= 21  # after 20 frames off the road it is put back; the next step touches a tile again


def test_what_is_said_of_random_episodes_is_what_the_car_did():
    """It stands on the road for five frames, and far off it for fifteen."""
    env = Surveyed(full_episode=True)
    env.reset(seed=3)
    for t in range(20):
        if t == 5:
            move(env.car, 300)
        info = env.step(np.zeros(3, np.float32))[-1]
    covered = survey(Episode(Job(3), 0.0, 20, info, None))
    np.testing.assert_allclose(covered, [0, 0, 0, 15 / 20, 0], atol=0.01)


def test_gymnasium_makes_it_and_check_env_passes():
    env = gymnasium.make("WorldModels/CarRacing-v0", render_mode="rgb_array")
    check_env(env.unwrapped, skip_render_check=True)
    env.reset(seed=0)
    assert env.render().shape == (400, 600, 3)
    for _ in range(999):
        _, _, terminated, truncated, _ = env.step(np.zeros(3, np.float32))
        assert not terminated and not truncated
    assert env.step(np.zeros(3, np.float32))[3]  # 1,000 frames


def test_same_seed_same_episode():
    def play():
        env = CarRacing()
        frames = [env.reset(seed=11)[0]]
        frames += [env.step(drive("weave", np.random.default_rng(t), t))[0] for t in range(100)]
        return np.array(frames)

    first = play()
    assert first.shape == (101, 64, 64, 3) and first.dtype == np.uint8
    assert (first == play()).all()


def test_to_action_maps_tanh_outputs_to_controls():
    outputs = np.array([[-1, -1, -1], [0.5, 0, 0.5], [1, 1, 1]], np.float32)
    expected = [[-1, 0, 0], [0.5, 0.5, 0.5], [1, 1, 1]]
    assert np.allclose(to_action(outputs), expected)
    from keras import ops

    assert np.allclose(to_action(ops.convert_to_tensor(outputs)), expected)
