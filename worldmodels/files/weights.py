"""Weights of V and M as files `*.weights.h5`: one dataset for each array, in the order of `trainable_variables`."""

import hashlib
import io

import h5py
import numpy as np

from worldmodels.files.reading import reading
from worldmodels.files.writing import atomic_path
from worldmodels.scripts.cli import UserError


def save_weights(model, path):
    """Write the trainable variables of a Keras model as float32, whole or not at all, and without optimizer state."""
    content = io.BytesIO()  # not the file itself: of a full disk, h5py says nothing that a user could act on
    with h5py.File(content, "w") as file:
        for number, variable in enumerate(model.trainable_variables):
            file[f"{number:02d} {variable.path.replace('/', ' ')}"] = _array(variable)
        file.attrs["sha256"] = fingerprint(model)
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        file.write(content.getbuffer())


def load_weights(model, path, what):
    """Fill a Keras model from a file of `save_weights`. what: what the user knows it as ("V").

    UserError if the file is missing, damaged, or belongs to a model of other shapes; the model is unchanged then.
    """
    arrays = _read(path, what)
    shapes = [tuple(variable.shape) for variable in model.trainable_variables]
    if [np.shape(array) for array in arrays] != shapes:
        raise UserError(
            f"{path} does not fit {what}: these weights are of another task or size (or of another part). Name "
            "others, or train again with --restart"
        )
    for variable, array in zip(model.trainable_variables, arrays, strict=True):
        variable.assign(array)


def _read(path, what):
    with reading(path, f"the file of {what}'s weights", "restore it or train again"), h5py.File(path, "r") as file:
        if any(array.id.get_storage_size() != array.nbytes for array in file.values()):  # or it would take the memory
            raise ValueError("an array is not as long as it says")
        arrays = [np.ascontiguousarray(file[name][()], dtype="<f4") for name in sorted(file)]
        if file.attrs.get("sha256", digest := _digest(arrays)) != digest:  # older files have none
            raise ValueError("its content does not match its checksum")
        return arrays


def fingerprint(model):
    """sha256, in hex, of all trainable arrays in order: says which V or M made a file, wherever the weights lie."""
    return _digest([_array(variable) for variable in model.trainable_variables])


def fingerprint_of_file(path, what):
    """The fingerprint of the model whose weights a file of `save_weights` holds. UserError as in load_weights."""
    return _digest(_read(path, what))


def _digest(arrays):
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def all_finite(model):
    """Whether no weight is NaN or infinite."""
    return all(np.isfinite(_array(variable)).all() for variable in model.trainable_variables)


def _array(variable):
    return np.ascontiguousarray(variable.numpy(), dtype="<f4")
