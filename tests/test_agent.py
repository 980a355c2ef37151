"""The agent of V, M and C: what it acts on, and that nobody's episode depends on who plays beside it."""

import gymnasium
import keras
import numpy as np
import pytest

from carracing.env import to_action
from carracing.task import CARRACING
from worldmodels.agent import Agent
from worldmodels.computing.batches import Programs
from worldmodels.data.policies import BrownianPolicy
from worldmodels.rollout import Environments, Job, run_episodes

STEPS = 60


@pytest.fixture(scope="module")
def parts():
    keras.utils.set_random_seed(3)
    return CARRACING.make_vae(), CARRACING.make_rnn(), CARRACING.make_controller()


def some_job(seed):
    return Job(seed, np.random.default_rng(seed).normal(0, 0.3, 867).astype(np.float32), seed)


class Snow:
    """Pictures of noise, for as many steps as one likes."""

    observation_space = gymnasium.spaces.Box(0, 255, (64, 64, 3), np.uint8)

    def reset(self, seed):
        self.rng = np.random.default_rng(seed)
        return self._observation(), {}

    def step(self, action):
        return self._observation(), float(action[0]), False, False, {}

    def _observation(self):
        return self.rng.integers(0, 256, (64, 64, 3), np.uint8)


def drive(parts, slots, jobs, reads="sample", env=CARRACING.make_env, steps=STEPS, like=None):
    agent = Agent(*parts, to_action, slots, steps, reads, like)
    world = Environments([env() for _ in range(slots)], agent, steps, record=True)
    return {e.job.tag: e for e in run_episodes(world, jobs)}


def assert_same(episodes, others):
    for tag, episode in episodes.items():
        assert (episode.frames.actions == others[tag].frames.actions).all()
        assert episode.score == others[tag].score


def test_an_episode_does_not_depend_on_who_runs_beside_it(parts):
    """In another slot, in other company and at another time, with as many slots: the same to the bit."""
    jobs = [some_job(seed) for seed in range(6)]
    together = drive(parts, 4, jobs)
    assert_same(drive(parts, 4, jobs[::-1]), together)
    assert_same(drive(parts, 4, jobs[2:3]), together)


def test_an_episode_in_few_slots_can_come_out_as_in_many(parts):
    jobs = [some_job(seed) for seed in range(3)]
    many = drive(parts, 8, jobs)
    assert_same(drive(parts, 1, jobs, like=8), many)
    assert_same(drive(parts, 2, jobs, like=8), many)


def test_a_batch_of_few_slots_is_small_where_that_computes_the_same(parts):
    agent = Agent(*parts, to_action, 1, STEPS, like=8)
    rows, _ = agent.programs.of(1)
    outputs = [agent.programs.outputs_of_equal_rows(count) for count in (rows, 8)]
    for few, many in zip(*outputs, strict=True):
        assert np.array_equal(np.asarray(few)[:1], np.asarray(many)[:1])


def test_batches_are_as_small_as_the_episodes_under_way_allow(parts, monkeypatch):
    """With kernels for which all sizes compute the same."""
    monkeypatch.setattr(Programs, "outputs_of_equal_rows", lambda programs, rows: [np.zeros((rows, 1))])
    many, few = (Agent(*parts, to_action, slots, STEPS, like=8) for slots in (8, 1))
    rows = [agent.programs.of(episodes)[0] for agent, episodes in ((many, 8), (many, 3), (few, 1))]
    assert rows == ([8, 4, 1] if keras.backend.backend() == "tensorflow" else [8, 8, 8])  # others compile each size


def test_an_episode_stays_the_same_while_the_others_end_and_the_batch_shrinks(parts):
    """Each slot's episode a step longer than the one before, against all of one length: the same to the bit."""

    class Short(Snow):
        def reset(self, seed):
            self.left = seed + 1
            return super().reset(seed)

        def step(self, action):
            self.left -= 1
            observation, reward, *_ = super().step(action)
            return observation, reward, self.left == 0, False, {}

    jobs = [some_job(seed) for seed in range(16)]
    long, short = (drive(parts, 16, jobs, env=env, steps=16) for env in (Snow, Short))
    assert [short[job.tag].steps for job in jobs] == list(range(1, 17))
    for tag, episode in short.items():
        assert (episode.frames.actions == long[tag].frames.actions[: tag + 1]).all()


