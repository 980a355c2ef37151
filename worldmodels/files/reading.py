"""The one way in which files are read: whatever is wrong with one becomes a single line, with what to do about it."""

import contextlib
import errno
import json
import zipfile
from pathlib import Path

import numpy as np

from worldmodels.scripts.cli import UserError, explain_os_error

LARGEST = 1e100  # no number that is written here comes near it, and sums and squares of such ones are finite


@contextlib.contextmanager
def reading(path, what, remedy="restore it or make it again"):
    """Read and understand the file at `path` inside this block; every error in it becomes a UserError.

    what: what the user knows the file as ("the controller"); remedy: what to do if it is missing or damaged.
    A UserError of the block passes as it is. Everything else means that the file is damaged, in whatever way the
    library that tried to understand it failed. `raise ValueError("...")` in the block says what is wrong.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"{what} is missing: there is no {path}; {remedy}")
    if not path.is_file():  # a named pipe would be waited for without end
        raise UserError(f"{path} should be {what}, but is no file: {remedy}")
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        # The system's word, not that of a library that has lost its way in a damaged file (EINVAL: it sought before 0).
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise UserError(f"cannot read {what}: {explain_os_error(error)}") from None
        reason = f" ({str(error).splitlines()[0][:200]})" if type(error) is ValueError and str(error) else ""
        raise UserError(f"{what} is damaged, or another kind of file: {path}{reason}; {remedy}") from None


def load_json(path, what, kind=None, remedy="restore it or make it again"):
    """The content of a JSON file, all of whose numbers are below LARGEST. kind: dict or list, if it has to be one."""
    with reading(path, what, remedy):
        data = json.loads(Path(path).read_bytes(), parse_int=_int, parse_float=_float, parse_constant=_float)
        if kind and not isinstance(data, kind):
            raise ValueError(f"it holds no {kind.__name__}")
        return data


def _float(text):
    if not abs(value := float(text)) < LARGEST:
        raise ValueError("a number is not finite, or too large")
    return value


def _int(text):
    _float(text)
    return int(text)


@contextlib.contextmanager
def open_npz(path, what, remedy):
    """What an .npz file holds, {name: array}, to be read in this block; no Python objects, so no code is run."""
    with reading(path, what, remedy), open(path, "rb") as file:
        if not zipfile.is_zipfile(file):  # of such a file numpy says how to run the code in it
            raise ValueError("it is no whole .npz file")
        file.seek(0)
        with np.load(file, allow_pickle=False) as data:
            yield data


def load_npz(path, keys, what="this file", remedy="restore it or make it again"):
    """The arrays named `keys` of an .npz file, as a list in that order."""
    with open_npz(path, what, remedy) as data:
        if missing := [key for key in keys if key not in data]:
            raise ValueError(f"it has no array named {', '.join(missing)}")
        return [data[key] for key in keys]


def read_npy_header(file):
    """shape, fortran_order and dtype of the .npy file that begins here; what follows is the array."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(file)
