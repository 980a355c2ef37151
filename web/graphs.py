"""V's decoder, M and C as ONNX graphs of one dream, written out op by op from the shipped weights.

Each does what its Keras model does (worldmodels/vae.py, rnn.py, dream.py, controller.py); tests/test_web_graphs.py
compares. V's and M's matrices are stored in half precision. Everything is computed in float32.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from worldmodels.scripts.cli import UserError

OPSET, IR_VERSION = 17, 8  # old enough for every onnxruntime of the last years


class Graph:
    """An ONNX graph that grows by one op a call. Tensors are known by their names."""

    def __init__(self, **inputs):
        """inputs: the shape of each, all float32."""
        self.inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, s) for name, s in inputs.items()]
        self.nodes, self.constants = [], []

    def __call__(self, op, *inputs, name=None, outputs=1, **attributes):
        """Add an op on tensors or arrays. Returns its output, called `name` if given, or a list of several."""
        inputs = [tensor if isinstance(tensor, str) else self.constant(tensor) for tensor in inputs]
        names = [name or f"{len(self.nodes)}.{number}" for number in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, array):
        """An array of the graph: of whole numbers as it is, float16 stored so and cast, anything else as float32."""
        stored = f"constant.{len(self.constants)}"
        array = array if array.dtype in (np.int64, np.float16) else np.float32(array)
        self.constants.append(numpy_helper.from_array(array, stored))
        return self("Cast", stored, to=TensorProto.FLOAT) if array.dtype == np.float16 else stored

    def model(self, dtype=TensorProto.FLOAT, **outputs):
        """The finished onnx.ModelProto. outputs: the shape of each, by its name; dtype: of them all."""
        infos = [helper.make_tensor_value_info(name, dtype, shape) for name, shape in outputs.items()]
        graph = helper.make_graph(self.nodes, "graph", self.inputs, infos, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        onnx.checker.check_model(model, full_check=True)
        return model


def decoder(vae):
    """z (1, Z) -> rgba (64, 64, 4) uint8, what a canvas takes. The numbers are those of worldmodels.dream.decode.

    The first two layers have nothing but a sum between them. They are one matrix here: on the car it is
    31 times smaller, in Doom 16 times.
    """
    dense, dense_bias, kernel1, bias1, *others = (variable.numpy() for variable in vae.decoder.trainable_variables)
    size, _, channels, _ = kernel1.shape  # (5, 5, 128, 1024)
    flat = np.float64(kernel1).reshape(-1, kernel1.shape[-1]).T  # (1024, 5 * 5 * 128)
    both = np.concatenate([dense @ flat, [dense_bias @ flat + np.tile(bias1, size * size)]])  # (Z + 1, 5 * 5 * 128)
    both = both.reshape(-1, size, size, channels).transpose(0, 3, 1, 2).reshape(len(both), -1)  # channels first
    graph = Graph(z=[1, vae.z_size])
    x = graph("Relu", graph("Add", graph("MatMul", "z", np.float16(both[:-1])), both[-1]))
    x = graph("Reshape", x, np.array([1, channels, size, size]))
    for number, (kernel, bias) in enumerate(zip(others[::2], others[1::2], strict=True), 1):
        x = graph("ConvTranspose", x, np.float16(kernel.transpose(3, 2, 0, 1)), bias, strides=[2, 2])
        x = graph("Relu" if number < len(others) // 2 else "Sigmoid", x)
    x = graph("Mul", x, np.float32([255]))
    opaque = graph("Expand", np.float32([255]), np.array([1, 1, 64, 64]))
    x = graph("Transpose", graph("Concat", x, opaque, axis=1), perm=[0, 2, 3, 1])
    x = graph("Reshape", graph("Round", x), np.array([64, 64, 4]))
    graph("Cast", x, to=TensorProto.UINT8, name="rgba")
    return graph.model(TensorProto.UINT8, rgba=[64, 64, 4])


def dream(rnn):
    """One step of worldmodels.dream.DreamSteps: M advances, and the next z is drawn from its mixture.

    Inputs: z, uniform, normal (1, Z); action (1, A); h, c (1, H); restart (1, 1); temperature (1,). Outputs: z_next,
    h_next, c_next, and end_logit (1, 1), which is -1 for an M without one: its dreams do not end.
    """
    sizes = {"z": rnn.z_size, "action": rnn.action_size, "h": rnn.hidden, "c": rnn.hidden, "restart": 1}
    sizes |= {"uniform": rnn.z_size, "normal": rnn.z_size}
    graph = Graph(**{name: [1, size] for name, size in sizes.items()}, temperature=[1])
    kernel, bias = rnn.kernel.numpy(), rnn.bias.numpy() + np.repeat(np.float32([0, 0, 1, 0]), rnn.hidden)
    inputs = ["z", "action", *(["restart"] if rnn.done else []), "h"]  # a restart finds h and c at zero already
    gates = graph("Add", graph("MatMul", graph("Concat", *inputs, axis=1), np.float16(kernel)), bias)
    i, j, f, o = graph("Split", gates, outputs=4, axis=1)
    i, f, o = (graph("Sigmoid", gate) for gate in (i, f, o))
    graph("Add", graph("Mul", f, "c"), graph("Mul", i, graph("Tanh", j)), name="c_next")
    graph("Mul", o, graph("Tanh", "c_next"), name="h_next")

    head, head_bias = (np.array(weights) for weights in rnn.head_weights())  # K before Z
    out = graph("Add", graph("MatMul", "h_next", np.float16(head)), head_bias)
    if rnn.done:
        end, out = graph("Split", out, np.array([1, head.shape[1] - 1]), outputs=2, axis=1)
        graph("Identity", end, name="end_logit")
    else:
        graph("Identity", np.float32([[-1]]), name="end_logit")
    out = graph("Reshape", out, np.array([3, rnn.mixtures, rnn.z_size]))
    parts = graph("Split", out, outputs=3, axis=0)  # logits, means, log stds, (1, K, Z) each
    shares = graph("Softmax", graph("Div", parts[0], "temperature"), axis=1)
    shares, means, logstds = (graph("Split", p, outputs=rnn.mixtures, axis=1) for p in (shares, *parts[1:]))
    mean, logstd, passed = means[0], logstds[0], shares[0]  # (1, 1, Z)
    for k in range(1, rnn.mixtures):  # sample_z of worldmodels/rnn.py
        further = graph("GreaterOrEqual", "uniform", passed)
        mean, logstd = graph("Where", further, means[k], mean), graph("Where", further, logstds[k], logstd)
        passed = graph("Add", passed, shares[k])
    noise = graph("Mul", graph("Mul", graph("Exp", logstd), "normal"), graph("Sqrt", "temperature"))
    graph("Reshape", graph("Add", mean, noise), np.array([1, rnn.z_size]), name="z_next")
    sizes = {"z": rnn.z_size, "h": rnn.hidden, "c": rnn.hidden}
    return graph.model(**{f"{name}_next": [1, size] for name, size in sizes.items()}, end_logit=[1, 1])


def controller(shape, params, to_action):
    """C of one agent: z (1, Z), h and c (1, H) -> action (1, A). shape: a Controller; params: (P,).

    to_action: the task's. It has to take each output on its own, in a straight line from -1 to 0 and from 0 to 1, as
    all tasks here do; UserError if it does not.
    """
    graph = Graph(z=[1, shape.z_size], h=[1, shape.hidden_size], c=[1, shape.hidden_size])
    x = graph("Concat", *shape.inputs("z", "h", "c"), axis=1)
    start = 0
    for inputs, outputs in shape.layers:
        bias = np.zeros(outputs, np.float32)
        if shape.bias:
            bias = params[start : start + outputs]
            start += outputs
        matrix = params[start : start + inputs * outputs].reshape(inputs, outputs)
        start += inputs * outputs
        x = graph("Tanh", graph("Add", graph("MatMul", x, matrix), bias))
    low, middle, high = _knots(to_action, outputs)
    above = graph("Mul", graph("Relu", x), high - middle)
    below = graph("Mul", graph("Relu", graph("Neg", x)), low - middle)
    graph("Add", graph("Add", above, below), middle, name="action")
    return graph.model(action=[1, outputs])


def _knots(to_action, size):
    """to_action's values where every output is -1, 0 and 1: three arrays (A,) float32."""
    low, middle, high = (np.float32(to_action(np.full((1, size), value, np.float32)))[0] for value in (-1, 0, 1))
    outputs = np.random.default_rng(0).uniform(-1, 1, (1000, size)).astype(np.float32)
    straight = middle + outputs.clip(0) * (high - middle) + (-outputs).clip(0) * (low - middle)
    if not np.allclose(np.asarray(to_action(outputs)), straight, atol=1e-6):
        raise UserError("this task's to_action does not go straight from -1 to 0 and to 1: write it into web/graphs.py")
    return low, middle, high