@pytest.mark.parametrize("slots", [4, 8, 20, 32])
def test_an_episode_does_not_depend_on_its_slot(parts, slots):
    """Also where kernels sum the last rows of so many in another order."""
    jobs = [some_job(seed) for seed in range(slots)]
    assert_same(*(drive(parts, slots, order, env=Snow, steps=4) for order in (jobs, jobs[::-1])))


def test_an_episode_hardly_depends_on_the_number_of_slots(parts):
    """Another batch size may sum in another order: the first frames agree to float precision."""
    actions = [drive(parts, slots, [some_job(1)], steps=5)[1].frames.actions for slots in (1, 4)]
    assert np.allclose(*actions, atol=1e-4)


@pytest.mark.parametrize("reads", ["sample", "mean"])
def test_the_agent_acts_on_z_and_the_state_before_it(parts, reads):
    """One slot against the paper's order of things, written out: act on (z_t, h), then advance with (z_t, a_t)."""
    vae, rnn, _ = parts
    job = some_job(5)
    frames = drive(parts, 1, [job], reads, steps=3)[5].frames
    noise = np.random.default_rng([job.seed, 1]).standard_normal((3, 32), dtype=np.float32)
    bias, matrix = job.params[:3], job.params[3:].reshape(288, 3)
    h = c = np.zeros((1, 256), np.float32)
    for t in range(3):
        mu, logvar = (np.array(x) for x in vae.encoder(frames.observations[t : t + 1]))
        z = mu + np.exp(logvar / 2) * noise[t] if reads == "sample" else mu
        action = to_action(np.tanh(np.concatenate([z, h], 1) @ matrix + bias))
        assert np.allclose(action[0], frames.actions[t], atol=1e-4)
        h, c = (np.array(x) for x in rnn.step(np.concatenate([z, action], 1).astype(np.float32), (h, c)))


def test_the_agent_sets_the_restart_flag_at_the_first_frame_alone():
    """Doom's M, played by hand beside it: M's step with the flag 1, then 0."""
    from doomrnn.task import DOOM

    vae, rnn, controller = DOOM.make_vae(), DOOM.make_rnn(), DOOM.make_controller()
    agent = Agent(vae, rnn, controller, DOOM.to_action, 2, DOOM.max_steps)
    rng = np.random.default_rng(0)
    agent.start(1, Job(5, rng.normal(0, 0.1, controller.num_params).astype(np.float32)))
    h, c = np.zeros((1, 512), np.float32), np.zeros((1, 512), np.float32)
    for flag in (1, 0, 0):
        action = agent.act(np.array([1]), rng.integers(0, 256, (1, 64, 64, 3), np.uint8))
        x = np.concatenate([agent.z[1:2], action, [[flag]]], axis=1).astype(np.float32)
        h, c = (np.array(state) for state in rnn.step(x, (h, c)))
        np.testing.assert_allclose(agent.h[1:2], h, atol=1e-5)
        np.testing.assert_allclose(agent.c[1:2], c, atol=1e-5)


def test_brownian_policy_stays_within_bounds_and_follows_the_seed():
    def walk(slot):
        policy = BrownianPolicy(CARRACING, 2)
        policy.start(slot, Job(9))
        return np.array([policy.act(np.array([slot]), None)[0] for _ in range(300)])

    actions = walk(0)
    assert actions.dtype == np.float32
    assert (actions >= [-1, 0, 0]).all() and (actions <= 1).all()
    assert (actions == walk(1)).all()
    assert np.abs(np.diff(actions[:, 0])).max() < 1  # it wanders, it does not jump
