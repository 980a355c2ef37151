"""The dream against what its M was told to predict: a small M with weights set by hand, so that the answer is known."""

import json
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env

import carracing  # noqa: F401  registers the environments
from worldmodels.controller import Controller
from worldmodels.dream import Dream, DreamSteps, World, dream, load_starts
from worldmodels.rnn import MDNRNN
from worldmodels.scripts.cli import UserError
from worldmodels.task import Task

Z, A, H, K = 2, 1, 4, 2
SHARES, MEANS, STDS = np.array([0.7, 0.3]), np.array([-3.0, 3.0]), np.array([0.5, 0.2])


def small_rnn(done=False, end_logit=-1.0):
    """An M that predicts the same mixture for both dimensions of z, and the same end logit, whatever it has seen."""
    rnn = MDNRNN(Z, A, H, mixtures=K, done=done)
    bias = np.tile(np.concatenate([np.log(SHARES), MEANS, np.log(STDS)]), Z)
    set_weights(rnn, output_kernel=0.0, output_bias=np.concatenate([[end_logit], bias]) if done else bias)
    return rnn


def set_weights(rnn, **values):
    for name, value in values.items():
        variable = getattr(rnn, name)
        variable.assign(np.broadcast_to(np.float32(value), variable.shape))


def world_of(rnn):
    return World(None, rnn, np.array([[1, 2], [3, 4]], np.float32), np.full((2, Z), -100, np.float32))


def play(rnn, seeds, temperature=1.0, max_steps=20, params=(0, 0, 0)):
    """All steps of a batch of dreams: z (T, B, Z), actions (T, B, A), alive (T, B)."""
    graph = DreamSteps(rnn, temperature, Controller("z", Z, H, A), to_action=lambda outputs: outputs)
    return [np.array(x) for x in zip(*dream(world_of(rnn), graph, params, seeds, max_steps), strict=True)]


def small_task(done, max_steps=20):
    names = {"name": "small", "folder": Path("nowhere"), "controller": "z", "controller_bias": True}
    functions = {"to_action": lambda outputs: outputs, "make_env": None}
    sizes = {"z_size": Z, "hidden_size": H, "action_size": A, "max_steps": max_steps, "shortest_episode": 1}
    return Task(**names, **functions, **sizes, end_logit=done)


class SmallDream(Dream):
    metadata = {"render_modes": ["rgb_array"], "render_fps": 50}  # noqa: RUF012

    def __init__(self, world, **options):
        super().__init__(small_task(world.rnn.done), spaces.Box(-1, 1, (A,), np.float32), **options)
        self.world = world
        self.graph = DreamSteps(world.rnn, self.temperature)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.3])
def test_next_z_follows_the_mixture_at_the_temperature(temperature):
    z = play(small_rnn(), range(4000), temperature, max_steps=2)[0][1]  # (B, Z): two independent draws a dream
    shares = SHARES ** (1 / temperature)
    shares /= shares.sum()
    low = z < 0  # the components lie at -3 and 3, too far apart to be mistaken
    assert low.mean() == pytest.approx(shares[0], abs=0.03)
    for component, drawn in enumerate((z[low], z[~low])):
        assert drawn.mean() == pytest.approx(MEANS[component], abs=0.05)
        assert drawn.std() == pytest.approx(STDS[component] * np.sqrt(temperature), rel=0.05)


def test_dreams_start_where_episodes_did():
    first = play(small_rnn(), range(50), max_steps=1)[0][0]
    assert {tuple(z) for z in first.round(3).tolist()} == {(1, 2), (3, 4)}


def test_controller_reads_z_and_the_state_before_it():
    rnn, rng = MDNRNN(Z, A, H, mixtures=K), np.random.default_rng(3)
    params = rng.normal(size=1 + (Z + H) * A).astype(np.float32)
    graph = DreamSteps(rnn, 1.0, Controller("z_h", Z, H, A), to_action=lambda outputs: outputs)
    h, c = np.zeros((1, H), np.float32), np.zeros((1, H), np.float32)
    for z, action, _ in dream(world_of(rnn), graph, params, [7], 5):
        expected = np.tanh(params[0] + np.concatenate([z, h], axis=1) @ params[1:])
        np.testing.assert_allclose(action[:, 0], expected, rtol=1e-5)
        h, c = (np.array(x) for x in rnn.step(np.concatenate([z, action], axis=1), (h, c)))


