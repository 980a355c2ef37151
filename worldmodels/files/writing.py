"""Files that appear whole or not at all."""

import contextlib
import json
import os
import socket
import zipfile
from pathlib import Path

import numpy as np

from worldmodels.parallel.processes import alive
from worldmodels.scripts.cli import UserError, explain_os_error


def make_folder(path):
    """Create a folder (and its parents) and check that files can be written there; UserError if not."""
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = _temporary(path / "writable")
        try:
            probe.touch()
        finally:  # a Ctrl-C may come here, too
            probe.unlink(missing_ok=True)
        _remove_leftovers(path)
    except OSError as error:
        raise UserError(f"cannot write to the folder {path}: {explain_os_error(error)}") from None
    return path


def refuse_folder(path, what):
    """UserError if --out, the file for `what`, is a folder: found out before the work, not after."""
    if Path(path).is_dir():
        raise UserError(f"{path} is a folder: name the file for {what} with --out")


def _temporary(path):
    """The name under which a file is written. The suffix is kept: Pillow and ffmpeg choose the format by it."""
    return path.with_name(f".{socket.gethostname()}.{os.getpid()}.tmp.{path.name}")


def _remove_leftovers(folder):
    """Remove what processes of this machine left half-written when they were killed."""
    for leftover in folder.glob(f".{socket.gethostname()}.*.tmp.*"):
        with contextlib.suppress(ValueError, PermissionError):
            pid = int(leftover.name.removeprefix(f".{socket.gethostname()}.").split(".")[0])
            if not alive(pid):
                leftover.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_path(path):
    """Yield a temporary path beside `path`, renamed onto it when the block ends well and removed when it does not.

    A full disk or a missing permission becomes a UserError that names the file.
    """
    path = Path(path)
    temporary = _temporary(path)
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {explain_os_error(error)}") from error
    finally:
        temporary.unlink(missing_ok=True)


def save_json(path, data, indent=None):
    with atomic_path(path) as temporary, open(temporary, "w") as file:
        json.dump(data, file, indent=indent)


def save_npz(path, arrays, compress=0):
    """Write a dict of arrays as one .npz file, whole or not at all.

    compress: zlib's level, 0 (stored) to 9. Numpy's own savez_compressed always takes 6, which is much slower than 1 on
    frames and makes them hardly smaller.
    """
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with (
        atomic_path(path) as temporary,
        zipfile.ZipFile(temporary, "w", method, compresslevel=compress or None) as archive,
    ):
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(array, order="C"), allow_pickle=False)
