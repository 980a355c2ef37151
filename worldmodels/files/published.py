"""The JSON layout of the weights published in 2018: to read the published agent, and to write ours for others to read.

V and M: a list of arrays, every number times 10,000 and rounded to an integer. V's are in the order of its layers, each
kernel then bias; transposed convolutions are (height, width, out, in). M's are the head's kernel and bias and then the
LSTM's, or the other way round for an M with an end logit: so the two tasks were published.
C: [parameters, score], as our own files: worldmodels.controller reads and writes it.
VAE, MDNRNN and Controller hold their weights in the published shapes, so nothing is transposed here.
"""

import numpy as np

from worldmodels.files import reading, writing
from worldmodels.rnn import MDNRNN
from worldmodels.scripts.cli import UserError

SCALE = 10000


def _variables(model):
    """The weights of V or M in the published order."""
    variables = list(model.trainable_variables)
    if isinstance(model, MDNRNN) and not model.done:
        return variables[2:] + variables[:2]
    return variables


def _name(model):
    return "M" if isinstance(model, MDNRNN) else "V"


def save_json(model, path):
    """Write V (a VAE) or M (an MDNRNN) as the JSON of 2018. Rounding changes each weight by at most 0.00005."""
    arrays = [np.round(variable.numpy().astype(np.float64) * SCALE) for variable in _variables(model)]
    writing.save_json(path, [array.astype(np.int64).tolist() for array in arrays])


def load_json(model, path):
    """Fill V (a VAE) or M (an MDNRNN) from the JSON of 2018.

    UserError if the file is missing, cut short, or of a model of other shapes; the model is unchanged then.
    """
    what = f"the published {_name(model)}"
    data = reading.load_json(path, what, list)
    variables = _variables(model)
    with reading.reading(path, what):
        arrays = [np.asarray(rows, np.float32) / SCALE for rows in data]
        if not all(np.isfinite(array).all() for array in arrays):
            raise ValueError("it holds numbers that are too large")
    expected = [tuple(variable.shape) for variable in variables]
    if (found := [array.shape for array in arrays]) != expected:
        raise UserError(
            f"{path} does not fit this {_name(model)}: it is of another task, size or part (its arrays are "
            f"{', '.join(map(str, found)) or 'none'}; they should be {', '.join(map(str, expected))})"
        )
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
