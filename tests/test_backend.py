"""What TensorFlow says of GPUs is heard where there should be one, and nowhere else."""

import os
import subprocess
import sys

import pytest

from worldmodels.scripts.backend import has_driver

FIRST_ARRAY = "from worldmodels.vae import VAE; VAE()"
DRIVER = (  # as it looks to us
    "import ctypes; load = ctypes.CDLL; "
    "ctypes.CDLL = lambda name, *more, **named: name == 'libcuda.so.1' or load(name, *more, **named); "
)


def said(program):
    unset = ("TF_CPP_MIN_LOG_LEVEL", "CUDA_VISIBLE_DEVICES")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    return subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True).stderr


@pytest.mark.skipif(has_driver(), reason="there may be a GPU")
def test_where_there_is_no_driver_the_first_array_is_made_in_silence():
    assert said(FIRST_ARRAY) == b""


def test_where_there_is_a_driver_nothing_is_silenced():
    assert said(DRIVER + FIRST_ARRAY)
