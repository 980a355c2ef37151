"""C: one linear layer and a tanh from what V and M know to the action (paper, section 2.3)."""

import itertools

KINDS = ("z", "z_hidden", "z_h", "z_c", "z_c_h")
HIDDEN_UNITS = 40  # of z_hidden (paper, table 1: "V model only with a hidden layer")


class Controller:
    """The shape of C. The parameters are not in it: they come with every call, one vector for each slot.

    kind: what C reads: z; z_h = [z, h]; z_c = [z, c]; z_c_h = [z, c, h]; z_hidden = z, through 40 tanh units.
    num_params, the length of a flat parameter vector: car z 99, z_hidden 1443, z_h 867; Doom z_c_h without bias 1088.
    Its layout, as in 2018: for each layer the biases (none if bias=False), then its (inputs, outputs) matrix row by
    row; z_hidden has two layers, the hidden one first.
    """

    def __init__(self, kind, z_size, hidden_size, action_size, bias=True):
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is no kind of controller: choose one of {', '.join(KINDS)}")
        self.kind, self.z_size, self.hidden_size, self.action_size, self.bias = (
            kind,
            z_size,
            hidden_size,
            action_size,
            bias,
        )
        inputs = z_size + hidden_size * {"z": 0, "z_hidden": 0, "z_h": 1, "z_c": 1, "z_c_h": 2}[kind]
        sizes = [inputs, HIDDEN_UNITS, action_size] if kind == "z_hidden" else [inputs, action_size]
        self.layers = list(itertools.pairwise(sizes))
        self.num_params = sum((inputs + bias) * outputs for inputs, outputs in self.layers)

    def raw_actions(self, params, z, h=None, c=None):
        """params: (B, P), one vector for each slot; z: (B, Z); h, c: (B, H), M's state, where the kind reads them.

        Returns (B, A) in (-1, 1); what they mean (steering, gas) is the task's business.
        """
        from keras import (
            ops,
        )  # here, so that rank 0 of an evolution, which only counts parameters, starts without Keras

        parts = {"z": [z], "z_hidden": [z], "z_h": [z, h], "z_c": [z, c], "z_c_h": [z, c, h]}[self.kind]
        x = ops.concatenate(parts, axis=-1) if len(parts) > 1 else z  # (B, I)
        start = 0
        for inputs, outputs in self.layers:
            bias = 0.0
            if self.bias:
                bias = params[:, start : start + outputs]  # (B, O)
                start += outputs
            matrix = ops.reshape(params[:, start : start + inputs * outputs], (-1, inputs, outputs))  # (B, I, O)
            start += inputs * outputs
            x = ops.tanh(ops.squeeze(ops.matmul(x[:, None, :], matrix), 1) + bias)  # (B, O)
        return x
