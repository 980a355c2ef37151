"""The pole's sizes for the library."""

from pathlib import Path

from env import FPS, MAX_STEPS, Pole

from worldmodels.task import Task


def to_action(outputs):
    """C's output (n, 1) in [-1, 1] is the action."""
    return outputs


POLE = Task(
    name="pole",
    folder=Path(__file__).resolve().parent,
    make_env=Pole,
    max_steps=MAX_STEPS,
    fps=FPS,
    z_size=8,
    hidden_size=64,
    action_size=1,
    to_action=to_action,
    shortest_episode=5,
    end_logit=True,  # M learns when the pole falls, so that C could learn in the dream as well
    endless_rows=True,  # episodes of random play are short: they are strung together
)
