"""Evolution in coordinates in which what C reads is white."""

import numpy as np
import pytest
from small_dreams import STARTS, A, H, Z, set_weights, small_rnn

from carracing.task import CARRACING
from worldmodels.agent import Agent
from worldmodels.controller import Controller
from worldmodels.dream import STEPS, Dreams
from worldmodels.evolving.strategy import CMAES, transform
from worldmodels.evolving.whitening import FLOOR, second_moment, whitening_matrix
from worldmodels.rollout import Environments, Job, run_episodes
from worldmodels.scripts.cli import UserError

VARIANCES = np.array([9.0, 1.0, 0.1, 0.01])  # of four things that C reads, which are mixed by a rotation
ROTATION = np.linalg.qr(np.random.default_rng(0).standard_normal((4, 4)))[0]
MOMENT = ROTATION @ np.diag(VARIANCES) @ ROTATION.T


def test_a_vector_holds_biases_as_they_are_and_then_the_matrix_row_by_row():
    vector = np.arange(2.0 + 4 * 2)  # two biases, four inputs, two outputs
    matrix = np.random.default_rng(0).standard_normal((4, 4))
    result = transform(matrix, vector)
    assert result[:2].tolist() == [0, 1]
    x = np.array([0.3, -1.0, 2.0, 0.5])
    controller = Controller("z", 4, 0, 2)
    expected = np.tanh(vector[:2] + x @ matrix @ vector[2:].reshape(4, 2))
    np.testing.assert_allclose(controller.raw_actions(np.float32(result)[None], np.float32(x)[None])[0], expected, 1e-5)
    np.testing.assert_allclose(transform(np.linalg.inv(matrix), result), vector, atol=1e-12)
    assert transform(2 * np.eye(4), np.ones(4)).tolist() == [2] * 4  # one output, no bias


def test_components_above_the_floor_move_the_outputs_alike_and_all_together_as_much_as_before():
    matrix = whitening_matrix(MOMENT)
    moved = np.linalg.eigvalsh(matrix @ MOMENT @ matrix)[::-1]
    shares = VARIANCES / (VARIANCES + FLOOR)
    np.testing.assert_allclose(moved / moved[0], shares / shares[0])
    assert np.trace(matrix @ MOMENT @ matrix) == pytest.approx(np.trace(MOMENT))
    assert np.isfinite(whitening_matrix(np.diag([1.0, 0.0, -1e-18]))).all()


def test_it_finds_what_little_varying_inputs_are_good_for():
    target = ROTATION @ (1 / np.sqrt(VARIANCES))  # every component contributes as much to the best output

    def distance(params):
        return float((params - target) @ MOMENT @ (params - target))

    distances = []
    for whitening in (None, lambda start: whitening_matrix(MOMENT)):
        strategy = CMAES(np.zeros(4), 0.1, 6, seed=0, mean_rate=0.5, constant_sigma=True, whitening=whitening)
        strategy.begin()
        for _ in range(60):
            candidates = strategy.ask()
            strategy.tell(candidates, [distance(params) for params in candidates])
        distances.append(distance(strategy.mean))
    assert distances[1] < 0.2 * distances[0]


def test_the_second_moment_is_of_z_and_the_state_before_it(untrained):
    """Against a loop that looks at every frame itself."""
    envs = [CARRACING.make_env() for _ in range(2)]
    controller = Controller("z_h", 32, 256, 3)
    agent = Agent(untrained.vae, untrained.rnn, controller, CARRACING.to_action, 2, 20)
    params = np.random.default_rng(0).normal(0, 0.3, controller.num_params).astype(np.float32)
    rows = []

    class Looking:
        def start(self, slot, job):
            agent.start(slot, job)

        def act(self, slots, observations):
            before = agent.h.copy()
            actions = agent.act(slots, observations)
            rows.extend(np.concatenate([agent.z[slot], before[slot]]) for slot in slots)
            return actions

    list(run_episodes(Environments(envs, Looking(), 20), [Job(seed, params) for seed in (3, 4, 5)]))
    rows = np.array(rows, np.float64)
    assert rows.shape == (60, 288)
    expected = sum(np.outer(row, row) for row in rows) / 60
    world = Environments(envs, agent, 20)
    np.testing.assert_allclose(second_moment(world, params, (3, 4, 5)), expected, rtol=1e-5, atol=1e-8)


def test_in_a_dream_it_is_of_every_so_many_steps():
    """Against M's steps one by one, through the z and the actions that were recorded."""
    rng, rnn, controller = np.random.default_rng(0), small_rnn(), Controller("z_c_h", Z, H, A)
    set_weights(rnn, kernel=rng.normal(size=rnn.kernel.shape))
    params = rng.normal(size=controller.num_params).astype(np.float32)

    def world(record=False, max_steps=50):
        return Dreams(rnn, STARTS, 1.0, controller, lambda x: x, 2, max_steps, record=record)

    rows = []
    for episode in run_episodes(world(record=True), [Job(seed, params) for seed in (3, 4, 5)]):
        state = np.zeros((1, H), np.float32), np.zeros((1, H), np.float32)
        for step, action in enumerate(episode.frames.actions):
            z = episode.frames.observations[step]
            if step and step % STEPS == 0:
                rows.append(np.concatenate([z, *(np.array(part)[0] for part in reversed(state))]))
            state = rnn.step(np.concatenate([z, action])[None], state)
    assert len(rows) == 3 * 2 and np.ptp(rows, axis=0).all()  # after 20 and 40 of 50 steps; everything varies
    expected = np.mean([np.outer(row, row) for row in rows], axis=0)
    np.testing.assert_allclose(second_moment(world(), params, (3, 4, 5)), expected, rtol=1e-4)
    with pytest.raises(UserError, match="--whiten: no dream has gone on"):
        second_moment(world(max_steps=STEPS), params, (3, 4, 5))
