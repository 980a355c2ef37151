"""The JSON of 2018, both ways, and the forward pass of weights that come from it."""

import functools
import json

import numpy as np
import pytest

from worldmodels.controller import Controller, load_parameters, save_parameters
from worldmodels.files.published import load_json, save_json
from worldmodels.rnn import MDNRNN
from worldmodels.scripts.cli import UserError
from worldmodels.vae import VAE

CAR_M = [(256, 480), (480,), (291, 1024), (1024,)]  # head first
DOOM_M = [(578, 2048), (2048,), (512, 961), (961,)]  # LSTM first


def v_shapes(z):
    kernels = [(4, 4, 3, 32), (4, 4, 32, 64), (4, 4, 64, 128), (4, 4, 128, 256), (1024, z), (1024, z)]
    deconv = [(5, 5, 128, 1024), (5, 5, 64, 128), (6, 6, 32, 64), (6, 6, 3, 32)]  # (height, width, out, in)
    layers = [(kernel, (kernel[-1],)) for kernel in (*kernels, (z, 1024))]
    layers += [(kernel, (kernel[2],)) for kernel in deconv]
    return [shape for layer in layers for shape in layer]


MODELS = {
    "car V": (lambda: VAE(32), v_shapes(32)),
    "car M": (MDNRNN, CAR_M),
    "doom V": (lambda: VAE(64), v_shapes(64)),
    "doom M": (lambda: MDNRNN(64, 1, 512, done=True), DOOM_M),
}


def published(path, shapes, scale=500):
    """Write a file as it was published: whole numbers, 10,000 times the weights. Returns the weights."""
    rng = np.random.default_rng(0)
    arrays = [rng.normal(0, scale, shape).round().astype(int) for shape in shapes]
    path.write_text(json.dumps([array.tolist() for array in arrays]))
    return [array / 10000 for array in arrays]


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """read(name) -> the file of a model of random weights, the model that was read from it, and the weights."""

    @functools.cache
    def read(name):
        make, shapes = MODELS[name]
        path = tmp_path_factory.mktemp("published") / "old.json"
        weights, model = published(path, shapes), make()
        load_json(model, path)
        return path, model, weights

    return read


@pytest.mark.parametrize("name", MODELS)
def test_reading_and_writing_gives_the_same_file(name, read, tmp_path):
    path, model, _ = read(name)
    save_json(model, tmp_path / "new.json")
    assert (tmp_path / "new.json").read_text() == path.read_text()


