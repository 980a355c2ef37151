"""Training M on what V made of the episodes, for any task: options, data, and the files beside the weights."""

from pathlib import Path

import numpy as np

from worldmodels.computing.device import use
from worldmodels.data.episodes import hold_out
from worldmodels.data.sequences import EndlessRows, Sequences
from worldmodels.data.series import Series
from worldmodels.data.starts import find_midway, find_starts
from worldmodels.files.weights import fingerprint, fingerprint_of_file, load_weights
from worldmodels.files.writing import make_folder, save_json, save_npz
from worldmodels.scripts.cli import UserError, non_negative_int, positive_int
from worldmodels.training import options, schedules
from worldmodels.training.loop import run_name, train

CLIP = 1.0  # gradients are cut to between minus and plus this (2018 code: grad_clip)
HELD_OUT_BATCHES = 2
HELD_OUT_FRAMES = 1000  # in an endless row: it begins with an episode, and the first hundred frames never end one


def add_options(parser, *, steps, sequence, schedule="constant"):
    """The options of rnn_train.py. Defaults are the 2018 code's."""
    options.add_options(
        parser,
        data=("series/series.npz", "file made by series.py"),
        out="weights/rnn.weights.h5",
        rows="sequences",
        learning_rate=1e-3,
        choices=("constant", "decay", "cosine"),
        schedule=schedule,
    )
    add = parser.add_argument
    add("--steps", type=non_negative_int, default=steps,
        help="batches to train on, with those of a run that is continued; 0: an M that has learned nothing, to compare "
        "with")  # fmt: skip
    add("--sequence", type=positive_int, default=sequence, help="frames in a sequence, through which gradients flow")


def train_rnn(
    task,
    *,
    data,
    out,
    init,
    steps,
    sequence,
    batch_size,
    learning_rate,
    schedule,
    seed,
    precision,
    device,
    tensorboard,
    restart,
    midway=None,
):
    """Train M. The options are `add_options`'s, and midway: a series, for midway.npz; None: there is none.

    Writes its weights and, beside them, its losses, initial_z.json and midway.npz (where dreams start) and rnn.json,
    which says by fingerprints which M this is and which V it goes with. Weights of another name than rnn.weights.h5
    have their own: <name>.initial_z.json, <name>.midway.npz and <name>.rnn.json.
    """
    use(device)
    series = Series(data)
    learned, held_out = hold_out(usable_episodes(task, series, data, sequence), even=series.mirrored)
    folder = make_folder(Path(out).parent)
    check_vae(folder / "vae.weights.h5", series, data)
    series.check()
    starts = find_starts(series)
    if midway:
        midway = Series(midway)
        if midway.vae != series.vae:
            raise UserError(f"{midway.path} was made by another V than {data}: run series.py again")
        midway.check()

    from worldmodels.computing.backend import keras, set_random_seed

    set_random_seed(seed)
    rnn = task.make_rnn(precision)
    if init:
        load_weights(rnn, init, "M")
    rnn.compile(keras.optimizers.Adam(schedules.learning_rate(schedule, learning_rate, steps), clipvalue=CLIP))
    if task.endless_rows:
        rnn.carry_state(batch_size)

    kind, held_out_frames = (EndlessRows, HELD_OUT_FRAMES) if task.endless_rows else (Sequences, sequence)

    def batches(episodes, seed, frames):
        return kind(series, episodes, batch_size, frames, seed, task.end_logit, task.max_steps)

    losses = train(
        rnn,
        batches(learned, seed, sequence),
        [next(batches(held_out or learned, number, held_out_frames)) for number in range(HELD_OUT_BATCHES)],
        out,
        steps,
        settings={
            "V": series.vae,
            "batch_size": batch_size,
            "sequence": sequence,
            "seed": seed,
            "precision": precision,
            "init": init,
            "schedule": schedules.description(schedule, steps),
        },
        tensorboard=tensorboard,
        restart=restart,
    )
    prefix = "" if run_name(out) == "rnn" else f"{run_name(out)}."
    save_json(folder / f"{prefix}initial_z.json", starts)
    done = int(rnn.optimizer.iterations.numpy())  # more than `steps` if an earlier run went further
    save_json(folder / f"{prefix}rnn.json", {"rnn": fingerprint(rnn), "vae": series.vae, "steps": done})
    if midway:
        save_midway(task, out, midway, folder / f"{prefix}midway.npz")
    if losses:
        where = f"{len(held_out):,} held-out episodes" if held_out else "the only episode, which it was trained on"
        nats = losses["held_out_z" if rnn.done else "held_out_loss"]
        print(f"{out}: {nats:.4f} nats a dimension on {where}")


def save_midway(task, weights, series, path):
    """Write the states that the M of a file of weights is in all over the episodes of a series (data/starts.py)."""
    rnn = task.make_rnn()  # whatever arithmetic it was trained in
    load_weights(rnn, weights, "M")
    states = find_midway(rnn, series)
    save_npz(path, {**states._asdict(), "rnn": fingerprint(rnn)})
    print(f"{path}: {len(states.mu):,} states of {len(series):,} episodes")


def check_vae(path, series, data):
    """UserError if the V beside which M is to lie is there, and is not the one that made the series."""
    if path.exists() and fingerprint_of_file(path, "V") != series.vae:
        raise UserError(
            f"{data} was made by another V than {path}: run series.py again, or name another folder in --out"
        )


def usable_episodes(task, series, data, sequence):
    """The numbers of the episodes that are long enough; UserError if there is none, or if they are of another task."""
    sizes = series.mu.shape[1], series.action.shape[1]
    if sizes != (task.z_size, task.action_size):
        raise UserError(
            f"{data} has {sizes[0]} numbers in z and {sizes[1]} in an action, but {task.name} has "
            f"{task.z_size} and {task.action_size}: name the series of {task.name} with --data, or run series.py again"
        )
    if series.vae is None:
        raise UserError(f"{data} does not say which V made it: run series.py again")
    enough, remedy = task.shortest_episode - 1, "run extract.py again, and series.py"
    if not task.endless_rows and sequence > enough:  # a sequence also needs the frame after it
        enough, remedy = sequence, "choose a smaller --sequence"
    usable = np.flatnonzero(series.lengths > enough).tolist()
    if not usable:
        longest = max(series.lengths, default=0)
        raise UserError(f"no episode of {data} has more than {enough} frames (the longest has {longest}): {remedy}")
    if task.endless_rows and sequence > (frames := int(series.lengths[usable].sum())):
        raise UserError(f"all episodes of {data} together have {frames} frames: choose a smaller --sequence")
    if left_out := len(series) - len(usable):
        print(f"{left_out:,} of {len(series):,} episodes are left out: they have no more than {enough} frames")
    return usable
