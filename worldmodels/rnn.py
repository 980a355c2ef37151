"""M: an LSTM with a mixture density head that predicts the next z (paper, section 2.2 and A.2).

Each dimension of z has a mixture of K Gaussians of its own, with no correlation between dimensions.
Where a task asks for it (`done=True`), one more input says "an episode starts here" (the restart flag: it zeroes the
state), and one more output is the logit of "the episode ends with the next frame".
"""

import math
from typing import Any, NamedTuple

from worldmodels.computing.backend import keras, ops
from worldmodels.lstm import lstm_sequence, lstm_step, matmul

END_WEIGHT = 10.0  # of the rare frames that end an episode, in the loss of the end logit (2018 code)


class Mixture(NamedTuple):
    """K Gaussians for each dimension of the next z. Arrays (..., K, Z) float32; exp(logmix) adds up to 1 over K."""

    logmix: Any
    mean: Any
    logstd: Any


class MDNRNN(keras.Model):
    """The LSTM and its head. A row of input is [z, action], or [z, action, restart] with done=True.

    Weights, in this order and in the layout of the 2018 files:
    kernel (I + H, 4H): the input's rows, then h's; gates i, j, f, o (input, candidate, forget, output) side by side;
    bias (4H,): +1 is added to the forget gate when it runs, not here;
    output_kernel (H, [1 +] Z * 3 * K): the end logit, then for each z dimension K logits, K means and K log stds;
    output_bias.
    dtype="mixed_bfloat16" multiplies matrices in bfloat16; weights, states, mixture and loss stay in float32.
    """

    def __init__(self, z_size=32, action_size=3, hidden=256, mixtures=5, done=False, dtype=None):
        super().__init__(name="rnn", dtype=dtype, autocast=False)
        self.z_size, self.action_size, self.hidden = z_size, action_size, hidden
        self.mixtures, self.done = mixtures, done
        self.input_size = z_size + action_size + int(done)
        output_size = int(done) + z_size * 3 * mixtures
        self.kernel = self._weight("kernel", (self.input_size + hidden, 4 * hidden), "glorot_uniform")
        self.bias = self._weight("bias", (4 * hidden,), "zeros")
        self.output_kernel = self._weight("output_kernel", (hidden, output_size), "glorot_uniform")
        self.output_bias = self._weight("output_bias", (output_size,), "zeros")
        self.losses_of = [keras.metrics.Mean(name=name) for name in ("z", "end") if done]  # parts of the loss
        self.carried = None
        self.supports_jit = keras.backend.backend() != "tensorflow"  # XLA makes TensorFlow's loops slower on CPUs
        self.built = True

    def _weight(self, name, shape, initializer):
        return self.add_weight(name=name, shape=shape, initializer=initializer, autocast=False)

    def zero_state(self, batch_size):
        """(h, c) at the start of an episode: zeros, (B, H) float32 each."""
        return ops.zeros((batch_size, self.hidden), "float32"), ops.zeros((batch_size, self.hidden), "float32")

    def step_weights(self):
        """Kernel, in the dtype of the products, and bias, as `step` computes with them."""
        return ops.cast(self.kernel, self.compute_dtype), ops.convert_to_tensor(self.bias)

    def step(self, x, state, weights=None):
        """Advance by one frame. x: (B, I) float32; state: (h, c), each (B, H) float32. Returns the new (h, c).

        weights: of `step_weights`; a loop that changes no weights takes them once, before it starts.
        """
        h, c = state
        if self.done:
            keep = 1.0 - x[:, -1:]
            h, c = h * keep, c * keep
        return lstm_step(x, h, c, *(weights or self.step_weights()), self.compute_dtype)[:2]

    def sequence(self, x, state=None):
        """Advance by T frames. x: (B, T, I) float32; state: (h, c), or None for zeros.

        Returns hs (B, T, H) and the last (h, c). The same as T calls of `step`, and made for training: gradients flow
        from hs to the weights alone, so back-propagation through time ends at a state carried over from another batch.
        """
        batch, steps = ops.shape(x)[:2]
        state = self.zero_state(batch) if state is None else state
        x = ops.swapaxes(x, 0, 1)  # (T, B, I)
        keep = 1.0 - x[..., -1:] if self.done else ops.ones((steps, batch, 1))
        hs, c = lstm_sequence(x, keep, *state, self.kernel, self.bias, self.compute_dtype)  # (T, B, H), (B, H)
        return ops.swapaxes(hs, 0, 1), (hs[-1], c)

    def head_weights(self):
        """Output kernel (H, [1 +] 3 * K * Z), in the dtype of the products, and bias, with their columns as `head`
        computes: K before Z, for speed.
        """
        kernel = ops.cast(self._k_before_z(self.output_kernel), self.compute_dtype)
        return kernel, self._k_before_z(self.output_bias[None])[0]

    def _k_before_z(self, columns):
        ends = int(self.done)
        blocks = ops.reshape(columns[:, ends:], (-1, self.z_size, 3, self.mixtures))
        blocks = ops.reshape(ops.transpose(blocks, (0, 2, 3, 1)), (columns.shape[0], -1))
        return ops.concatenate([columns[:, :ends], blocks], axis=-1)

    def head(self, h, weights=None):
        """h: (..., H) -> the Mixture over the next z, and the end logit (...,), None without done=True.

        weights: of `head_weights`, taken once as those of `step`.
        """
        kernel, bias = weights or self.head_weights()
        out = matmul(h, kernel, self.compute_dtype) + bias  # (..., [1 +] 3 * K * Z)
        end_logit, out = (out[..., 0], out[..., 1:]) if self.done else (None, out)
        out = ops.reshape(out, (*ops.shape(h)[:-1], 3 * self.mixtures, self.z_size))
        logits, mean, logstd = ops.split(out, 3, axis=-2)  # (..., K, Z)
        return Mixture(logits - ops.logsumexp(logits, axis=-2, keepdims=True), mean, logstd), end_logit

    def carry_state(self, batch_size):
        """From now on every training batch begins in the state in which the one before it ended (2018 code, Doom)."""
        self.carried = [
            self.add_weight(
                name=name, shape=(batch_size, self.hidden), initializer="zeros", trainable=False, autocast=False
            )
            for name in ("carried_h", "carried_c")
        ]

    def call(self, batch, training=False):
        """batch: a dict of x (B, T, I), z_next (B, T, Z) and, with done=True, end (B, T). Returns what `head` does."""
        carry = training and self.carried
        hs, state = self.sequence(batch["x"], [ops.cast(s, "float32") for s in self.carried] if carry else None)
        if carry:
            for variable, value in zip(self.carried, state, strict=True):
                variable.assign(value)
        return self.head(hs)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The mean nats a dimension of z, plus the end logit's loss if there is one."""
        mixture, end_logit = y_pred
        losses = [ops.mean(mdn_nll(mixture, x["z_next"]))]
        if self.done:
            losses.append(end_loss(end_logit, x["end"]))
            for metric, value in zip(self.losses_of, losses, strict=True):
                metric.update_state(value)
        return sum(losses)


