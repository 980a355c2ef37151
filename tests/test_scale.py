"""The simulated generations of benchmarks/scale.py, against some that can be counted by hand."""

import pytest

from benchmarks.virtual_ranks import simulate


def generation(lengths, workers, message=0.0, **options):
    return simulate(lengths, workers, lambda n: 0.01 + 0.001 * n, slots=4, reset=0.0, message=message, **options)


def test_where_all_episodes_are_equal_and_fill_the_slots_nothing_is_lost():
    played = generation([100] * 16, 2)
    assert played["batch_steps"] == [200, 200]
    assert played["seconds"] == pytest.approx(200 * 0.014, abs=0.02) and played["efficiency"] > 0.98


def test_a_long_episode_keeps_one_worker_busy_and_the_other_idle():
    played = generation([100] * 7 + [1000], 2)
    assert played["batch_steps"] == [100, 1000]
    assert played["seconds"] == pytest.approx(100 * 0.014 + 900 * 0.011, abs=0.02)
    frames = 1700 * 0.014 / 4
    assert played["efficiency"] == pytest.approx(frames / 2 / played["seconds"])
    assert played["small batches"] == pytest.approx((200 * 0.014 + 900 * 0.011 - frames) / 2 / played["seconds"])
    assert played["tail"] == pytest.approx(900 * 0.011 / 2 / played["seconds"], abs=0.01)


def test_a_worker_that_is_twice_as_fast_plays_twice_as_much():
    slow, fast = sorted(generation([100] * 240, 2, first=2)["batch_steps"])
    assert fast + slow >= 6000 and fast / slow == pytest.approx(2, rel=0.1)


def test_messages_cost_their_time_and_the_parts_add_up_to_all_of_it():
    played = generation([10] * 256, 32, message=0.01, between=0.5)
    assert played["rank 0 busy"] > 0.8
    starts = [0.01 * worker + 0.01 for worker in range(1, 33)]  # rank 0 sends one message after the other
    assert played["start"] == pytest.approx(sum(starts) / 32 / played["seconds"], abs=0.005 / played["seconds"])
    assert played["ask and tell"] == pytest.approx(0.5 / played["seconds"])
    parts = ("efficiency", "small batches", "ask and tell", "start", "tail", "messages")
    assert sum(played[part] for part in parts) == pytest.approx(1) and all(played[part] > -1e-9 for part in parts)
