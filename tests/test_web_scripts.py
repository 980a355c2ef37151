"""What the scripts of the page say where something is missing or taken."""

import socket

import pytest

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


def test_a_missing_page_is_named(tmp_path):
    with pytest.raises(UserError, match="run `make web` first"):
        make_server(tmp_path, 0)
