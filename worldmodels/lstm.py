"""An LSTM over a whole sequence, with its gradient written out.

Automatic differentiation adds up the weights' gradient step by step. Here one large product at the end does it, which
is faster and needs half the memory.
Gates are in the order i, j, f, o (input, candidate, forget, output), with +1 on the forget gate, as in the 2018 code.
"""

from worldmodels.computing.backend import ops


def matmul(x, weights, dtype):
    """x @ weights multiplied in `dtype`, returned as float32."""
    return ops.cast(ops.matmul(ops.cast(x, dtype), ops.cast(weights, dtype)), "float32")


def _activate(gates):
    """(B, 4H) before the non-linearities -> i, j, f, o, each (B, H)."""
    i, j, f, o = ops.split(gates, 4, axis=-1)
    return ops.sigmoid(i), ops.tanh(j), ops.sigmoid(f + 1.0), ops.sigmoid(o)


def lstm_step(x, h, c, kernel, bias, dtype):
    """One step. x (B, I); h, c (B, H); kernel (I + H, 4H); bias (4H,). Returns h, c, and the gates (B, 4H)."""
    gates = matmul(ops.concatenate([x, h], axis=-1), kernel, dtype) + bias
    i, j, f, o = _activate(gates)
    c = f * c + i * j
    return o * ops.tanh(c), c, gates


def lstm_sequence(x, keep, h, c, kernel, bias, dtype):
    """All steps. x (T, B, I); keep (T, B, 1): the factor on the state before each step, 0 where it is forgotten.

    h, c (B, H); kernel (I + H, 4H); bias (4H,). Returns hs (T, B, H) and the last c (B, H). Gradients flow from hs to
    kernel and bias alone: not to x or keep, and not through the states at either end.
    """

    @ops.custom_gradient
    def run(kernel, bias):
        cast_kernel = ops.cast(kernel, dtype)

        def advance(state, inputs):
            (h, c, _), (x, keep) = state, inputs
            h, c, gates = lstm_step(x, h * keep, c * keep, cast_kernel, bias, dtype)
            state = (h, c, ops.cast(gates, dtype))
            return state, state  # ops.scan wants outputs of the state's shapes, so the gates are in it

        gates = ops.zeros((*h.shape[:-1], kernel.shape[1]), dtype)
        _, (hs, cs, gates) = ops.scan(advance, (h, c, gates), (x, keep))

        def gradient(*upstream):
            dhs, _ = upstream if len(upstream) == 2 else upstream[0]  # TensorFlow: two arguments; JAX: a pair
            return _gradient(dhs, (x, keep, _shift(h, hs) * keep, _shift(c, cs) * keep, cs, gates), cast_kernel, dtype)

        return (hs, cs[-1]), gradient

    # As tensors: a custom gradient takes no variables.
    return run(ops.cast(kernel, "float32"), ops.cast(bias, "float32"))


def _shift(first, states):
    """States before each step, from those after it."""
    return ops.concatenate([ops.convert_to_tensor(first)[None], states[:-1]], axis=0)


def _gradient(dhs, forward, kernel, dtype):
    """The gradients of kernel and bias. dhs (T, B, H): of hs; forward: from `lstm_sequence`, each (T, B, ...)."""
    x, keep, h_before, c_before, cs, gates = forward
    kernel_h = ops.transpose(kernel[x.shape[-1] :])  # (4H, H)

    def retreat(state, inputs):
        """From the gradients (dgates, dc) of step t + 1 to those of step t."""
        (dgates, dc), (dh, keep_next, gates, c_before, c) = state, inputs
        i, j, f, o = _activate(ops.cast(gates, "float32"))
        tanh_c = ops.tanh(c)
        dh = dh + matmul(dgates, kernel_h, dtype) * keep_next
        dc = dc * keep_next + dh * o * (1.0 - tanh_c * tanh_c)
        dgates = (
            dc * j * i * (1.0 - i),
            dc * i * (1.0 - j * j),
            dc * c_before * f * (1.0 - f),
            dh * tanh_c * o * (1.0 - o),
        )
        state = (ops.cast(ops.concatenate(dgates, axis=-1), dtype), dc * f)
        return state, state

    keep_next = ops.concatenate([keep[1:], keep[:1]], axis=0)  # the last one meets zeros only
    zeros = (ops.zeros_like(gates[0]), ops.zeros_like(cs[0]))
    _, (dgates, _) = ops.scan(retreat, zeros, (dhs, keep_next, gates, c_before, cs), reverse=True)
    dgates = ops.reshape(dgates, (-1, dgates.shape[-1]))  # (T * B, 4H)

    def product(rows):
        rows = ops.cast(ops.reshape(rows, (-1, rows.shape[-1])), dtype)
        return ops.cast(ops.matmul(ops.transpose(rows), dgates), "float32")

    x_and_bias = product(ops.concatenate([x, ops.ones_like(x[..., :1])], axis=-1))  # (I + 1, 4H)
    return ops.concatenate([x_and_bias[:-1], product(h_before)], axis=0), x_and_bias[-1]
