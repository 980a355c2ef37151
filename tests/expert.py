"""Small folders of expert rollouts, made in this process."""

import dataclasses
from unittest.mock import patch

from carracing.task import CARRACING
from worldmodels.data import generation
from worldmodels.parallel.share import Share

SHORT = dataclasses.replace(CARRACING, max_steps=20)


def in_this_process(work, jobs, workers, advanced=None):
    """In place of run_in_processes."""
    return work(Share(jobs, len(jobs) + 1, advanced))


def generate_expert(agent, out, *, rollouts, task=SHORT, seed=7, dtype="uint8", **kind):
    """Rollouts of 20 frames in the folder `out`, by an untrained agent. Returns the folder."""
    which = {"controller": agent.best, "weights": agent.weights, "precision": "float32"}
    with patch.multiple(generation, run_in_processes=in_this_process, SLOTS=4):
        generation.generate(task, workers=1, rollouts=rollouts, out=out, seed=seed, dtype=dtype, **which, **kind)
    return out
