"""What the scripts of the page say where something is missing or taken."""

import socket

import pytest
from scripts import Scripts

from web.serve import make_server
from worldmodels.scripts.cli import UserError

WEB = Scripts("web")


@pytest.fixture
def no_programs(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))


def test_a_build_names_missing_programs(tmp_path, no_programs):
    assert "node and npm are needed" in WEB.error_of(tmp_path, "build.py")


def test_pictures_name_a_missing_chromium(tmp_path, no_programs):
    assert "apt-get install chromium" in WEB.error_of(tmp_path, "pictures.py")


def test_a_taken_port_is_named(tmp_path):
    (tmp_path / "index.html").touch()
    with socket.create_server(("localhost", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} is taken"):
            make_server(tmp_path, port)


def test_a_missing_page_is_named(tmp_path):
    with pytest.raises(UserError, match="run `make web` first"):
        make_server(tmp_path, 0)
