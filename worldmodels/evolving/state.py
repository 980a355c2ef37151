"""An evolution between two generations, and the checkpoint that it goes on from."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from worldmodels.files import safe_pickle
from worldmodels.files.reading import reading
from worldmodels.files.writing import save_npz
from worldmodels.scripts.cli import UserError


class Generation(NamedTuple):
    """What one generation was like. Returns are the candidates' means over their episodes."""

    number: int
    seconds: float  # since the run began
    mean: float
    low: float
    high: float
    std: float
    sigma: float  # root mean square of the step sizes, after the generation
    mean_steps: float
    max_steps: int


class Evaluation(NamedTuple):
    """How the mean of the distribution scored on held-out seeds."""

    generation: int
    seconds: float
    score: float
    std: float
    before: float  # the best score before; for the first one, the population's mean in generation 1, as in 2018
    best: float  # from now on


@dataclass
class State:
    """An evolution between two generations."""

    essential: dict  # the options that may not change
    strategy: Any  # with its own random generator inside
    facts: dict | None = None  # what the workers loaded: fingerprints of V and M
    generation: int = 0
    seconds: float = 0.0
    history: list = field(default_factory=list)  # of Generation
    evaluations: list = field(default_factory=list)  # of Evaluation
    means: list = field(default_factory=list)  # of the distribution after the last generations, as many as are averaged
    best: tuple | None = None  # (parameters, score) of the best evaluation
    starts: list = field(default_factory=list)  # what run.json says of every start of this run


PLAIN = ("essential", "facts", "generation", "seconds", "history", "evaluations", "best", "starts")


def save_state(path, state):
    """Write a checkpoint: JSON, the means, and the strategy's state, in which no code can hide, with a checksum."""
    about = json.dumps({name: getattr(state, name) for name in PLAIN}).encode()
    strategy = safe_pickle.dumps(state.strategy.__getstate__())
    arrays = {"about": np.frombuffer(about, np.uint8), "strategy": np.frombuffer(strategy, np.uint8)}
    arrays["means"] = np.array(state.means)
    save_npz(path, arrays | {"sha256": np.frombuffer(_digest(arrays), np.uint8)})


def load_state(path, strategy):
    """The State of a checkpoint. strategy: one that was made as that of the run; it is brought to where it was.

    UserError if the checkpoint is damaged; strategy is of no use then.
    """
    with reading(path, "the checkpoint of this evolution", "remove it to start anew, or restore it"):
        with np.load(path, allow_pickle=False) as data:
            arrays = {name: data[name] for name in ("about", "strategy", "means")}
            if data["sha256"].tobytes() != _digest(arrays):
                raise ValueError("its content does not match its checksum")
        state = State(strategy=strategy, **json.loads(arrays["about"].tobytes()))
        state.history = [Generation(*row) for row in state.history]
        state.evaluations = [Evaluation(*row) for row in state.evaluations]
        state.means = list(arrays["means"])
        inside = safe_pickle.loads(arrays["strategy"].tobytes())
        if hasattr(strategy, "__setstate__"):
            strategy.__setstate__(inside)
        else:
            vars(strategy).update(inside)
        return state


def check_strategy(strategy):
    """UserError if a checkpoint could not hold the state of a strategy."""
    try:
        safe_pickle.loads(safe_pickle.dumps(strategy.__getstate__()))
    except Exception as error:
        raise UserError(
            f"a checkpoint cannot hold the state of {type(strategy).__name__}: {error}. Give it __getstate__ and "
            "__setstate__ that deal in numbers, texts, arrays, numpy's generators, and lists and dicts of them"
        ) from None


def _digest(arrays):
    digest = hashlib.sha256()
    for name in ("about", "strategy", "means"):
        digest.update(arrays[name].tobytes())
    return digest.digest()


def checkpoint_path(folder, name):
    return Path(folder) / "checkpoints" / f"{name}.npz"
