"""A new C learns to move as the agent with a former V and M."""

import dataclasses

import numpy as np
import pytest

from carracing.task import CARRACING
from worldmodels.controller import Controller
from worldmodels.evolving import imitation
from worldmodels.evolving.imitation import Regression, imitate, linear
from worldmodels.playing.loading import load_agent, load_world_model
from worldmodels.playing.worlds import environments
from worldmodels.rollout import Job, run_episodes


@pytest.mark.parametrize("bias", [True, False])
def test_the_regression_finds_the_parameters_that_made_the_outputs(bias):
    rng = np.random.default_rng(0)
    controller = Controller("z", 5, 0, 2, bias)
    params, x = rng.normal(0, 0.3, controller.num_params), rng.standard_normal((100_000, 5))
    raw = linear(controller, params, x)
    outputs = controller.raw_actions(np.float32([params] * 9), np.float32(x[:9]))
    np.testing.assert_allclose(np.tanh(raw[:9]), outputs, 1e-4)
    regression = Regression(bias)
    for part in range(2):
        regression.add(x[part::2], raw[part::2])
    np.testing.assert_allclose(regression.params(), params, atol=1e-4)


def test_an_error_counts_by_what_it_changes_in_the_move():
    x, raw = np.ones((2, 1)), np.array([[0.0], [20.0]])  # the second is the same move from 3 on
    regression = Regression(bias=False)
    regression.add(x, raw)
    (weight,) = regression.params()
    assert weight == pytest.approx(20 * 0.01 / (1 + 0.01 + imitation.RIDGE))


def test_an_agent_that_reads_other_numbers_drives_as_the_former_one(monkeypatch):
    """The other V and M are the shipped ones with what C reads of them in another order."""
    monkeypatch.setattr(imitation, "EPISODES", 8)
    task = dataclasses.replace(CARRACING, max_steps=300)
    former = load_agent(task, task.shipped)
    vae, rnn = load_world_model(task, former.folder)
    z_order, h_order = (np.random.default_rng(0).permutation(size) for size in (32, 256))
    for weights in vae.encoder.get_layer("mu").trainable_variables:
        weights.assign(weights.numpy()[..., z_order])
    rows = np.concatenate([z_order, [32, 33, 34], 35 + h_order])
    columns = np.concatenate([gate * 256 + h_order for gate in range(4)])
    rnn.kernel.assign(rnn.kernel.numpy()[rows][:, columns])
    rnn.bias.assign(rnn.bias.numpy()[columns])
    params = imitate(task, former, vae, rnn, former.controller, "mean")

    def scores(vae, rnn, params):
        world = environments(task, vae, rnn, former.controller, 8, "mean")
        jobs = [Job(seed, np.float32(params)) for seed in range(1000, 1008)]
        return np.mean([episode.score for episode in run_episodes(world, jobs)])

    before, lost, after = (
        scores(former.vae, former.rnn, former.params),
        scores(vae, rnn, former.params),
        scores(vae, rnn, params),
    )
    assert after > 0.8 * before and lost < 0.5 * before
