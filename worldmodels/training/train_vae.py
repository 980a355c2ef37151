"""Training V on a folder of episodes, for any task: the options, the data, and what is shown at the end."""

from pathlib import Path

import numpy as np

from worldmodels.computing.device import use
from worldmodels.data.episodes import Episodes, hold_out, list_episodes
from worldmodels.data.frames import FrameStream, some_frames
from worldmodels.files.weights import load_weights
from worldmodels.files.writing import atomic_path
from worldmodels.scripts.cli import non_negative_float, positive_int
from worldmodels.training import options, schedules
from worldmodels.training.loop import run_name, train

HELD_OUT_FRAMES = 1000
PICTURE_FRAMES = 16


def add_options(parser):
    """The options of vae_train.py. Defaults are the 2018 code's. The paper (A.1) trains for one epoch."""
    options.add_options(
        parser,
        data=("record", "folder of episodes made by extract.py"),
        out="weights/vae.weights.h5",
        rows="frames",
        learning_rate=1e-4,
        choices=("constant", "cosine"),
        schedule="constant",
    )
    add = parser.add_argument
    add("--epochs", type=positive_int, default=10, help="passes over the data (2018 code: 10; paper: 1)")
    add("--steps", type=positive_int,
        help="batches to train on, with those of a run that is continued, in place of --epochs")  # fmt: skip
    add("--free_bits", type=non_negative_float, default=0.5, metavar="NATS",
        help="of KL divergence for each dimension of z that cost nothing (2018 code: 0.5); more of them keep more "
        "dimensions in use, and what is small in the picture")  # fmt: skip


def train_vae(
    task,
    *,
    data,
    init,
    out,
    epochs,
    steps,
    free_bits,
    batch_size,
    learning_rate,
    schedule,
    seed,
    precision,
    device,
    tensorboard,
    restart,
):
    """Train V, and write its weights, its losses and a picture of reconstructions. The options are `add_options`'s."""
    use(device)
    learned_files, held_out_files = hold_out(list_episodes(data))
    learned, held_out = (Episodes(files, task.action_size) for files in (learned_files, held_out_files))
    frames = FrameStream(learned, batch_size, seed)
    steps = steps or epochs * frames.steps_per_epoch

    from worldmodels.computing.backend import keras, set_random_seed

    set_random_seed(seed)
    vae = task.make_vae(precision)
    vae.free_bits = free_bits
    if init:
        load_weights(vae, init, "V")
    vae.compile(keras.optimizers.Adam(schedules.learning_rate(schedule, learning_rate, steps)))
    pictures = some_frames(held_out if len(held_out) else learned, HELD_OUT_FRAMES)
    losses = train(
        vae,
        VAEBatches(frames, vae, seed),
        fixed_batches(vae, pictures, batch_size),
        out,
        steps,
        settings={
            "z_size": vae.z_size,
            "free_bits": free_bits,
            "batch_size": batch_size,
            "seed": seed,
            "precision": precision,
            "init": init,
            "schedule": schedules.description(schedule, steps),
        },
        tensorboard=tensorboard,
        restart=restart,
    )
    picture = Path(out).with_name(run_name(out) + "_reconstructions.png")
    if losses or not picture.exists():
        save_reconstructions(vae, pictures[:: max(1, len(pictures) // PICTURE_FRAMES)][:PICTURE_FRAMES], picture)
    if losses:
        where = f"{len(held_out)} held-out episodes" if len(held_out) else "the only episode, which it was trained on"
        print(
            f"{out}: reconstruction {losses['held_out_reconstruction']:.2f}, KL {losses['held_out_kl']:.2f} nats "
            f"on {where}; see {picture}"
        )


class VAEBatches:
    """Batches of frames with the noise that V's sampling needs, a function of seed and place in the stream."""

    def __init__(self, frames, vae, seed):
        self.frames, self.vae, self.seed = frames, vae, seed

    def __next__(self):
        rng = np.random.default_rng((self.seed, self.frames.epoch, self.frames.chunk, self.frames.batch))
        images = next(self.frames)
        return images, self.vae.noise(rng, len(images))

    @property
    def state(self):
        return self.frames.state

    def restore(self, state):
        return self.frames.restore(state)


def fixed_batches(vae, frames, batch_size):
    """All frames as a list of full batches with noise, always the same; the first frames fill up the last one."""
    rng = np.random.default_rng(0)
    rows = np.arange(-(-len(frames) // batch_size) * batch_size) % len(frames)
    return [(frames[part], vae.noise(rng, batch_size)) for part in rows.reshape(-1, batch_size)]


def save_reconstructions(vae, frames, path):
    """Write `reconstructions` as a PNG."""
    image = reconstructions(vae, frames)
    with atomic_path(path) as temporary:
        image.save(temporary)


def reconstructions(vae, frames):
    """A Pillow image of each frame (uint8) above its reconstruction from mu, eight pairs a row, at twice the size."""
    from PIL import Image

    mu, _ = vae.encoder.predict_on_batch(frames)
    seen = np.round(vae.decoder.predict_on_batch(mu) * 255).astype(np.uint8)
    pairs = np.concatenate([frames, seen], axis=1)  # (N, 128, 64, 3)
    pairs = pairs[np.arange(-(-len(pairs) // 8) * 8) % len(pairs)]
    rows = [np.concatenate(list(row), axis=1) for row in pairs.reshape(-1, 8, *pairs.shape[1:])]
    image = Image.fromarray(np.concatenate(rows, axis=0))
    return image.resize((image.width * 2, image.height * 2), Image.NEAREST)
