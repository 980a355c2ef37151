"""The rollout loop: every job once, and each episode its own affair."""

import gymnasium
import numpy as np
import pytest

from worldmodels.computing.batches import independent_rows, smaller_batch
from worldmodels.rollout import Environments, Job, run_episodes


class CountingEnv:
    """Ends after as many steps as its seed says; the reward is given at every third step."""

    observation_space = gymnasium.spaces.Box(0, 255, (64, 64, 3), np.uint8)

    def reset(self, seed):
        self.seed, self.t = seed, 0
        return self._observation(), {}

    def step(self, action):
        self.t += 1
        return self._observation(), float(action[0]) * (self.t % 3 == 0), self.t >= self.seed, False, {"t": self.t}

    def _observation(self):
        return np.full((64, 64, 3), self.t, np.uint8)


class Idle(CountingEnv):
    """Pays 1 for each of five steps, and takes 0.1 for all others."""

    def step(self, action):
        observation, _, terminated, truncated, info = super().step(action)
        return observation, 1.0 if self.t <= 5 else -0.1, terminated, truncated, info


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


def world_of(slots, max_steps=100, env=CountingEnv, **options):
    return Environments([env() for _ in range(slots)], Echo(slots), max_steps, **options)


def test_every_frame_is_counted_as_it_is_played():
    counted = []
    episodes = list(run_episodes(world_of(3), [Job(5, 0.0), Job(30, 0.0), Job(7, 0.0)], counted.append))
    assert sum(counted) == sum(episode.steps for episode in episodes) and set(counted) == {1, 2, 3}


def test_every_job_is_played_once_with_its_own_parameters():
    jobs = [Job(seed, seed / 10, f"job {seed}") for seed in (5, 30, 7, 12, 3, 1, 20)]
    world = world_of(3)
    episodes = list(run_episodes(world, iter(jobs)))
    assert sorted(e.job.tag for e in episodes) == sorted(j.tag for j in jobs)
    for episode in episodes:
        assert episode.steps == episode.job.seed
        assert episode.score == pytest.approx((1 + episode.job.params) * (episode.steps // 3))
        assert episode.info == {"t": episode.steps} and episode.frames is None
    widths = world.agent.widths
    assert max(widths) == 3
    assert sum(widths) == sum(j.seed for j in jobs)  # no step for a slot with nothing to do


def test_the_next_job_is_asked_for_only_when_a_slot_is_free():
    asked = []

    def jobs():
        for seed in (4, 8, 2, 2):
            asked.append(seed)
            yield Job(seed, 0.0)

    loop = run_episodes(world_of(2), jobs())
    assert next(loop).steps == 4
    assert asked == [4, 8]
    assert [e.steps for e in loop] == [2, 2, 8] and asked == [4, 8, 2, 2]


def test_a_queue_that_has_nothing_for_now_is_asked_again_after_the_next_step():
    jobs = iter([Job(9, 0.0), None, Job(2, 0.0), None, None, None, Job(3, 0.0)])
    assert [e.steps for e in run_episodes(world_of(3), jobs)] == [2, 3, 9]


def test_max_steps_ends_an_episode():
    (episode,) = run_episodes(world_of(1, 10), [Job(50, 0.0)])
    assert episode.steps == 10


def test_patience_ends_an_episode_and_charges_the_rest_at_the_last_reward():
    hasty, patient = run_episodes(world_of(2, env=Idle), [Job(90, 0.0, patience=10), Job(90, 0.0)])
    assert hasty.steps == 15 and hasty.score == pytest.approx(5 - 0.1 * 95)
    assert patient.steps == 90 and patient.score == pytest.approx(5 - 0.1 * 85)


def test_recorded_frames_line_up():
    for episode in run_episodes(world_of(3, record=True), [Job(4, 0.0), Job(6, 0.5)]):
        frames = episode.frames
        assert (frames.observations[:, 0, 0, 0] == np.arange(episode.steps + 1)).all()
        assert frames.actions.shape == (episode.steps, 1) and (frames.actions == 1 + episode.job.params).all()
        assert frames.rewards.sum() == pytest.approx(episode.score)


def test_those_who_watch_see_every_step_before_it_is_taken():
    seen = []
    world = world_of(2, watch=lambda slot, image, action: seen.append((slot, int(image[0, 0, 0]), float(action[0]))))
    list(run_episodes(world, [Job(2, 0.0), Job(3, 0.5)]))
    assert sorted(seen) == [(0, 0, 1), (0, 1, 1), (1, 0, 1.5), (1, 1, 1.5), (1, 2, 1.5)]


@pytest.mark.parametrize(("slots", "rows"), [(1, 1), (3, 3), (4, 6), (6, 6)])
def test_idle_rows_are_added_until_no_row_is_rounded_otherwise(slots, rows):
    def kernel(count):
        """Works in threes; the rows that are left over it rounds in another way."""
        return [np.ones((count, 2)), 1 + 1e-7 * (np.arange(count) >= count // 3 * 3)]

    assert independent_rows(kernel, slots) == rows


@pytest.mark.parametrize(("episodes", "rows"), [(1, 6), (3, 6), (5, 6), (6, 6), (7, 12), (12, 12)])
def test_a_batch_is_halved_where_that_computes_as_the_full_one_does(episodes, rows):
    """A kernel that rounds the rows beyond a multiple of three otherwise, and those of a batch of three or less."""

    def kernel(count):
        return [1 + 1e-7 * ((np.arange(count) >= count // 3 * 3) | (count <= 3))]

    assert smaller_batch(kernel, 12, episodes) == rows


def test_where_no_smaller_batch_computes_the_same_it_stays_as_it_is():
    assert smaller_batch(lambda count: [np.full(count, 1 + 1e-7 * (count < 8))], 8, 1) == 8


def test_where_the_full_batch_has_no_rows_to_go_by_it_stays_as_it_is():
    assert smaller_batch(lambda count: [np.arange(count)], 8, 1) == 8


def test_recorded_are_the_pictures_that_a_function_gives():
    world = world_of(1, record=lambda env: env._observation() + np.uint8(100))
    (episode,) = run_episodes(world, [Job(3, 0)])
    assert episode.frames.observations[:, 0, 0, 0].tolist() == [100, 101, 102, 103]
