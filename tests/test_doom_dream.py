"""Doom's dream: the batched one that C learns in, the Gymnasium one, and M's step by hand, all of one distribution."""

import json

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import doomrnn  # noqa: F401  registers the environments
from doomrnn.dream_env import DoomDream
from doomrnn.task import DOOM
from worldmodels.dream import Dreams
from worldmodels.playing.loading import save_world_model
from worldmodels.rollout import Job, run_episodes

Z, H, K = 64, 512, 5
TEMPERATURE = 1.15


@pytest.fixture(scope="module")
def rnn():
    """A random M of Doom's sizes, whose dreams end after some ten steps."""
    rnn, rng = DOOM.make_rnn(), np.random.default_rng(0)
    for variable in rnn.trainable_variables:
        variable.assign(rng.normal(0, 0.08, variable.shape))
    bias = rnn.output_bias.numpy()
    bias[0] = -0.5
    rnn.output_bias.assign(bias)
    return rnn


@pytest.fixture(scope="module")
def starts():
    return np.random.default_rng(1).normal(size=(20, Z)).astype(np.float32), np.full((20, Z), -2, np.float32)


@pytest.fixture(scope="module")
def params():
    return np.random.default_rng(1).normal(0, 0.1, DOOM.make_controller().num_params).astype(np.float32)


@pytest.fixture(scope="module")
def world(rnn, starts):
    return Dreams(rnn, starts, TEMPERATURE, DOOM.make_controller(), DOOM.to_action, 64, DOOM.max_steps)


@pytest.fixture(scope="module")
def env(rnn, starts):
    """The Gymnasium dream of the same M, which lies on no disk."""
    env = DoomDream(TEMPERATURE)
    env.dreams = Dreams(rnn, starts, TEMPERATURE, None, None, 1, DOOM.max_steps)
    return env


def lengths_of(world, params, seeds):
    lengths = {e.job.seed: e.steps for e in run_episodes(world, [Job(seed, params) for seed in seeds])}
    return [lengths[seed] for seed in seeds]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def by_hand(rnn, starts, params, rng, max_steps=DOOM.max_steps):
    """One dream written from the facts of the reference in float64: yields each next z; stops where the dream does."""
    kernel, bias, output_kernel, output_bias = (v.numpy().astype(np.float64) for v in rnn.trainable_variables)
    row = rng.integers(len(starts[0]))
    z = starts[0][row] + np.exp(starts[1][row] / 2) * rng.normal(size=Z)
    h = c = np.zeros(H)
    for step in range(max_steps):
        action = np.tanh(np.concatenate([z, c, h]) @ params)
        gates = np.concatenate([z, [action], [float(step == 0)], h]) @ kernel + bias
        i, j, f, o = np.split(gates, 4)
        c = sigmoid(f + 1) * c + sigmoid(i) * np.tanh(j)
        h = sigmoid(o) * np.tanh(c)
        out = h @ output_kernel + output_bias
        blocks = out[1:].reshape(Z, 3, K)  # of each dimension: logits, means, log stds
        shares = np.exp(blocks[:, 0] / TEMPERATURE)
        below = np.cumsum(shares, 1) / shares.sum(1, keepdims=True) <= rng.random((Z, 1))
        chosen = below.sum(1)
        mean, std = blocks[np.arange(Z), 1, chosen], np.exp(blocks[np.arange(Z), 2, chosen])
        z = mean + std * np.sqrt(TEMPERATURE) * rng.normal(size=Z)
        yield z
        if out[0] > 0:
            return


def gymnasium_dream(env, params, seed):
    z, _ = env.reset(seed=seed)
    ended = False
    while not ended:
        action = np.tanh(np.concatenate([z, env.dreams.c[0], env.dreams.h[0]]) @ params)
        z, _, terminated, truncated, _ = env.step(np.array([action], np.float32))
        ended = terminated or truncated
        yield z


