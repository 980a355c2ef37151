"""The recipes are commands that the scripts take. What they lead to is in results/."""

import os
import runpy
import subprocess
import sys

import pytest
from scripts import ROOT

from worldmodels.scripts.cli import Parser

RECIPES = sorted(ROOT.glob("*/recipes/*.sh"))


class Parsed(BaseException):
    pass


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: f"{path.parents[1].name}-{path.stem}")
def test_the_scripts_take_the_options_of_a_recipe(recipe, tmp_path, monkeypatch):
    """The shell runs it with a `python` that only notes its words, and each script then reads them."""
    for folder in ("recipes", "bin", "pretrained", "weights/untrained"):
        (tmp_path / folder).mkdir(parents=True)
    for folder in ("pretrained", "weights"):  # of which recipes copy V
        (tmp_path / folder / "vae.weights.h5").touch()
    (tmp_path / "recipes" / recipe.name).write_text(recipe.read_text())
    python = tmp_path / "bin/python"
    python.write_text(f'#!/bin/sh\nIFS="\t"\necho "$*" >> {tmp_path}/commands\n')
    python.chmod(0o755)
    environment = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    subprocess.run(["sh", tmp_path / "recipes" / recipe.name], env=environment, check=True)

    def parse(parser, words=None):
        parsed.append(parser.parse_known_args(words))
        raise Parsed

    monkeypatch.setattr(Parser, "parse_args", parse)
    commands = [line.split("\t") for line in (tmp_path / "commands").read_text().splitlines()]
    assert len(commands) >= 6
    for command in commands:
        parsed = []
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(Parsed):
            runpy.run_path(str(recipe.parents[1] / command[0]), run_name="__main__")
        assert parsed[0][1] == [], f"{' '.join(command)} has options that are not there"
