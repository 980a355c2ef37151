"""The learning rate in the course of a training."""

import math

import pytest

from worldmodels.training.schedules import learning_rate


def rates(schedule, highest, steps, at):
    rate = learning_rate(schedule, highest, steps)
    return [float(rate(step)) for step in at]


def test_a_constant_rate_is_a_number():
    assert learning_rate("constant", 1e-4, 1000) == 1e-4


def test_decay_is_that_of_the_2018_code():
    at = (0, 1, 10_000, 10**7)
    expected = [1e-5 + (1e-3 - 1e-5) * 0.99999**step for step in at]
    assert rates("decay", 1e-3, 24_400, at) == pytest.approx(expected, rel=1e-3)
    assert rates("decay", 1e-6, 24_400, at) == pytest.approx([1e-6] * 4)  # it never rises


def test_a_cosine_rises_for_a_hundredth_of_the_steps_and_falls_to_a_hundredth_of_the_rate():
    first, fifth, warm, half, last = rates("cosine", 1e-3, 1010, (0, 4, 10, 11 + 499, 1009))
    assert (first, fifth) == pytest.approx((1e-3 / 11, 5e-3 / 11), rel=1e-4)
    assert (warm, last) == pytest.approx((1e-3, 1e-5), rel=1e-4)
    done = 500 / 999
    assert half == pytest.approx(1e-3 * (0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2), rel=1e-3)


def test_a_cosine_rises_for_1000_steps_at_most_and_a_single_step_has_the_highest_rate():
    assert rates("cosine", 1.0, 10**6, (499, 999)) == pytest.approx([0.5, 1.0])
    assert rates("cosine", 1.0, 1, (0,)) == [1.0]
