"""Small things that several tests share."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from worldmodels.parallel.threads import limit_threads

limit_threads()  # before Keras is imported: tests share the cores with one another


@pytest.fixture(scope="session")
def untrained(tmp_path_factory):
    """An untrained car agent on disk, as the numbered scripts leave one: .weights (V, M, initial_z) and .best (C)."""
    from carracing.task import CARRACING
    from worldmodels.files.weights import fingerprint
    from worldmodels.task import build_rnn, build_vae, save_world_model

    folder = tmp_path_factory.mktemp("untrained")
    weights, log = folder / "weights", folder / "log"
    log.mkdir()
    vae, rnn = build_vae(CARRACING), build_rnn(CARRACING)
    save_world_model(weights, vae, rnn)
    rng = np.random.default_rng(0)
    starts = np.round(rng.normal(0, 10000, (2, 5, 32))).astype(int).tolist()
    (weights / "initial_z.json").write_text(json.dumps(starts))
    best, run = log / "carracing.cma.16.64.best.json", log / "carracing.cma.16.64.run.json"
    best.write_text(json.dumps([rng.normal(0, 0.3, 867).tolist(), 123.4]))
    run.write_text(json.dumps({"controller": "z_h", "vae": fingerprint(vae), "rnn": fingerprint(rnn)}))
    return SimpleNamespace(weights=weights, best=best, vae=vae, rnn=rnn)
