"""Doom Take Cover's sizes (paper, table in A) for the shared library."""

from pathlib import Path

from doomrnn.env import ACTION_SIZE, FPS, MAX_STEPS, DoomTakeCover
from worldmodels.task import Task


def to_action(outputs):
    """C's output (n, 1) in [-1, 1] is the action: the game cuts it in thirds, and M reads the number itself."""
    return outputs


DOOM = Task(
    name="doomrnn",
    folder=Path(__file__).resolve().parent,
    make_env=DoomTakeCover,
    max_steps=MAX_STEPS,
    fps=FPS,
    z_size=64,
    hidden_size=512,
    action_size=ACTION_SIZE,
    to_action=to_action,
    controller="z_c_h",
    controller_bias=False,
    shortest_episode=101,  # 2018 code
    end_logit=True,
    endless_rows=True,
    temperature=1.15,  # paper: does best in the game
)
