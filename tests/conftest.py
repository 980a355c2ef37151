"""Small things that several tests share."""

import json
import shutil
import signal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from worldmodels.parallel.threads import limit_threads

limit_threads()  # before numpy and Keras are imported: tests share the cores with one another

import numpy as np  # noqa: E402

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what is in its background without it


LONGEST = ["doom_pipeline", "pipeline", "mpi", "examples", "train_rnn", "device", "windows", "pole", "generation"]
LONGEST += ["web", "notebook", "doom_process"]


def pytest_collection_modifyitems(items):
    """The files that take longest come first, so that in the end no process waits long for another (make test)."""
    places = {f"test_{name}.py": place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


class Untrained(NamedTuple):
    """An agent on disk, as the numbered scripts leave one."""

    weights: Path  # the folder of V, M and where dreams start
    best: Path  # C; the note on the run is beside it
    vae: Any
    rnn: Any


@pytest.fixture(scope="session")
def untrained(tmp_path_factory):
    """An untrained car agent."""
    from carracing.task import CARRACING
    from worldmodels.files.weights import fingerprint
    from worldmodels.playing.loading import save_world_model

    folder = tmp_path_factory.mktemp("untrained")
    weights, log = folder / "weights", folder / "log"
    log.mkdir()
    vae, rnn = CARRACING.make_vae(), CARRACING.make_rnn()
    save_world_model(weights, vae, rnn)
    rng = np.random.default_rng(0)
    starts = np.round(rng.normal(0, 10000, (2, 5, 32))).astype(int).tolist()
    (weights / "initial_z.json").write_text(json.dumps(starts))
    best, run = log / "carracing.cma.16.64.best.json", log / "carracing.cma.16.64.run.json"
    best.write_text(json.dumps([rng.normal(0, 0.3, 867).tolist(), 123.4]))
    run.write_text(json.dumps({"controller": "z_h", "vae": fingerprint(vae), "rnn": fingerprint(rnn)}))
    return Untrained(weights, best, vae, rnn)


@pytest.fixture
def moved(untrained, tmp_path):
    """A copy of the untrained agent that may be damaged."""
    weights = shutil.copytree(untrained.weights, tmp_path / "weights")
    log = shutil.copytree(untrained.best.parent, tmp_path / "log")
    return untrained._replace(weights=weights, best=log / untrained.best.name)


@pytest.fixture
def no_display(monkeypatch):
    """Neither this process nor those that it starts can open a window."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def no_pictures(monkeypatch):
    """Runs draw no curves, which would take a quarter of a second each: test_curves.py looks at those."""
    for module in ("evolving.log", "training.losses"):
        monkeypatch.setattr(f"worldmodels.{module}.save_picture", lambda *_: None)