def test_writing_rounds_to_a_ten_thousandth(tmp_path):
    rnn = MDNRNN(2, 1, 3, 1)
    rnn.bias.assign([0.12344, -0.12346, 1.0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    save_json(rnn, tmp_path / "rnn.json")
    assert json.loads((tmp_path / "rnn.json").read_text())[3][:3] == [1234, -1235, 10000]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize(("name", "z", "actions"), [("car M", 32, 3), ("doom M", 64, 1)])
def test_m_from_a_published_file_computes_the_2018_graph(name, z, actions, read):
    _, rnn, arrays = read(name)
    done = name == "doom M"
    kernel, bias, output_w, output_b = arrays if done else arrays[2:] + arrays[:2]

    rng = np.random.default_rng(1)
    x = rng.normal(size=(2, z + actions + done)).astype(np.float32)
    x[:, -1:] *= not done
    h, c = rng.normal(size=(2, 2, rnn.hidden)).astype(np.float32)
    i, j, f, o = np.split(np.hstack([x, h]) @ kernel + bias, 4, axis=1)
    new_c = sigmoid(f + 1.0) * c + sigmoid(i) * np.tanh(j)
    new_h = sigmoid(o) * np.tanh(new_c)
    np.testing.assert_allclose(rnn.step(x, (h, c)), (new_h, new_c), atol=2e-6)

    out = new_h @ output_w + output_b
    mixture, end_logit = rnn.head(new_h.astype(np.float32))
    if done:
        np.testing.assert_allclose(end_logit, out[:, 0], atol=1e-5)
    rows = out[:, done:].reshape(-1, 15)  # 2018: a row for each z dimension: 5 logits, 5 means, 5 log stds
    logmix = rows[:, :5] - np.log(np.exp(rows[:, :5]).sum(1, keepdims=True))
    for ours, theirs in zip(mixture, (logmix, rows[:, 5:10], rows[:, 10:]), strict=True):
        np.testing.assert_allclose(np.swapaxes(ours, 1, 2).reshape(-1, 5), theirs, atol=1e-5)


def conv(x, kernel, bias):
    """Stride 2, no padding, one image (H, W, in): every output pixel is a patch of the input times the kernel."""
    size = (len(x) - len(kernel)) // 2 + 1
    out = np.empty((size, size, kernel.shape[3]))
    for row, column in np.ndindex(size, size):
        patch = x[2 * row : 2 * row + len(kernel), 2 * column : 2 * column + len(kernel)]
        out[row, column] = np.tensordot(patch, kernel, 3) + bias
    return out


def deconv(x, kernel, bias):
    """Stride 2, no padding, one image: every input pixel paints kernel @ pixel at twice its place."""
    size = (len(x) - 1) * 2 + len(kernel)
    out = np.zeros((size, size, kernel.shape[2])) + bias
    for row, column in np.ndindex(x.shape[:2]):
        out[2 * row : 2 * row + len(kernel), 2 * column : 2 * column + len(kernel)] += kernel @ x[row, column]
    return out


@pytest.mark.parametrize(("name", "z"), [("car V", 32), ("doom V", 64)])
def test_v_from_a_published_file_computes_the_2018_graph(name, z, read):
    _, vae, arrays = read(name)
    arrays = iter(arrays)
    layer = lambda: (next(arrays), next(arrays))  # noqa: E731

    image = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    x = image / 255
    for _ in range(4):
        x = np.maximum(conv(x, *layer()), 0)
    assert x.shape == (2, 2, 256)
    expected = []
    for _ in range(2):
        kernel, bias = layer()
        expected.append(x.ravel() @ kernel + bias)
    mu, logvar = vae.encoder(image[None])
    np.testing.assert_allclose([mu[0], logvar[0]], expected, rtol=1e-4, atol=1e-5)

    code = np.random.default_rng(2).normal(size=z).astype(np.float32)
    kernel, bias = layer()
    x = (code @ kernel + bias).reshape(1, 1, 1024)
    for _ in range(3):
        x = np.maximum(deconv(x, *layer()), 0)
    x = sigmoid(deconv(x, *layer()))
    np.testing.assert_allclose(vae.decoder(code[None])[0], x, atol=1e-5)


def test_c_is_parameters_and_score(tmp_path):
    controller = Controller("z_h", 32, 256, 3)
    parameters = np.random.default_rng(0).normal(size=867)
    save_parameters(tmp_path / "best.json", parameters, 906.5)
    assert json.loads((tmp_path / "best.json").read_text()) == [parameters.tolist(), 906.5]
    ours, score = load_parameters(tmp_path / "best.json", controller.num_params)
    assert score == 906.5
    np.testing.assert_array_equal(ours, parameters)


def damaged(case, path):
    """A file for a small M that cannot be read into it."""
    shapes = [(3, 6), (6,), (6, 12), (12,)]
    published(path, shapes)
    data = json.loads(path.read_text())
    if case == "cut short":
        path.write_text(path.read_text()[:-20])
        return
    if case == "of another order":
        data = data[2:] + data[:2]
    if case == "too short":
        data = data[:-1]
    if case == "ragged":
        data[0][1] = data[0][1][:-1]
    if case == "words":
        data[1][2] = "four"
    if case == "no list":
        data = {"weights": 4}
    if case == "a number":
        data = 4
    if case == "too large":
        data[1][2] = 10**400
    if case == "too large for float32":
        data[1][2] = 1e50
    if case == "not finite":
        data[1][2] = float("nan")
    path.write_text(json.dumps(data))


CASES = {
    "cut short": "the published M is damaged",
    "of another order": "another task",
    "too short": "another task",
    "ragged": "the published M is damaged",
    "words": "the published M is damaged",
    "no list": r"the published M is damaged, or another kind of file: .*\(it holds no list\)",
    "a number": r"the published M is damaged, or another kind of file: .*\(it holds no list\)",
    "too large": "a number is not finite",
    "too large for float32": "numbers that are too large",
    "not finite": "a number is not finite",
}


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
@pytest.mark.parametrize("case", CASES)
def test_a_file_that_does_not_fit_is_a_user_error_and_changes_nothing(case, tmp_path):
    damaged(case, tmp_path / "rnn.json")
    rnn = MDNRNN(2, 1, 3, 1)
    before = [variable.numpy() for variable in rnn.trainable_variables]
    with pytest.raises(UserError, match=CASES[case]) as error:
        load_json(rnn, tmp_path / "rnn.json")
    assert "\n" not in str(error.value)
    for variable, old in zip(rnn.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(variable, old)


def test_a_missing_file_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="there is no"):
        load_json(MDNRNN(2, 1, 3, 1), tmp_path / "rnn.json")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([[0.0] * 99, 1.0], "99 parameters"),
        ([], "the controller is damaged"),
        ({}, r"the controller is damaged, or another kind of file: .*\(it holds no list\)"),
        ([["a"], 1.0], "the controller is damaged"),
        ([[10**400], 1.0], "a number is not finite"),
        ([[1.0], 10**400], "a number is not finite"),
        ([[1e50] * 867, 1.0], "its parameters are too large"),
        ([["nan"] * 867, 1.0], "its parameters are too large, or no numbers"),
    ],
)
def test_a_controller_that_does_not_fit_is_a_user_error(data, words, tmp_path):
    path = tmp_path / "best.json"
    path.write_text(json.dumps(data))
    with pytest.raises(UserError, match=words):
        load_parameters(path, 867)
