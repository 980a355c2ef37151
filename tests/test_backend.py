"""What TensorFlow says of GPUs is heard where there should be one, and nowhere else."""

import importlib.metadata
import os
import subprocess
import sys

import pytest

from worldmodels.computing.backend import has_driver, has_gpu
from worldmodels.files.provenance import versions

FIRST_ARRAY = "from worldmodels.vae import VAE; VAE()"
GPU = "from worldmodels.computing.device import use; use('gpu'); "
DRIVER = (  # as it looks to us
    "import ctypes; load = ctypes.CDLL; "
    "ctypes.CDLL = lambda name, *more, **named: name == 'libcuda.so.1' or load(name, *more, **named); "
)


def said(program, code=0):
    unset = ("TF_CPP_MIN_LOG_LEVEL", "CUDA_VISIBLE_DEVICES")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    process = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert process.returncode == code
    return process.stderr


@pytest.mark.parametrize("backend, other", [("tensorflow", "jax"), ("jax", "tensorflow")])
def test_a_result_says_which_backend_it_was_computed_with(backend, other, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    monkeypatch.setattr(importlib.metadata, "version", lambda package: "1.2")  # as if all were installed
    assert backend in versions() and other not in versions()


@pytest.mark.parametrize(
    ("backend", "reason"), [("jax", "No module named 'jax'"), ("theano", "Unable to import backend : theano")]
)
def test_a_backend_that_is_not_there_is_one_line(backend, reason, tmp_path):
    (tmp_path / "jax.py").write_text("raise ModuleNotFoundError(\"No module named 'jax'\")")
    environment = os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": str(tmp_path)}
    program = "from worldmodels.scripts.cli import run; run(lambda: __import__('worldmodels.computing.backend'))"
    process = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert process.returncode == 2 and len(process.stderr.splitlines()) == 1
    assert f"Keras does not load ({reason}): pip install -r" in process.stderr


@pytest.mark.skipif(has_driver(), reason="there may be a GPU")
def test_where_there_is_no_driver_the_first_array_is_made_in_silence():
    assert said(FIRST_ARRAY) == ""


@pytest.mark.skipif(has_gpu(), reason="there is a GPU")
def test_where_there_is_a_driver_and_a_gpu_is_asked_for_nothing_is_silenced():
    refused = said(GPU + FIRST_ARRAY, 1)
    assert "UserError" in refused and "cuInit" not in refused
    assert "cuInit" in said(GPU + DRIVER + FIRST_ARRAY, 1)


KERAS = """
import os
from types import SimpleNamespace

layers, ops = None, SimpleNamespace(zeros=lambda shape: print(os.environ.get("CUDA_VISIBLE_DEVICES")))
distribution = SimpleNamespace(list_devices=lambda kind: ["gpu:0"])
"""


@pytest.mark.parametrize(("before", "hidden"), [("", "-1"), (GPU, "3")])
def test_gpus_are_hidden_unless_one_is_asked_for(tmp_path, before, hidden):
    """And only while Keras is loaded: a process that is started later may ask for one."""
    (tmp_path / "keras.py").write_text(KERAS)
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "CUDA_VISIBLE_DEVICES": "3"}
    program = f"import os; {before}import worldmodels.computing.backend; print(os.environ['CUDA_VISIBLE_DEVICES'])"
    out = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert out.stdout.split() == [hidden, "3"]
