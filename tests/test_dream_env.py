"""The dream as a Gymnasium environment."""

from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env
from small_dreams import STARTS, A, H, K, Z, dream, small_rnn

import carracing  # noqa: F401  registers the environments
from worldmodels.dream import Dreams
from worldmodels.playing.dream_env import Dream
from worldmodels.rnn import MDNRNN
from worldmodels.scripts.cli import UserError
from worldmodels.task import Task


class SmallDream(Dream):
    """Of an M that lies on no disk."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 50}  # noqa: RUF012

    def __init__(self, rnn, temperature=None):
        sizes = {"z_size": Z, "hidden_size": H, "action_size": A, "max_steps": 20}
        task = Task("small", Path("nowhere"), None, to_action=None, end_logit=rnn.done, **sizes)
        super().__init__(task, spaces.Box(-1, 1, (A,), np.float32), temperature)
        self.dreams = Dreams(rnn, STARTS, self.temperature, None, None, 1, task.max_steps)


def test_dream_with_an_end_logit_pays_1_a_step_and_terminates():
    env = SmallDream(small_rnn(done=True, end_logit=1.0))
    env.reset(seed=0)
    assert env.step(np.zeros(A, np.float32))[1:4] == (1.0, True, False)


def test_dream_without_an_end_logit_pays_nothing_and_is_truncated():
    env = SmallDream(small_rnn())
    env.reset(seed=0)
    steps = [env.step(np.zeros(A, np.float32))[1:4] for _ in range(20)]
    assert steps == [(0.0, False, False)] * 19 + [(0.0, False, True)]


def test_an_action_that_is_no_number_is_refused():
    env = SmallDream(small_rnn(done=True))
    env.reset(seed=0)
    with pytest.raises(ValueError, match="finite numbers"):
        env.step(np.full(A, np.nan))


def test_what_was_observed_does_not_change_later():
    env = SmallDream(small_rnn())
    observed = [env.reset(seed=0)[0], env.step(np.zeros(A, np.float32))[0], env.reset(seed=1)[0]]
    before = np.array(observed)
    env.reset(seed=2)
    np.testing.assert_array_equal(observed, before)


def test_environment_and_batch_dream_the_same_of_the_same_seed():
    rnn, params = MDNRNN(Z, A, H, mixtures=K), np.array([0.1, 0.5, -0.5], np.float32)
    seeds = (11, 12, 13)
    env = SmallDream(rnn, temperature=1.2)
    for seed, episode in zip(seeds, dream(rnn, seeds, 1.2, 6, params, record=True), strict=True):
        z, _ = env.reset(seed=seed)
        for expected in episode.frames.observations:
            np.testing.assert_allclose(z, expected, atol=1e-5)
            z = env.step(np.tanh(params[:1] + z @ params[1:]))[0]


@pytest.mark.filterwarnings("ignore:.*A Box observation space:UserWarning")  # z has no bounds
def test_gymnasium_makes_the_car_dream_and_check_env_passes(untrained, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    env = gymnasium.make("WorldModels/CarRacingDream-v0", weights=untrained.weights, render_mode="rgb_array")
    check_env(env.unwrapped)
    z, _ = env.reset(seed=1)
    assert z.shape == (32,) and z.dtype == np.float32
    picture = env.render()
    assert picture.shape == (384, 384, 3) and picture.dtype == np.uint8
    decoded = np.array(untrained.vae.decoder(z[None]))[0]  # (64, 64, 3) in [0, 1]
    np.testing.assert_allclose(picture[::6, ::6], decoded * 255, atol=0.51)
    again, _ = env.reset(seed=1)
    np.testing.assert_array_equal(z, again)


@pytest.mark.parametrize("temperature", [0.0, -1, float("inf"), float("nan")])
def test_dream_needs_a_temperature_above_0(temperature):
    with pytest.raises(UserError, match="temperature has to be above 0"):
        gymnasium.make("WorldModels/CarRacingDream-v0", temperature=temperature)


def test_dream_needs_weights(tmp_path):
    env = gymnasium.make("WorldModels/CarRacingDream-v0", weights=tmp_path)
    with pytest.raises(UserError, match="the file of V's weights is missing"):
        env.reset()
