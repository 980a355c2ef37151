"""An evolution between two generations, and the checkpoint that it goes on from."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from worldmodels.files import plain
from worldmodels.files.reading import reading
from worldmodels.files.sealed import load_sealed, save_sealed
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

    essential: dict  # what may not change: options, the kind of strategy, the number of its parameters
    strategy: Any  # with its own random generator inside
    facts: dict | None = None  # what the workers loaded: fingerprints of V and M
    seconds: float = 0.0
    history: list = field(default_factory=list)  # of Generation
    evaluations: list = field(default_factory=list)  # of Evaluation
    means: list = field(default_factory=list)  # of the distribution after the last generations, as many as are averaged
    best: tuple | None = None  # (parameters, score) of the best evaluation
    starts: list = field(default_factory=list)  # what run.json says of every start of this run

    @property
    def generation(self):
        """How many are done."""
        return len(self.history)


def save_state(path, state):
    """Write a checkpoint, in which no code can hide (see files/plain.py), with a checksum."""
    content = vars(state) | {
        "strategy": strategy_state(state.strategy),
        "history": [tuple(row) for row in state.history],
        "evaluations": [tuple(row) for row in state.evaluations],
        "starts": json.dumps(state.starts),
    }
    save_sealed(path, *plain.pack(content))


def load_state(path, strategy, essential):
    """The State of a checkpoint. strategy: one that was made as that of the run; it is brought to where it was.

    UserError if the checkpoint is damaged, when strategy is of no use any more, or of a run with another `essential`.
    """
    what = "the checkpoint of this evolution", "remove it to start anew, or restore it"
    with reading(path, *what):
        saved = plain.unpack(*load_sealed(path, *what))
        _check_essential(path, saved["essential"], essential)
        params = len(strategy.mean)
        _restore(strategy, saved["strategy"])
        _vector(strategy.mean, params)
        return State(
            essential,
            strategy,
            dict(saved["facts"]),
            float(saved["seconds"]),
            [row_of(Generation, row) for row in saved["history"]],
            [row_of(Evaluation, row) for row in saved["evaluations"]],
            [_vector(mean, params) for mean in saved["means"]],
            _best(saved["best"], params),
            list(json.loads(saved["starts"])),
        )


def _check_essential(path, before, now):
    # A checkpoint of before an option was there does not name it, and was made without it.
    if other := [name for name in {**before, **now} if (before.get(name) or None) != (now.get(name) or None)]:
        changes = ", ".join(f"{name} {before.get(name)}, not {now.get(name)}" for name in other)
        raise UserError(f"{path} is of a run with {changes}: use the same to go on with it, or another --log")


def row_of(kind, values):
    """A Generation or an Evaluation, whose numbers are of the types that they have to be of; else any error."""
    types = kind.__annotations__.values()
    return kind(*(number(value) for number, value in zip(types, values, strict=True)))


def _vector(values, size):
    vector = np.asarray(values)
    if vector.shape != (size,) or vector.dtype.kind != "f" or not np.isfinite(vector).all():
        raise ValueError(f"it holds parameters that are not {size} numbers")
    return vector


def _best(best, size):
    return best if best is None else (_vector(best[0], size).tolist(), float(best[1]))


def strategy_state(strategy):
    """What a checkpoint holds of a strategy: a dict. UserError if it cannot."""
    state = strategy.__getstate__()
    try:
        if not isinstance(state, dict):
            raise TypeError("it is no dict")
        plain.pack(state)
    except (TypeError, RecursionError) as error:
        raise UserError(
            f"a checkpoint cannot hold the state of {type(strategy).__name__}: {error}; give it a __getstate__ and a "
            "__setstate__ that deal in a dict of numbers, texts, arrays, numpy's generators, lists and dicts"
        ) from None
    return state


def _restore(strategy, state):
    if hasattr(strategy, "__setstate__"):
        strategy.__setstate__(state)
    else:
        vars(strategy).update(state)


def checkpoint_path(folder, name):
    return Path(folder) / "checkpoints" / f"{name}.npz"
