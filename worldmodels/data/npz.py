"""Arrays of an .npz file, looked at or mapped without being read."""

import math
import zipfile
from typing import Any, NamedTuple

import numpy as np

from worldmodels.files.reading import read_npy_header


class Header(NamedTuple):
    """What an .npz file says of one of its arrays."""

    shape: tuple
    fortran_order: bool
    dtype: np.dtype
    start: int  # bytes of the .npy file before the array itself
    member: Any  # its zipfile.ZipInfo


def read_header(archive, name):
    """The Header of one array of an open ZipFile. ValueError if there is none, or if it is not as long as it says."""
    if f"{name}.npy" not in archive.namelist():
        raise ValueError(f"it has no array named {name}")
    member = archive.getinfo(f"{name}.npy")
    with archive.open(member) as file:
        shape, fortran_order, dtype = read_npy_header(file)
        start = file.tell()
    if start + math.prod(shape) * dtype.itemsize != member.file_size:
        raise ValueError(f"{name} is not as long as it says")
    return Header(shape, fortran_order, dtype, start, member)


def map_array(path, name):
    """One array of an .npz file of numbers: mapped if it is stored uncompressed, else read into memory."""
    with zipfile.ZipFile(path) as archive:
        header = read_header(archive, name)
    if header.member.compress_type != zipfile.ZIP_STORED:
        with np.load(path, allow_pickle=False) as data:
            return data[name]
    with open(path, "rb") as file:
        file.seek(header.member.header_offset + 26)  # in the local header: lengths of the name and of the extra field
        lengths = np.frombuffer(file.read(4), "<u2").astype(int)
    offset = header.member.header_offset + 30 + int(lengths.sum()) + header.start
    return np.memmap(path, header.dtype, "r", offset, header.shape, order="F" if header.fortran_order else "C")
