"""V: its graph and losses against plain numpy, and its weight files."""

import os
import resource

os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

import h5py
import keras
import numpy as np
import pytest

from worldmodels.files.weights import all_finite, fingerprint, load_weights, save_weights
from worldmodels.scripts.cli import UserError
from worldmodels.vae import VAE, FirstDeconv, sample, vae_loss


@pytest.fixture(scope="module")
def vae():
    vae = VAE(32)
    rng = np.random.default_rng(0)
    for variable in vae.trainable_variables:  # biases too: Keras starts them at 0, which would hide a missing one
        variable.assign(rng.normal(0, 0.05, variable.shape))
    return vae


@pytest.fixture
def images():
    return np.random.default_rng(1).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)


def conv(x, kernel, bias):
    """A convolution of stride 2 without padding, written from its definition. kernel: (height, width, in, out)."""
    size = (x.shape[1] - len(kernel)) // 2 + 1
    out = np.zeros((len(x), size, size, kernel.shape[3])) + bias
    for i, j in np.ndindex(kernel.shape[:2]):
        out += x[:, i : i + 2 * size - 1 : 2, j : j + 2 * size - 1 : 2] @ kernel[i, j]
    return out


def deconv(x, kernel, bias):
    """A transposed convolution of stride 2 without padding. kernel: (height, width, out, in)."""
    size = (x.shape[1] - 1) * 2 + len(kernel)
    out = np.zeros((len(x), size, size, kernel.shape[2])) + bias
    for i, j in np.ndindex(kernel.shape[:2]):
        out[:, i : i + 2 * x.shape[1] - 1 : 2, j : j + 2 * x.shape[1] - 1 : 2] += x @ kernel[i, j].T
    return out


def test_v_has_the_published_arrays_in_the_published_order(vae):
    shapes = [tuple(variable.shape) for variable in vae.trainable_variables]
    kernels = [(4, 4, 3, 32), (4, 4, 32, 64), (4, 4, 64, 128), (4, 4, 128, 256), (1024, 32), (1024, 32)]
    kernels += [(32, 1024), (5, 5, 128, 1024), (5, 5, 64, 128), (6, 6, 32, 64), (6, 6, 3, 32)]
    biases = [32, 64, 128, 256, 32, 32, 1024, 128, 64, 32, 3]
    assert shapes == [shape for pair in zip(kernels, [(n,) for n in biases], strict=True) for shape in pair]
    assert vae.count_params() == 4_348_547


