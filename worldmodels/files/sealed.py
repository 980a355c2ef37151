"""Checkpoints: arrays, and what JSON can hold, in one .npz file with a checksum of all of it."""

import hashlib
import json

import numpy as np

from worldmodels.files.reading import open_npz
from worldmodels.files.writing import save_npz


def save_sealed(path, about, arrays):
    """about: what JSON can hold. arrays: {name: array}."""
    arrays = arrays | {"about": np.frombuffer(json.dumps(about).encode(), np.uint8)}
    save_npz(path, arrays | {"sha256": np.frombuffer(_digest(arrays), np.uint8)})


def load_sealed(path, what, remedy):
    """about and arrays, exactly as they were written: a file of anything else is a UserError (see `reading`)."""
    with open_npz(path, what, remedy) as data:
        arrays = dict(data)
        if "sha256" not in arrays:
            raise ValueError("it has no checksum: another version of this program wrote it")
        if arrays.pop("sha256").tobytes() != _digest(arrays):
            raise ValueError("its content does not match its checksum")
        return json.loads(arrays.pop("about").tobytes()), arrays


def _digest(arrays):
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.digest()
