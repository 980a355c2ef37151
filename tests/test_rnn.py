"""M: step, sequence, head, losses and sampling against plain Python and numpy; its gradient."""

import os

os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

import math

import keras
import numpy as np
import pytest

from worldmodels.files.weights import load_weights, save_weights
from worldmodels.lstm import lstm_sequence
from worldmodels.rnn import MDNRNN, Mixture, end_loss, mdn_nll, sample_z


def random_rnn(**sizes):
    rnn = MDNRNN(**sizes)
    rng = np.random.default_rng(0)
    for variable in rnn.trainable_variables:  # biases too: Keras starts them at 0, which would hide a missing one
        variable.assign(rng.normal(0, 0.2, variable.shape))
    return rnn


@pytest.fixture(params=[False, True], ids=["without end logit", "with end logit"])
def rnn(request):
    return random_rnn(z_size=3, action_size=2, hidden=6, mixtures=4, done=request.param)


def inputs(rnn, batch, steps, seed=1):
    """Rows (B, T, I) with a restart flag now and then, as the last input, where M has one."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(batch, steps, rnn.input_size)).astype(np.float32)
    if rnn.done:
        x[..., -1] = rng.random((batch, steps)) < 0.3
    return x


def numpy_lstm(rnn, x, h, c):
    """hs (B, T, H) and the last (h, c), from the definition: gates i, j, f, o, forget gate + 1, restart zeroes."""
    kernel, bias = (variable.numpy().astype(np.float64) for variable in rnn.trainable_variables[:2])
    hs = []
    for t in range(x.shape[1]):
        if rnn.done:
            h, c = h * (1 - x[:, t, -1:]), c * (1 - x[:, t, -1:])
        gates = np.hstack([x[:, t], h]) @ kernel + bias
        i, j, f, o = (gates[:, n * rnn.hidden : (n + 1) * rnn.hidden] for n in range(4))
        c = c / (1 + np.exp(-(f + 1))) + np.tanh(j) / (1 + np.exp(-i))
        h = np.tanh(c) / (1 + np.exp(-o))
        hs.append(h)
    return np.stack(hs, 1), (h, c)


def test_step_is_the_2018_lstm(rnn):
    x, rng = inputs(rnn, 5, 1), np.random.default_rng(2)
    h, c = rng.normal(size=(2, 5, rnn.hidden)).astype(np.float32)
    _, expected = numpy_lstm(rnn, x, h, c)
    np.testing.assert_allclose(rnn.step(x[:, 0], (h, c)), expected, atol=1e-6)


def test_sequence_is_many_steps(rnn):
    x, rng = inputs(rnn, 5, 7), np.random.default_rng(2)
    h, c = rng.normal(size=(2, 5, rnn.hidden)).astype(np.float32)
    hs, last = rnn.sequence(x, (h, c))
    expected_hs, expected_last = numpy_lstm(rnn, x, h, c)
    np.testing.assert_allclose(hs, expected_hs, atol=1e-6)
    np.testing.assert_allclose(last, expected_last, atol=1e-6)


def test_sequence_starts_from_zeros_if_no_state_is_given(rnn):
    x = inputs(rnn, 2, 3)
    zeros = np.zeros((2, rnn.hidden))
    np.testing.assert_allclose(rnn.sequence(x)[0], numpy_lstm(rnn, x, zeros, zeros)[0], atol=1e-6)


def test_a_restart_flag_forgets_everything_before_it():
    rnn = random_rnn(z_size=3, action_size=2, hidden=6, done=True)
    x = inputs(rnn, 1, 6)
    x[0, :, -1] = [0, 0, 0, 1, 0, 0]
    other = x.copy()
    other[0, :3, :-1] += 1.0
    first, second = (np.array(rnn.sequence(rows)[0]) for rows in (x, other))
    assert np.abs(first[0, :3] - second[0, :3]).max() > 0.01
    np.testing.assert_array_equal(first[0, 3:], second[0, 3:])
    np.testing.assert_allclose(first[0, 3:], np.array(rnn.sequence(x[:, 3:])[0])[0], atol=1e-6)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 2e-3), ("bfloat16", 0.03)])
def test_the_gradient_written_out_is_that_of_finite_differences(dtype, tolerance):
    """Of sum(hs * w) for kernel and bias, with a state before the first step and some states forgotten on the way."""
    rng = np.random.default_rng(0)
    steps, batch, size, hidden = 5, 3, 2, 4
    x, w = rng.normal(size=(steps, batch, size)), rng.normal(size=(steps, batch, hidden))
    keep = (rng.random((steps, batch, 1)) > 0.3) * 1.0
    rnn = random_rnn(z_size=1, action_size=0, hidden=hidden, done=True)  # inputs: z and the restart flag
    x[..., 1:] = 1 - keep
    h, c = rng.normal(size=(2, batch, hidden))

    def loss():
        return np.sum(numpy_lstm(rnn, x.swapaxes(0, 1), h, c)[0].swapaxes(0, 1) * w)

    if keras.backend.backend() != "tensorflow":
        pytest.skip("takes gradients with TensorFlow's tape")
    import tensorflow

    x32, keep32, h32, c32, w32 = (array.astype(np.float32) for array in (x, keep, h, c, w))
    with tensorflow.GradientTape() as tape:
        hs, _ = lstm_sequence(x32, keep32, h32, c32, rnn.kernel, rnn.bias, dtype)
        total = keras.ops.sum(hs * w32)
    gradients = tape.gradient(total, rnn.trainable_variables[:2])
    for variable, gradient in zip(rnn.trainable_variables, gradients, strict=False):
        values = variable.numpy()
        for place in zip(*(rng.integers(0, n, 20) for n in values.shape), strict=True):
            ends = []
            for shift in (0.01, -0.01):
                moved = values.copy()
                moved[place] += shift
                variable.assign(moved)
                ends.append(loss())
            variable.assign(values)
            assert float(gradient[place]) == pytest.approx((ends[0] - ends[1]) / 0.02, abs=tolerance, rel=tolerance)


def test_bfloat16_stays_close_to_float32():
    exact = random_rnn(z_size=8, hidden=32)
    rough = MDNRNN(z_size=8, hidden=32, dtype="mixed_bfloat16")
    for a, b in zip(rough.trainable_variables, exact.trainable_variables, strict=True):
        a.assign(b)
    x = inputs(exact, 4, 20)
    hs, hs_rough = (rnn.sequence(x)[0] for rnn in (exact, rough))
    assert hs_rough.dtype == "float32"
    assert 0 < np.abs(hs - hs_rough).max() < 0.05


def test_head_reads_blocks_of_logits_means_and_log_stds_for_each_z(rnn):
    """2018: Z blocks of K logits, K means, K log stds; the end logit before them all."""
    kernel, bias = (variable.numpy().astype(np.float64) for variable in rnn.trainable_variables[2:])
    h = np.random.default_rng(3).normal(size=(5, rnn.hidden)).astype(np.float32)
    out = h @ kernel + bias
    mixture, end_logit = rnn.head(h)
    if rnn.done:
        np.testing.assert_allclose(end_logit, out[:, 0], atol=1e-5)
        out = out[:, 1:]
    else:
        assert end_logit is None
    for z in range(3):
        logits, mean, logstd = np.split(out[:, z * 12 : (z + 1) * 12], 3, axis=1)
        np.testing.assert_allclose(mixture.mean[:, :, z], mean, atol=1e-5)
        np.testing.assert_allclose(mixture.logstd[:, :, z], logstd, atol=1e-5)
        shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        np.testing.assert_allclose(np.exp(mixture.logmix[:, :, z]), shares, atol=1e-5)


def test_head_weights_taken_before_a_loop_give_the_same(rnn):
    h = np.random.default_rng(3).normal(size=(2, 3, rnn.hidden)).astype(np.float32)
    for a, b in zip(rnn.head(h)[0], rnn.head(h, rnn.head_weights())[0], strict=True):
        assert a.shape == (2, 3, 4, 3)
        np.testing.assert_array_equal(a, b)


def test_nll_equals_the_density_computed_by_hand():
    shares, means, stds = [0.2, 0.5, 0.3], [-1.0, 0.5, 2.0], [0.5, 1.0, 0.1]
    mixture = Mixture(*(np.array(values, np.float32)[:, None] for values in (np.log(shares), means, np.log(stds))))
    for z in (-2.0, 0.0, 0.7, 2.05):
        parts = zip(shares, means, stds, strict=True)
        density = sum(p / (s * math.sqrt(2 * math.pi)) * math.exp(-((z - m) ** 2) / (2 * s * s)) for p, m, s in parts)
        assert float(mdn_nll(mixture, np.array([z], np.float32))[0]) == pytest.approx(-math.log(density), rel=1e-5)


def test_nll_is_finite_where_every_density_underflows():
    mixture = Mixture(*(np.zeros((5, 1), np.float32) for _ in range(3)))
    assert float(mdn_nll(mixture, np.array([1000.0], np.float32))[0]) == pytest.approx(500_000, rel=1e-4)


def test_end_loss_weighs_ends_ten_times():
    logits, ends = np.array([2.0, -1.0, 0.5], np.float32), np.array([1.0, 1.0, 0.0], np.float32)
    p = [1 / (1 + math.exp(-x)) for x in logits]
    by_hand = -(10 * math.log(p[0]) + 10 * math.log(p[1]) + math.log(1 - p[2])) / 3
    assert float(end_loss(logits, ends)) == pytest.approx(by_hand, rel=1e-5)


def test_training_loss_is_the_mean_over_steps_and_dimensions(rnn):
    rng = np.random.default_rng(4)
    x, z = inputs(rnn, 4, 6), rng.normal(size=(4, 6, 3)).astype(np.float32)
    end = (rng.random((4, 6)) < 0.2).astype(np.float32)
    rnn.compile()
    measured = rnn.test_on_batch({"x": x, "z_next": z, "end": end}, return_dict=True)
    mixture, end_logit = rnn.head(rnn.sequence(x)[0])
    z_loss = float(np.mean(mdn_nll(mixture, z)))
    if rnn.done:
        assert measured["z"] == pytest.approx(z_loss, rel=1e-5)
        z_loss += float(end_loss(end_logit, end))
    assert measured["loss"] == pytest.approx(z_loss, rel=1e-5)


def test_near_temperature_0_the_most_likely_component_is_drawn_and_its_mean():
    shares, means = np.array([[0.2], [0.5], [0.3]], np.float32), np.array([[-20.0], [7.0], [20.0]], np.float32)
    mixture = Mixture(np.log(shares), means, np.zeros((3, 1), np.float32))
    for uniform in (0.0, 0.5, 0.999):
        z = sample_z(mixture, 1e-6, np.array([uniform], np.float32), np.ones(1, np.float32))
        assert float(z[0]) == pytest.approx(7, abs=0.01)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.3])
def test_samples_have_the_shares_means_and_variances_of_the_temperature(temperature):
    shares, means, stds = np.array([0.2, 0.5, 0.3]), np.array([-20.0, 0.0, 20.0]), np.array([0.5, 1.0, 0.1])
    arrays = (np.log(shares), means, np.log(stds))
    count = 200_000
    mixture = Mixture(*(np.broadcast_to(a.astype(np.float32)[:, None], (count, 3, 2)) for a in arrays))
    rng = np.random.default_rng(5)
    uniform, normal = rng.random((count, 2), np.float32), rng.standard_normal((count, 2), np.float32)
    z = np.array(sample_z(mixture, temperature, uniform, normal))
    assert z.shape == (count, 2)
    expected = shares ** (1 / temperature) / (shares ** (1 / temperature)).sum()
    for column in z.T:
        for share, mean, std in zip(expected, means, stds, strict=True):
            mine = column[np.abs(column - mean) < 10]  # the components lie 20 apart
            assert len(mine) / count == pytest.approx(share, abs=4 * math.sqrt(0.25 / count))
            assert mine.mean() == pytest.approx(mean, abs=4 * std * math.sqrt(temperature / len(mine)))
            assert mine.var() == pytest.approx(std**2 * temperature, rel=4 * math.sqrt(2 / len(mine)))
    assert abs(np.corrcoef(z.T)[0, 1]) < 4 / math.sqrt(count)


def test_a_uniform_number_of_almost_one_chooses_the_last_component():
    mixture = Mixture(
        np.full((5, 1), math.log(0.2), np.float32), np.arange(5, dtype=np.float32)[:, None], np.zeros((5, 1))
    )
    mixture = Mixture(*(np.asarray(a, np.float32) for a in mixture))
    for uniform, mean in ((0.0, 0.0), (0.19, 0.0), (0.21, 1.0), (np.nextafter(np.float32(1), np.float32(0)), 4.0)):
        assert float(sample_z(mixture, 1.0, np.array([uniform], np.float32), np.zeros(1, np.float32))[0]) == mean


def test_a_carried_state_makes_two_batches_one_sequence():
    """Where the restart flag is 1 it is forgotten, and measuring on other data neither uses nor changes it."""
    rnn = random_rnn(z_size=3, action_size=2, hidden=6, done=True)
    x = inputs(rnn, 4, 10)
    x[:, 5, -1] = [0, 1, 0, 1]  # the first step of the second batch
    whole, _ = rnn.sequence(x)
    rnn.carry_state(batch_size=4)
    rnn({"x": x[:, :5]}, training=True)
    other = inputs(rnn, 4, 5, seed=9)
    measured, _ = rnn({"x": other}, training=False)
    np.testing.assert_allclose(measured.mean, rnn.head(rnn.sequence(other)[0])[0].mean, atol=1e-6)
    mixture, _ = rnn({"x": x[:, 5:]}, training=True)
    np.testing.assert_allclose(mixture.mean, rnn.head(whole)[0].mean[:, 5:], atol=1e-6)


def test_a_carried_state_is_no_weight_of_the_file(tmp_path):
    rnn = random_rnn(z_size=3, action_size=2, hidden=6, done=True)
    rnn.carry_state(batch_size=4)
    save_weights(rnn, tmp_path / "rnn.weights.h5")
    other = MDNRNN(3, 2, 6, done=True)
    load_weights(other, tmp_path / "rnn.weights.h5", "M")
    np.testing.assert_array_equal(other.kernel, rnn.kernel)


def test_training_learns_a_sequence_that_can_be_predicted():
    """z is a sine, and its next value is certain; the noise of 0.1 puts a floor under the loss."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    rnn = MDNRNN(z_size=1, action_size=1, hidden=16, mixtures=2)
    rnn.compile(keras.optimizers.Adam(0.02, clipvalue=1.0))
    for _ in range(150):
        phase = rng.uniform(0, 2 * np.pi, (32, 1)) + np.arange(21) * 0.5
        z = (np.sin(phase) + 0.1 * rng.standard_normal(phase.shape)).astype(np.float32)[..., None]
        batch = {"x": np.concatenate([z[:, :-1], 0 * z[:, :-1]], -1), "z_next": z[:, 1:]}
        loss = rnn.train_on_batch(batch, return_dict=True)["loss"]
    floor = 0.5 * math.log(2 * math.pi * math.e * 0.1**2)  # -0.88
    assert floor < loss < floor + 0.45  # a constant guess: 1.1
