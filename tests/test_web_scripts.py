"""What the scripts of the page say where something is missing or taken."""

import signal
import socket
import subprocess
import sys

import pytest
from scripts import ENVIRONMENT, ROOT

from web.browser import open_page
from web.build import install_library
from web.serve import make_server
from worldmodels.scripts.cli import UserError


@pytest.fixture
def no_programs(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))


def test_a_build_names_missing_programs(no_programs):
    with pytest.raises(UserError, match="node and npm are needed"):
        install_library()


def test_pictures_name_a_missing_chromium(tmp_path, no_programs):
    with pytest.raises(UserError, match="apt-get install chromium"), open_page(tmp_path):
        pass


def test_a_taken_port_is_named(tmp_path):
    (tmp_path / "index.html").touch()
    with socket.create_server(("localhost", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} is taken"):
            make_server(tmp_path, port)


def test_ctrl_c_ends_the_server_without_a_word(tmp_path):
    (tmp_path / "index.html").touch()
    with socket.create_server(("localhost", 0)) as other:
        port = other.getsockname()[1]
    program = "from pathlib import Path; from web import serve; serve.DIST = Path(); serve.run(serve.main)"
    command, pipe = [sys.executable, "-c", program, "--port", str(port)], subprocess.PIPE
    environment = ENVIRONMENT | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=pipe, stderr=pipe, text=True)
    assert "Ctrl-C ends" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.communicate()[1] == "" and process.returncode == 0


def test_a_missing_page_is_named(tmp_path):
    with pytest.raises(UserError, match="run `make web` first"):
        make_server(tmp_path, 0)
