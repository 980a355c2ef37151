"""V: the convolutional variational autoencoder that compresses a 64x64 frame into a small vector z (paper, A.1)."""

import numpy as np

from worldmodels.computing.backend import keras, layers, ops

FREE_BITS = 0.5  # nats of KL divergence for each z dimension that cost nothing (2018 code: kl_tolerance)


class VAE(keras.Model):
    """Encoder and decoder of the paper; `trainable_variables` are in the order of the 2018 weight files.

    encoder: uint8 (B, 64, 64, 3) -> mu, logvar, each (B, Z) float32.
    decoder: z (B, Z) -> float32 (B, 64, 64, 3) in [0, 1].
    dtype: None (float32) or "mixed_bfloat16": convolutions run in bfloat16, about twice as fast on a CPU or GPU that
    has it, while weights, mu, logvar, the decoder's output and the losses stay in float32.
    free_bits: nats of KL divergence for each dimension of z that cost nothing in training.
    """

    def __init__(self, z_size=32, dtype=None):
        super().__init__(name="vae", dtype="float32")
        self.z_size, self.free_bits = z_size, FREE_BITS
        self.encoder = _encoder(z_size, dtype)
        self.decoder = _decoder(z_size, dtype)
        self.losses_of = [keras.metrics.Mean(name=name) for name in ("reconstruction", "kl")]
        self.built = True
        for model in (self, self.encoder, self.decoder):  # on CPUs, XLA makes TensorFlow's convolutions 3 times slower
            model.supports_jit = keras.backend.backend() != "tensorflow"

    def call(self, inputs):
        """inputs: images (B, 64, 64, 3) uint8 and noise (B, Z) from N(0, 1). Returns reconstruction, mu, logvar."""
        images, noise = inputs
        mu, logvar = self.encoder(images)
        return self.decoder(sample(mu, logvar, noise)), mu, logvar

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        images = ops.cast(x[0], "float32") / 255.0
        total, *parts = vae_loss(images, *y_pred, self.free_bits * self.z_size)
        for metric, value in zip(self.losses_of, parts, strict=True):
            metric.update_state(value)
        return total

    def noise(self, rng, batch):
        """The standard normal noise that `call` wants beside a batch of images: (B, Z) float32."""
        return rng.standard_normal((batch, self.z_size), dtype=np.float32)


def sample(mu, logvar, noise):
    """z ~ N(mu, sigma^2), given noise ~ N(0, 1). All (B, Z)."""
    return mu + ops.exp(logvar / 2.0) * noise


def vae_loss(images, reconstruction, mu, logvar, free_nats):
    """Means over the batch of: total loss, reconstruction error, KL divergence (total is the sum of the two).

    images, reconstruction: (B, 64, 64, 3) in [0, 1], compared by the sum of squared errors of an image. The KL of an
    image to N(0, 1) counts as at least `free_nats` (2018 code: 16 for z = 32).
    """
    error = ops.sum(ops.square(images - reconstruction), axis=(1, 2, 3))  # (B,)
    kl = -0.5 * ops.sum(1.0 + logvar - ops.square(mu) - ops.exp(logvar), axis=1)  # (B,)
    kl = ops.maximum(kl, free_nats)
    error, kl = ops.mean(error), ops.mean(kl)
    return error + kl, error, kl


def _encoder(z_size, dtype):
    images = x = keras.Input((64, 64, 3), dtype="uint8", name="images")
    x = layers.Rescaling(1 / 255, dtype=dtype)(x)
    for number, channels in enumerate((32, 64, 128, 256), 1):  # 31, 14, 6, 2 pixels a side
        x = layers.Conv2D(channels, 4, strides=2, activation="relu", dtype=dtype, name=f"conv{number}")(x)
    x = layers.Flatten(dtype="float32")(x)  # (B, 1024)
    mu = layers.Dense(z_size, dtype="float32", name="mu")(x)
    logvar = layers.Dense(z_size, dtype="float32", name="logvar")(x)
    return keras.Model(images, [mu, logvar], name="encoder")


def _decoder(z_size, dtype):
    z = x = keras.Input((z_size,), name="z")
    x = layers.Dense(1024, dtype=dtype, name="dense")(x)
    x = FirstDeconv(128, 5, dtype=dtype, name="deconv1")(x)  # (B, 5, 5, 128)
    x = layers.Conv2DTranspose(64, 5, strides=2, activation="relu", dtype=dtype, name="deconv2")(x)  # 13 pixels a side
    x = layers.Conv2DTranspose(32, 6, strides=2, activation="relu", dtype=dtype, name="deconv3")(x)  # 30
    x = layers.Conv2DTranspose(3, 6, strides=2, dtype=dtype, name="deconv4")(x)  # 64
    x = layers.Activation("sigmoid", dtype="float32")(x)
    return keras.Model(z, x, name="decoder")


class FirstDeconv(layers.Layer):
    """A transposed convolution of a 1x1 image, relu: (B, C) -> (B, size, size, channels).

    With one input pixel it is a matrix product, and as such saves a quarter of a training step. The kernel keeps the
    layout of Conv2DTranspose, (height, width, out, in), and so of the published weights.
    """

    def __init__(self, channels, size, **kwargs):
        super().__init__(**kwargs)
        self.channels, self.size = channels, size

    def build(self, input_shape):
        shape = (self.size, self.size, self.channels, input_shape[-1])
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer="glorot_uniform")
        self.bias = self.add_weight(name="bias", shape=(self.channels,), initializer="zeros")

    def call(self, x):
        kernel = ops.reshape(self.kernel, (-1, x.shape[-1]))  # (size * size * channels, C)
        x = ops.einsum("bi,oi->bo", x, kernel)
        return ops.relu(ops.reshape(x, (-1, self.size, self.size, self.channels)) + self.bias)
