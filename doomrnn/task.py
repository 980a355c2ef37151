"""Doom Take Cover's sizes (paper, A.1, A.2) for the shared library."""

from pathlib import Path

from doomrnn.env import ACTION_SIZE, FPS, MAX_STEPS, DoomTakeCover
from worldmodels.task import Task


def to_action(outputs):
    """C's output (n, 1) in [-1, 1] is the action: the game cuts it in thirds, and M reads the number itself."""
    return outputs


def mirrored(actions):
    """Left is right: the room, its monsters and the player are the same in a mirror."""
    return -actions


def finished(rewards, max_steps):
    """Whether a player with these rewards (T,) survived to the timeout."""
    return len(rewards) == max_steps


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
    mirrored=mirrored,
    controller="z_c_h",
    controller_bias=False,
    shortest_episode=101,  # 2018 code
    end_logit=True,
    endless_rows=True,
    temperature=1.15,  # paper: does best in the game
    env_id="WorldModels/DoomTakeCover-v0",
    finished=finished,
    goal=f"survived all {MAX_STEPS} tics",
    credits="The pictures show Freedoom's graphics, which come with ViZDoom, under the modified BSD licence.",
)