def standard_error(a, b):
    return np.sqrt(np.var(a, axis=0) / len(a) + np.var(b, axis=0) / len(b))


def test_lengths_and_end_rates_are_those_of_dreams_by_hand(rnn, starts, world, env, params):
    batched = np.array(lengths_of(world, params, range(1000)))
    rng = np.random.default_rng(5)
    by_hands = [len(list(by_hand(rnn, starts, params, rng))) for _ in range(200)]
    gymnasiums = [len(list(gymnasium_dream(env, params, seed))) for seed in range(5000, 5060)]
    assert 3 < batched.mean() < 100 and (batched < DOOM.max_steps).all()  # else this would test little
    for lengths in (by_hands, gymnasiums):
        assert abs(np.mean(lengths) - batched.mean()) < 4 * standard_error(batched, lengths)
        early, early_batched = np.array(lengths) <= 3, batched <= 3  # ends in the first three steps
        assert abs(early.mean() - early_batched.mean()) < 4 * standard_error(early_batched, early)


def test_next_z_is_distributed_as_by_hand(rnn, starts, world, params):
    """Mean and spread of all 64 dimensions after one step, and of their sum, which correlations would show in."""
    firsts = []
    world.record = True
    for episode in run_episodes(world, [Job(seed, params) for seed in range(1500)]):
        firsts.append(episode.frames.observations[1])
    world.record = False
    rng = np.random.default_rng(6)
    single = np.array([next(by_hand(rnn, starts, params, rng)) for _ in range(600)])
    for function in (lambda z: z, np.square, lambda z: z.sum(1, keepdims=True) ** 2):
        a, b = function(np.array(firsts, np.float64)), function(single)
        assert (np.abs(a.mean(0) - b.mean(0)) < 4.5 * standard_error(a, b)).all()


def test_the_gymnasium_dream_of_a_seed_is_the_batched_one(world, env, params):
    seeds = range(300, 306)
    assert [len(list(gymnasium_dream(env, params, seed))) for seed in seeds] == lengths_of(world, params, seeds)


def test_a_dream_does_not_depend_on_those_beside_it(world, params):
    seeds = list(range(40))
    expected = lengths_of(world, params, seeds)
    jobs = [Job(seed, params * (seed < 40)) for seed in [*range(90, 120), *seeds[::-1]]]
    lengths = {e.job.seed: e.steps for e in run_episodes(world, jobs)}
    assert [lengths[seed] for seed in seeds] == expected


def test_every_job_is_dreamt_once_and_no_longer_than_allowed(rnn, starts, world, params):
    jobs = [Job(seed, params, tag) for tag, seed in enumerate(range(50))]
    whole = {e.job.tag: e.steps for e in run_episodes(world, iter(jobs))}
    short = Dreams(rnn, starts, TEMPERATURE, DOOM.make_controller(), DOOM.to_action, 16, max_steps=7)
    cut = {e.job.tag: (e.score, e.steps) for e in run_episodes(short, iter(jobs))}
    assert sorted(whole) == sorted(cut) == list(range(50))
    assert all(cut[tag] == (min(whole[tag], 7), min(whole[tag], 7)) for tag in whole)


@pytest.mark.filterwarnings("ignore:.*A Box observation space:UserWarning")  # z has no bounds
def test_gymnasium_makes_the_doom_dream_and_check_env_passes(rnn, starts, tmp_path, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    save_world_model(tmp_path, DOOM.make_vae(), rnn)
    whole = [np.rint(array * 10000).astype(int).tolist() for array in starts]
    (tmp_path / "initial_z.json").write_text(json.dumps(whole))
    env = gymnasium.make("WorldModels/DoomDream-v0", weights=tmp_path, render_mode="rgb_array", temperature=0.9)
    check_env(env.unwrapped)
    env.reset(seed=3)
    z, reward, *_ = env.step(env.action_space.sample())
    assert z.shape == (64,) and reward == 1 and env.render().shape == (384, 384, 3)
    assert env.spec.max_episode_steps == 2100
