"""CarRacing's sizes (paper, table in A) for the shared library."""

from pathlib import Path

from carracing.env import ACTION_SIZE, MAX_STEPS, CarRacing, to_action
from worldmodels.task import Task

CARRACING = Task(
    name="carracing",
    folder=Path(__file__).resolve().parent,
    z_size=32,
    hidden_size=256,
    action_size=ACTION_SIZE,
    end_logit=False,
    controller="z_h",
    controller_bias=True,
    max_steps=MAX_STEPS,
    shortest_episode=1,
    to_action=to_action,
    make_env=CarRacing,
)