def test_dream_ends_when_the_end_logit_is_positive():
    assert play(small_rnn(done=True, end_logit=0.1), range(3))[2].sum(0).tolist() == [1, 1, 1]
    assert play(small_rnn(done=True, end_logit=-0.1), range(3))[2].sum(0).tolist() == [20, 20, 20]


def test_restart_flag_is_1_at_the_first_step_alone():
    """This M's h is 0.76 after a step with the flag, else 0, and its end logit is 0.5 - h: so it ends at step 2."""
    rnn = small_rnn(done=True)
    kernel, bias = np.zeros((Z + A + 1 + H, 4 * H)), np.zeros(4 * H)
    i, j, f, o = (slice(gate * H, (gate + 1) * H) for gate in range(4))
    kernel[Z + A, j] = 10
    bias[i], bias[f], bias[o] = 10, -10, 10
    output_kernel = np.zeros(rnn.output_kernel.shape)
    output_kernel[0, 0] = -1
    output_bias = rnn.output_bias.numpy()
    output_bias[0] = 0.5
    set_weights(rnn, kernel=kernel, bias=bias, output_kernel=output_kernel, output_bias=output_bias)
    assert play(rnn, range(3))[2].sum(0).tolist() == [2, 2, 2]


def test_dream_with_an_end_logit_pays_1_a_step_and_terminates():
    env = SmallDream(world_of(small_rnn(done=True, end_logit=1.0)))
    env.reset(seed=0)
    assert env.step(np.zeros(A, np.float32))[1:4] == (1.0, True, False)


def test_dream_without_an_end_logit_pays_nothing_and_is_truncated():
    env = SmallDream(world_of(small_rnn()))
    env.reset(seed=0)
    steps = [env.step(np.zeros(A, np.float32))[1:4] for _ in range(20)]
    assert steps == [(0.0, False, False)] * 19 + [(0.0, False, True)]


def test_environment_and_batch_dream_the_same_of_the_same_seed():
    rnn, params = MDNRNN(Z, A, H, mixtures=K), np.array([0.1, 0.5, -0.5], np.float32)
    batched = play(rnn, [11, 12, 13], temperature=1.2, max_steps=6, params=params)[0]
    env = SmallDream(world_of(rnn), temperature=1.2)
    for row, seed in enumerate((11, 12, 13)):
        z, _ = env.reset(seed=seed)
        for expected in batched[:, row]:
            np.testing.assert_allclose(z, expected, atol=1e-5)
            z = env.step(np.tanh(params[:1] + z @ params[1:]))[0]


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


def test_dream_needs_weights_and_a_temperature(tmp_path):
    with pytest.raises(UserError, match="temperature has to be above 0"):
        gymnasium.make("WorldModels/CarRacingDream-v0", temperature=0.0)
    env = gymnasium.make("WorldModels/CarRacingDream-v0", weights=tmp_path)
    with pytest.raises(UserError, match="the weights of V are missing"):
        env.reset()


DAMAGED_STARTS = ["[[[1, 2]], [[3", "[[[1, 2]]]", "[[[1]], [[2]]]", "[[], []]", "[[[1, 2]], [[3]]]", "{}"]
DAMAGED_STARTS += ["[[[1, NaN]], [[1, 2]]]", f"[[[1, {10**400}]], [[1, 2]]]", "[[[1, 2]], [[1, Infinity]]]"]


@pytest.mark.parametrize("content", DAMAGED_STARTS)
def test_damaged_initial_z_is_an_error_in_one_line(content, tmp_path):
    (tmp_path / "initial_z.json").write_text(content)
    with pytest.raises(UserError, match=r"initial_z\.json"):
        load_starts(tmp_path, Z)


def test_initial_z_is_divided_by_10000(tmp_path):
    (tmp_path / "initial_z.json").write_text(json.dumps([[[10000, -5000]], [[0, 20000]]]))
    mu, logvar = load_starts(tmp_path, Z)
    assert mu.tolist() == [[1, -0.5]] and logvar.tolist() == [[0, 2]]
