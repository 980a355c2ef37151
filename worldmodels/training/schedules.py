"""The learning rate in the course of a training."""

import math

from worldmodels.scripts.cli import positive_float

DECAY, DECAYED = 0.99999, 1e-5  # factor a step on the rate above its minimum, and that minimum (2018 code, Doom)
WARM_UP_STEPS = 1000  # a cosine's rate rises in the first 1 % of all steps, and in so many at most
LAST = 0.01  # share of the highest rate that a cosine ends with
WORDS = {
    "constant": "constant learning rate",
    "decay": "decay: falls by a 100,000th a step (2018 code, Doom)",
    "cosine": "cosine: rises in the first 1 %% of the steps, then falls to 1 %% at the last one",
}


def add_options(parser, schedules, schedule, learning_rate):
    """schedules: those to choose from, of constant, decay and cosine; schedule and learning_rate: the defaults."""
    add = parser.add_argument
    add("--learning_rate", type=positive_float, default=learning_rate,
        help="of Adam, the highest of its --schedule; may be changed when a run goes on")  # fmt: skip
    add("--schedule", choices=schedules, default=schedule, help="; ".join(WORDS[name] for name in schedules))


def learning_rate(schedule, highest, steps):
    """What Adam takes for a training of `steps` steps in all: a number, or a function of the steps done before."""
    if schedule == "constant":
        return highest
    import keras

    class Schedule(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step):
            return rate(highest, keras.ops.cast(step, "float32"), steps)

    rate = {"decay": _decay, "cosine": _cosine}[schedule]
    return Schedule()


def _decay(highest, step, steps):
    lowest = min(DECAYED, highest)
    return lowest + (highest - lowest) * DECAY**step


def _cosine(highest, step, steps):
    from keras import ops

    warm_up = min(WARM_UP_STEPS, -(-steps // 100))
    done = (step + 1 - warm_up) / max(1, steps - warm_up)  # of the way down: 0 to 1
    down = LAST + (1 - LAST) * (1 + ops.cos(math.pi * done)) / 2
    return highest * ops.where(step < warm_up, (step + 1) / warm_up, down)


def description(schedule, steps):
    """What runs must have in common to be one: the rate of a cosine depends on the number of steps, others do not."""
    return f"cosine over {steps:,} steps" if schedule == "cosine" else "constant or decay"
