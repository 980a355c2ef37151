"""C: one linear layer and a tanh from what V and M know to the action (paper, section 2.3)."""

import hashlib
import itertools
from pathlib import Path

import numpy as np

from worldmodels.files.reading import load_json, reading
from worldmodels.files.writing import save_json
from worldmodels.scripts.cli import UserError

# What the kinds of C read, of z and of M's state h, c:
KINDS = {"z": ("z",), "z_hidden": ("z",), "z_h": ("z", "h"), "z_c": ("z", "c"), "z_c_h": ("z", "c", "h")}
READS = ("sample", "mean")  # what of V's N(mu, sigma^2) is z: a draw (2018 code), or mu
HIDDEN_UNITS = 40  # of z_hidden (paper, A.4)


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
        self.kind, self.bias, self.reads_state = kind, bias, len(KINDS[kind]) > 1
        self.z_size, self.hidden_size = z_size, hidden_size
        inputs = z_size + hidden_size * (len(KINDS[kind]) - 1)
        sizes = [inputs, HIDDEN_UNITS, action_size] if kind == "z_hidden" else [inputs, action_size]
        self.layers = list(itertools.pairwise(sizes))
        self.num_params = sum((inputs + bias) * outputs for inputs, outputs in self.layers)

    def inputs(self, z, h=None, c=None):
        """What the kind reads of z (B, Z) and M's state h, c (B, H): a list of arrays, to be put side by side."""
        parts = {"z": z, "h": h, "c": c}
        return [parts[name] for name in KINDS[self.kind]]

    def raw_actions(self, params, z, h=None, c=None):
        """params: (B, P), one vector for each slot; z: (B, Z); h, c: (B, H), M's state, where the kind reads them.

        Returns (B, A) in (-1, 1); what they mean (steering, gas) is the task's business.
        """
        # Imported here, so that rank 0 of an evolution, which only counts parameters, starts without Keras.
        from keras import ops

        parts = self.inputs(z, h, c)
        x = ops.concatenate(parts, axis=-1) if len(parts) > 1 else z  # (B, I)
        start = 0
        for inputs, outputs in self.layers:
            bias = 0.0
            if self.bias:
                bias = params[:, start : start + outputs]  # (B, O)
                start += outputs
            matrix = ops.reshape(params[:, start : start + inputs * outputs], (-1, inputs, outputs))  # (B, I, O)
            start += inputs * outputs
            x = ops.tanh(ops.sum(x[:, :, None] * matrix, axis=1) + bias)  # (B, O)
        return x


def save_parameters(path, params, score):
    """Write C's flat parameters (P,) and its mean score in the layout of 2018: [parameters, score]."""
    save_json(path, [np.asarray(params, np.float64).tolist(), float(score)])


def load_parameters(path, num_params):
    """Read C's flat parameters, (num_params,) float64, and its score, None where the file holds only [parameters].

    UserError if the file is missing, damaged, or holds the parameters of another controller.
    """
    remedy = "name the .best.json of an evolution"
    if found := sorted(Path(path).parent.glob("*.best.json")):
        remedy += f", such as {found[0]}"
    data = load_json(path, "the controller", list, remedy)
    with reading(path, "the controller", remedy):
        params = np.array(data[0], np.float64)
        score = float(data[1]) if len(data) > 1 else None
        if params.shape != (num_params,):
            raise UserError(
                f"{path} has {params.size} parameters where {num_params} are needed: it is of another task, or "
                f'the .run.json beside it does not name its kind, as {{"controller": "z"}} (one of {", ".join(KINDS)})'
            )
        if not (np.abs(params) <= np.finfo(np.float32).max).all():  # float32 is what C computes in; NaN is none of it
            raise ValueError("its parameters are too large, or no numbers")
        return params, score


def parameters_fingerprint(params):
    """sha256, in hex, of flat parameters (P,) in float32: says which C made a file."""
    return hashlib.sha256(np.ascontiguousarray(params, "<f4").tobytes()).hexdigest()


def fingerprint_in_file(path):
    """The fingerprint of the parameters in a file, whichever controller they are of. UserError if it is damaged."""
    with reading(path, "the controller"):
        return parameters_fingerprint(load_json(path, "the controller", list)[0])
