"""Who plays for the data that V and M learn from."""

import json

import numpy as np

from carracing.task import CARRACING
from worldmodels.data.policies import NoisyAgent, RandomAgents
from worldmodels.rollout import Job


def test_each_episode_of_a_trained_agent_has_its_own_noise_on_c(moved):
    note = moved.best.with_name("carracing.cma.16.64.run.json")
    note.write_text(json.dumps(json.loads(note.read_text()) | {"z": "mean"}))
    policy = NoisyAgent(CARRACING, moved.best, moved.weights, slots=3)
    assert policy.agent.reads == "mean"
    for slot, seed in enumerate((1, 2, 1)):
        policy.start(slot, Job(seed))
    first, second, again = policy.agent.params
    assert (first == again).all() and (first != second).any()
    for params in (first, second):
        noise = (params - policy.params).std() / policy.params.std()
        assert 0 < noise < 1.2  # up to 1 is drawn


def test_less_noise_makes_a_trained_agent_s_neighbours_nearer(moved):
    far, near = (NoisyAgent(CARRACING, moved.best, moved.weights, slots=1, most=most) for most in (1, 0.1))
    noises = []
    for policy in (far, near):
        policy.start(0, Job(1))
        noises.append(policy.agent.params[0] - policy.params)
    np.testing.assert_allclose(noises[1], 0.1 * noises[0], atol=1e-6)


def test_each_random_agent_is_another_one_and_acts():
    policy, rng = RandomAgents(CARRACING), np.random.default_rng(0)
    images = rng.integers(0, 256, (5, 1, 64, 64, 3), np.uint8)
    played = []
    for seed in (1, 2, 1):
        policy.start(0, Job(seed))
        played.append(np.array([policy.act(np.array([0]), image)[0] for image in images]))
    first, second, again = played
    assert (first == again).all() and (first != second).any()
    assert all(np.abs(actions).max() > 0.01 for actions in (first, second))


def test_an_agent_that_explores_plays_random_actions_for_a_share_of_the_time_and_its_m_learns_of_them(moved):
    policy, plain = (NoisyAgent(CARRACING, moved.best, moved.weights, slots=2, explore=share) for share in (0.4, 0.0))
    images = np.random.default_rng(0).integers(0, 256, (400, 1, 64, 64, 3), np.uint8)
    policy.start(0, Job(1))
    plain.start(0, Job(1))
    h, actions, own = [], [], []
    for image in images:
        plain.agent.h[:], plain.agent.c[:] = policy.agent.h, policy.agent.c
        actions.append(policy.act(np.array([0]), image)[0])
        own.append(plain.act(np.array([0]), image)[0])
        h.append((policy.agent.h[0].copy(), plain.agent.h[0].copy()))
    random = (np.array(actions) != np.array(own)).any(1)
    assert 0.3 < random.mean() < 0.5
    shares = [np.isfinite([policy._explore(np.array([0]))[0, 0] for _ in range(20_000)]).mean()]
    policy = NoisyAgent(CARRACING, moved.best, moved.weights, slots=2, explore=0.9)
    policy.start(0, Job(1))
    shares.append(np.isfinite([policy._explore(np.array([0]))[0, 0] for _ in range(20_000)]).mean())
    np.testing.assert_allclose(shares, [0.4, 0.9], atol=0.02)
    changes = np.flatnonzero(np.diff(random.astype(int)))
    assert len(changes) > 30  # stretches of a few steps each
    assert [(one != other).any() for one, other in h] == random.tolist()
    assert (np.abs(actions) <= 1).all() and len(np.unique(np.array(actions)[random], axis=0)) > 20