def test_encoder_and_decoder_equal_the_2018_graph_written_in_numpy(vae, images):
    arrays = iter([variable.numpy().astype(np.float64) for variable in vae.trainable_variables])
    x = images / 255.0
    for _ in range(4):
        x = np.maximum(conv(x, next(arrays), next(arrays)), 0)
    x = x.reshape(len(x), 1024)
    mu, logvar = x @ next(arrays) + next(arrays), x @ next(arrays) + next(arrays)
    x = (mu @ next(arrays) + next(arrays)).reshape(-1, 1, 1, 1024)
    for _ in range(3):
        x = np.maximum(deconv(x, next(arrays), next(arrays)), 0)
    x = 1 / (1 + np.exp(-deconv(x, next(arrays), next(arrays))))

    our_mu, our_logvar = vae.encoder.predict_on_batch(images)
    np.testing.assert_allclose(our_mu, mu, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(our_logvar, logvar, rtol=1e-4, atol=1e-5)
    ours = vae.decoder.predict_on_batch(our_mu)
    assert ours.dtype == np.float32 and ours.shape == (3, 64, 64, 3)
    np.testing.assert_allclose(ours, x, atol=1e-5)


def test_first_deconv_is_keras_conv2d_transpose_of_one_pixel():
    x = np.random.default_rng(0).normal(size=(2, 16)).astype(np.float32)
    keras_layer = keras.layers.Conv2DTranspose(8, 5, strides=2, activation="relu", bias_initializer="normal")
    expected = keras_layer(x.reshape(2, 1, 1, 16))
    ours = FirstDeconv(8, 5)
    ours.build(x.shape)
    ours.set_weights(keras_layer.get_weights())
    np.testing.assert_allclose(ours(x), expected, atol=1e-6)


def test_loss_is_squared_error_plus_kl_by_hand():
    rng = np.random.default_rng(0)
    images, seen = rng.random((2, 64, 64, 3), np.float32), rng.random((2, 64, 64, 3), np.float32)
    mu, logvar = rng.normal(0, 2, (2, 4)).astype(np.float32), rng.normal(0, 2, (2, 4)).astype(np.float32)
    kl = [
        sum((m * m + np.exp(v) - v - 1) / 2 for m, v in zip(*row, strict=True)) for row in zip(mu, logvar, strict=True)
    ]
    assert min(kl) > 2  # above the floor
    error = np.mean([((a - b) ** 2).sum() for a, b in zip(images, seen, strict=True)])
    np.testing.assert_allclose(
        vae_loss(images, seen, mu, logvar, 2), [error + np.mean(kl), error, np.mean(kl)], rtol=1e-5
    )


def test_kl_costs_its_floor_image_by_image():
    images = np.zeros((2, 64, 64, 3), np.float32)
    mu = np.array([[0, 0, 0, 0], [3, 3, 3, 3]], np.float32)  # 0 and 18 nats
    total, error, kl = vae_loss(images, images, mu, np.zeros_like(mu), 2)
    assert (float(total), float(error), float(kl)) == pytest.approx(((2 + 18) / 2, 0, (2 + 18) / 2))


def test_sample_has_the_given_mean_and_standard_deviation():
    noise = np.random.default_rng(0).standard_normal((20_000, 1)).astype(np.float32)
    z = np.asarray(sample(np.float32(3), np.full_like(noise, 2 * np.log(0.5)), noise))
    assert (z.mean(), z.std()) == pytest.approx((3, 0.5), abs=0.02)


def test_bfloat16_gives_nearly_the_same_with_float32_weights_and_outputs(vae, images):
    fast = VAE(32, dtype="mixed_bfloat16")
    fast.set_weights(vae.get_weights())
    assert {variable.dtype for variable in fast.trainable_variables} == {"float32"}
    mu, _ = vae.encoder.predict_on_batch(images)
    fast_mu, fast_logvar = fast.encoder.predict_on_batch(images)
    assert fast_mu.dtype == fast_logvar.dtype == np.float32
    assert np.abs(fast_mu - mu).max() < 0.02 * np.abs(mu).max() + 0.02
    assert np.abs(fast.decoder.predict_on_batch(mu) - vae.decoder.predict_on_batch(mu)).max() < 0.01


def test_training_lowers_the_loss_that_it_reports(images):
    keras.utils.set_random_seed(0)
    vae = VAE(8)
    vae.compile(keras.optimizers.Adam(1e-3))
    batch = images, vae.noise(np.random.default_rng(0), len(images))
    losses = [vae.train_on_batch(batch, return_dict=True) for _ in range(5)]
    assert losses[0]["loss"] == pytest.approx(losses[0]["reconstruction"] + losses[0]["kl"], rel=1e-5)
    assert losses[-1]["loss"] < losses[0]["loss"]


def test_weights_come_back_from_their_file(vae, tmp_path):
    save_weights(vae, tmp_path / "vae.weights.h5")
    other = VAE(32)
    assert fingerprint(other) != fingerprint(vae)
    load_weights(other, tmp_path / "vae.weights.h5", "V")
    assert fingerprint(other) == fingerprint(vae)


def test_weight_files_hold_no_optimizer_state(vae, tmp_path):
    model = VAE(32)
    model.compile(keras.optimizers.Adam())
    model.optimizer.build(model.trainable_variables)
    save_weights(model, tmp_path / "vae.weights.h5")
    assert (tmp_path / "vae.weights.h5").stat().st_size < 1.01 * 4 * vae.count_params()


def test_weights_that_cannot_be_written_are_one_line_and_leave_the_old_file(tmp_path):
    path, limits = tmp_path / "vae.weights.h5", resource.getrlimit(resource.RLIMIT_FSIZE)
    path.write_bytes(b"old")
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
        with pytest.raises(UserError, match=r"cannot write .*vae\.weights\.h5: File too large$"):
            save_weights(VAE(2), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [file.name for file in tmp_path.iterdir()] == ["vae.weights.h5"] and path.read_bytes() == b"old"


def test_wrong_weight_files_are_one_line_and_leave_the_model_alone(vae, tmp_path):
    before = fingerprint(vae)
    path = tmp_path / "vae.weights.h5"
    with pytest.raises(UserError, match="missing: there is no"):
        load_weights(vae, path, "V")
    save_weights(VAE(64), path)
    with pytest.raises(UserError, match="another task or size"):
        load_weights(vae, path, "V")
    data = path.read_bytes()
    for damaged in (data[: len(data) // 2], data[:100], b"", b"not a weight file"):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match="the file of V's weights is damaged"):
            load_weights(vae, path, "V")
    with h5py.File(path, "w") as file:
        file.create_dataset("00 kernel", (10**5, 10**4), "f4")  # 4 GB, none of which are there
    with pytest.raises(UserError, match="not as long as it says"):
        load_weights(vae, path, "V")
    assert fingerprint(vae) == before


def test_all_finite_sees_a_single_nan(vae):
    assert all_finite(vae)
    model = VAE(2)
    bias = model.trainable_variables[-1]
    bias.assign([0, np.nan, 0])
    assert not all_finite(model)
