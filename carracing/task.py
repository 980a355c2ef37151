"""CarRacing's sizes (paper, A.1, A.2) for the shared library."""

from pathlib import Path

from gymnasium.envs.box2d.car_racing import FPS

from carracing.env import ACTION_SIZE, MAX_STEPS, CarRacing, to_action
from worldmodels.task import Task


def finished(rewards, max_steps):
    """Whether a car with these rewards (T,) did its lap in time: it ended early, and not by leaving the field."""
    return len(rewards) < max_steps and rewards[-1] > -100


CARRACING = Task(
    name="carracing",
    folder=Path(__file__).resolve().parent,
    make_env=CarRacing,
    max_steps=MAX_STEPS,
    fps=FPS,
    z_size=32,
    hidden_size=256,
    action_size=ACTION_SIZE,
    to_action=to_action,
    env_id="WorldModels/CarRacing-v0",
    finished=finished,
    goal=f"finished the lap before frame {MAX_STEPS}",
    credits="The pictures are drawn after Gymnasium's CarRacing, which is under the MIT licence.",
)
