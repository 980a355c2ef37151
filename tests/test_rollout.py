"""The rollout loop: every job once, each episode its own affair, whoever plays beside it."""

import numpy as np
import pytest

from carracing.env import CarRacing, to_action
from worldmodels.agent import Agent
from worldmodels.controller import Controller
from worldmodels.data.policies import BrownianPolicy
from worldmodels.rnn import MDNRNN
from worldmodels.rollout import Job, run_episodes
from worldmodels.vae import VAE

STEPS = 60


class CountingEnv:
    """Ends after as many steps as its seed says; the reward is given at every third step."""

    def __init__(self):
        import gymnasium

        self.observation_space = gymnasium.spaces.Box(0, 255, (64, 64, 3), np.uint8)

    def reset(self, seed):
        self.seed, self.t = seed, 0
        return self._observation(), {}

    def step(self, action):
        self.t += 1
        return self._observation(), float(action[0]) * (self.t % 3 == 0), self.t >= self.seed, False, {"t": self.t}

    def _observation(self):
        return np.full((64, 64, 3), self.t, np.uint8)


class Echo:
    """Acts 1 + the parameter it was given; notes how many slots played at once."""

    def __init__(self, slots):
        self.params, self.widths = np.zeros(slots), []

    def start(self, slot, job):
        self.params[slot] = job.params

    def act(self, slots, observations):
        assert observations.shape == (len(slots), 64, 64, 3)
        self.widths.append(len(slots))
        return 1 + self.params[slots, None]


def play(jobs, slots=3, **kwargs):
    agent = Echo(slots)
    return list(run_episodes([CountingEnv() for _ in range(slots)], agent, iter(jobs), 100, **kwargs)), agent


def test_every_job_is_played_once_with_its_own_parameters():
    jobs = [Job(seed, seed / 10, f"job {seed}") for seed in (5, 30, 7, 12, 3, 1, 20)]
    episodes, agent = play(jobs)
    assert sorted(e.job.tag for e in episodes) == sorted(j.tag for j in jobs)
    for episode in episodes:
        assert episode.steps == episode.job.seed
        assert episode.score == pytest.approx((1 + episode.job.params) * (episode.steps // 3))
        assert episode.info == {"t": episode.steps} and episode.frames is None
    assert max(agent.widths) == 3
    assert sum(agent.widths) == sum(j.seed for j in jobs)  # no step for a slot with nothing to do


def test_the_next_job_is_asked_for_only_when_a_slot_is_free():
    asked = []

    def jobs():
        for seed in (4, 8, 2, 2):
            asked.append(seed)
            yield Job(seed, 0.0)

    loop = run_episodes([CountingEnv() for _ in range(2)], Echo(2), jobs(), 100)
    assert next(loop).steps == 4
    assert asked == [4, 8]
    assert [e.steps for e in loop] == [2, 2, 8] and asked == [4, 8, 2, 2]


def test_max_steps_ends_an_episode():
    agent = Echo(1)
    (episode,) = run_episodes([CountingEnv()], agent, [Job(50, 0.0)], 10)
    assert episode.steps == 10


def test_patience_ends_an_episode_and_charges_the_rest_at_the_last_reward():
    class Idle(CountingEnv):
        def step(self, action):
            observation, _, terminated, truncated, info = super().step(action)
            return observation, 1.0 if self.t <= 5 else -0.1, terminated, truncated, info

    (episode,) = run_episodes([Idle()], Echo(1), [Job(90, 0.0)], 100, patience=10)
    assert episode.steps == 15
    assert episode.score == pytest.approx(5 - 0.1 * 95)


def test_recorded_frames_line_up():
    episodes, _ = play([Job(4, 0.0), Job(6, 0.5)], record=True)
    for episode in episodes:
        frames = episode.frames
        assert (frames.observations[:, 0, 0, 0] == np.arange(episode.steps + 1)).all()
        assert frames.actions.shape == (episode.steps, 1) and (frames.actions == 1 + episode.job.params).all()
        assert frames.rewards.sum() == pytest.approx(episode.score)


@pytest.fixture(scope="module")
def parts():
    import keras

    keras.utils.set_random_seed(3)
    return VAE(32), MDNRNN(), Controller("z_h", 32, 256, 3)


def drive(parts, slots, jobs, reads="sample"):
    agent = Agent(*parts, to_action, slots, STEPS, reads)
    envs = [CarRacing() for _ in range(slots)]
    return {e.job.tag: e for e in run_episodes(envs, agent, jobs, STEPS, record=True)}


def test_an_episode_does_not_depend_on_who_runs_beside_it(parts):
    """In another slot, in other company and at another time, with as many slots: the same to the bit."""
    rng = np.random.default_rng(0)
    jobs = [Job(seed, rng.normal(0, 0.3, 867).astype(np.float32), seed) for seed in range(6)]
    together = drive(parts, 4, jobs)
    shuffled = drive(parts, 4, jobs[::-1])
    alone = drive(parts, 4, jobs[2:3])
    for other in (shuffled, alone):
        for tag, episode in other.items():
            assert (episode.frames.actions == together[tag].frames.actions).all()
            assert episode.score == together[tag].score


def test_an_episode_hardly_depends_on_the_number_of_slots(parts):
    """Another batch size may sum in another order: the first frames agree to float precision."""
    job = Job(1, np.random.default_rng(1).normal(0, 0.3, 867).astype(np.float32), 1)
    actions = [drive(parts, slots, [job])[1].frames.actions[:5] for slots in (1, 4)]
    assert np.allclose(*actions, atol=1e-4)


@pytest.mark.parametrize("reads", ["sample", "mean"])
def test_the_agent_acts_on_z_and_the_state_before_it(parts, reads):
    """One slot against the paper's order of things, written out: act on (z_t, h), then advance with (z_t, a_t)."""
    vae, rnn, _ = parts
    job = Job(5, np.random.default_rng(5).normal(0, 0.3, 867).astype(np.float32), 5)
    frames = drive(parts, 1, [job], reads)[5].frames
    noise = np.random.default_rng([job.seed, 1]).standard_normal((STEPS, 32), dtype=np.float32)
    bias, matrix = job.params[:3], job.params[3:].reshape(288, 3)
    h = c = np.zeros((1, 256), np.float32)
    for t in range(3):
        mu, logvar = (np.array(x) for x in vae.encoder(frames.observations[t : t + 1]))
        z = mu + np.exp(logvar / 2) * noise[t] if reads == "sample" else mu
        action = to_action(np.tanh(np.concatenate([z, h], 1) @ matrix + bias))
        assert np.allclose(action[0], frames.actions[t], atol=1e-4)
        h, c = (np.array(x) for x in rnn.step(np.concatenate([z, action], 1).astype(np.float32), (h, c)))


def test_brownian_policy_stays_within_bounds_and_follows_the_seed():
    def walk(slot):
        policy = BrownianPolicy(3, to_action, 2)
        policy.start(slot, Job(9))
        return np.array([policy.act(np.array([slot]), None)[0] for _ in range(300)])

    actions = walk(0)
    assert actions.dtype == np.float32
    assert (actions >= [-1, 0, 0]).all() and (actions <= 1).all()
    assert (actions == walk(1)).all()
    assert np.abs(np.diff(actions[:, 0])).max() < 1  # it wanders, it does not jump
