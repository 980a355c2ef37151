"""The browser's graphs beside the Keras models they are written from, in ONNX's reference interpreter."""

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator

from carracing.task import CARRACING
from doomrnn.task import DOOM
from web import graphs
from worldmodels.controller import KINDS, Controller
from worldmodels.dream import DreamSteps, decode
from worldmodels.rnn import MDNRNN
from worldmodels.scripts.cli import UserError
from worldmodels.vae import VAE

Z, A, H, K, STEPS = 8, 3, 16, 5, 5


def in_half_precision(model):
    """The model with its matrices rounded as the graphs store them, and random biases."""
    rng = np.random.default_rng(0)
    for variable in model.trainable_variables:
        value = variable.numpy() if len(variable.shape) > 1 else rng.normal(0, 0.1, variable.shape)
        variable.assign(np.float32(np.float16(value)))
    return model


@pytest.mark.parametrize("done", [False, True], ids=["endless", "with an end"])
@pytest.mark.parametrize("temperature", [0.1, 1.0, 2.0])
def test_dream_is_that_of_python(done, temperature):
    rnn, rng = in_half_precision(MDNRNN(Z, A, H, mixtures=K, done=done)), np.random.default_rng(1)
    noise = {"uniform": rng.random((STEPS, 1, Z), np.float32), "normal": rng.standard_normal((STEPS, 1, Z), np.float32)}
    actions = rng.uniform(-1, 1, (STEPS, 1, A)).astype(np.float32)
    state = {"z": rng.standard_normal((1, Z), np.float32), "h": np.zeros((1, H), np.float32)}
    state["c"] = state["h"]
    begin = {**state, "restart": np.ones((1, 1), np.float32)}
    expected = DreamSteps(rnn, temperature).predict_on_batch(begin | noise | {"actions": actions})

    graph, warmth = ReferenceEvaluator(graphs.dream(rnn)), np.float32([temperature])
    for t in range(STEPS):
        np.testing.assert_allclose(state["z"], expected["zs"][t], atol=1e-5)
        inputs = {name: array[t] for name, array in noise.items()} | {"action": actions[t], "temperature": warmth}
        restart = np.full((1, 1), t == 0, np.float32)
        *state, end_logit = graph.run(None, state | inputs | {"restart": restart})
        state = dict(zip("zhc", state, strict=True))
        logit = expected["end_logit"][t] if done else -1
        np.testing.assert_allclose(end_logit[:, 0], logit, atol=1e-5)
    for name in "zhc":
        np.testing.assert_allclose(state[name], expected[name], atol=1e-5)


def test_pictures_are_those_of_python():
    vae, z = in_half_precision(VAE(Z)), np.random.default_rng(1).normal(0, 3, (1, Z)).astype(np.float32)
    (rgba,) = ReferenceEvaluator(graphs.decoder(vae)).run(None, {"z": z})
    picture = decode(vae, z)[0]
    assert rgba.shape == (64, 64, 4) and rgba.dtype == np.uint8 and picture.std() > 0
    assert (rgba[..., 3] == 255).all()
    assert np.abs(rgba[..., :3].astype(int) - picture).max() <= 1  # two layers are rounded as one


@pytest.mark.parametrize("task", [CARRACING, DOOM], ids=lambda task: task.name)
@pytest.mark.parametrize("kind", KINDS)
def test_actions_are_those_of_python(task, kind):
    rng, shape = np.random.default_rng(0), Controller(kind, Z, H, task.action_size, bias=task.controller_bias)
    for _ in range(5):
        params = rng.normal(0, 0.5, shape.num_params).astype(np.float32)
        state = {name: rng.standard_normal((1, size), np.float32) for name, size in (("z", Z), ("h", H), ("c", H))}
        (action,) = ReferenceEvaluator(graphs.controller(shape, params, task.to_action)).run(None, state)
        expected = task.to_action(np.array(shape.raw_actions(params[None], **state)))
        np.testing.assert_allclose(action, expected, atol=1e-5)


def test_a_curved_to_action_is_refused():
    shape = Controller("z", Z, H, 1)
    with pytest.raises(UserError, match="does not go straight"):
        graphs.controller(shape, np.zeros(shape.num_params, np.float32), np.square)