def mdn_nll(mixture, z):
    """The negative log-likelihood in nats of z (..., Z) under a mixture, for each dimension: (..., Z)."""
    distance = (ops.expand_dims(z, -2) - mixture.mean) * ops.exp(-mixture.logstd)  # (..., K, Z), in standard deviations
    log_density = -0.5 * distance * distance - mixture.logstd - 0.5 * math.log(2 * math.pi)
    return -ops.logsumexp(mixture.logmix + log_density, axis=-2)


def end_loss(end_logit, end):
    """Mean cross-entropy of end logits (...,). end (...,): 1 where the episode ends, which weighs more, and 0 else."""
    # -log sigmoid(x) = softplus(-x) and -log(1 - sigmoid(x)) = softplus(x)
    return ops.mean(END_WEIGHT * end * ops.softplus(-end_logit) + (1.0 - end) * ops.softplus(end_logit))


def sample_z(mixture, temperature, uniform, normal):
    """Draw z (..., Z) from a mixture at a temperature (2018 code): logits / temperature, noise * sqrt(temperature).

    uniform in [0, 1) chooses the component, standard normal the place in it; both are (..., Z) float32.
    """
    logmix = mixture.logmix - ops.max(mixture.logmix, axis=-2, keepdims=True)
    shares = ops.exp(logmix / temperature)  # (..., K, Z); not divided by their sum: softmax is slow over K
    place = uniform * ops.sum(shares, axis=-2)
    mean, logstd, passed = mixture.mean[..., 0, :], mixture.logstd[..., 0, :], shares[..., 0, :]
    for k in range(1, mixture.mean.shape[-2]):
        further = place >= passed
        mean = ops.where(further, mixture.mean[..., k, :], mean)
        logstd = ops.where(further, mixture.logstd[..., k, :], logstd)
        passed = passed + shares[..., k, :]
    return mean + ops.exp(logstd) * normal * temperature**0.5
