"""V and M are trained as the 2018 code trains them, unless options say otherwise."""

import runpy

import pytest
from scripts import ROOT

from worldmodels.scripts.cli import Parser

V = {"batch_size": 100, "epochs": 10, "steps": None, "free_bits": 0.5, "learning_rate": 1e-4, "schedule": "constant"}
M = {"batch_size": 100, "learning_rate": 1e-3}
DEFAULTS = {
    "carracing/vae_train.py": V,
    "doomrnn/vae_train.py": V,
    "carracing/rnn_train.py": M | {"steps": 4000, "sequence": 999, "schedule": "constant"},
    "doomrnn/rnn_train.py": M | {"steps": 24400, "sequence": 500, "schedule": "decay"},
}


class Parsed(Exception):
    pass


@pytest.mark.parametrize("script", DEFAULTS)
def test_the_options_defaults(script, monkeypatch):
    parse_args = Parser.parse_args

    def parse(parser):
        raise Parsed(parse_args(parser, []))

    monkeypatch.setattr(Parser, "parse_args", parse)
    with pytest.raises(Parsed) as parsed:
        runpy.run_path(str(ROOT / script))["main"]()
    options = vars(parsed.value.args[0])
    assert {name: options[name] for name in DEFAULTS[script]} == DEFAULTS[script]
    assert options["init"] is None and options["precision"] == "float32"
