"""Doom Take Cover's sizes (paper, table in A) for the shared library."""

from pathlib import Path

from doomrnn.env import ACTION_SIZE, MAX_STEPS, DoomTakeCover
from worldmodels.task import Task

TEMPERATURE = 1.15  # of the dreams that C learns in (paper: 1.15 does best in the game)


def to_action(outputs):
    """C's output (n, 1) in [-1, 1] is the action: the game cuts it in thirds, and M reads the number itself."""
    return outputs


DOOM = Task(
    name="doomrnn",
    folder=Path(__file__).resolve().parent,
    z_size=64,
    hidden_size=512,
    action_size=ACTION_SIZE,
    end_logit=True,
    controller="z_c_h",
    controller_bias=False,
    max_steps=MAX_STEPS,
    shortest_episode=101,  # 2018 code
    to_action=to_action,
    make_env=DoomTakeCover,
)
