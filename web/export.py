"""What the page needs of a task, from its shipped agent: the networks, where dreams start, and frames for V."""

import gzip

import numpy as np
from PIL import Image

from web import graphs
from worldmodels.data import seeds
from worldmodels.data.starts import SCALE, load_starts
from worldmodels.files.writing import atomic_path, make_folder, save_json
from worldmodels.playing.worlds import load_world
from worldmodels.rollout import Job, run_episodes
from worldmodels.scripts.cli import UserError

STARTS = 256  # of the first frames that dreams start from
FRAMES, STEPS = 12, 600  # so many frames of V's page, from so many steps of an episode


def export(task, folder):
    """Write a task's files into a folder: decoder, dream and controller as .onnx.gzip, task.json and frames.png.

    UserError if the task has no shipped C.
    """
    folder = make_folder(folder)
    if not task.shipped:
        raise UserError(f"{task.folder / 'pretrained'} holds no controller (*.best.json), or several: leave one")
    world, trained = load_world(task, task.shipped, 1, dream=False)
    models = {
        "decoder": graphs.decoder(trained.vae),
        "dream": graphs.dream(trained.rnn),
        "controller": graphs.controller(trained.controller, trained.params, task.to_action),
    }
    for name, model in models.items():
        save_gzip(folder / f"{name}.onnx.gzip", model.SerializeToString())
    observations = record(world, trained.params)
    mu, logvar = (np.array(array) for array in trained.vae.encoder.predict_on_batch(observations))
    chosen = np.linspace(0, len(observations) - 1, FRAMES).astype(int)
    with atomic_path(folder / "frames.png") as temporary:
        Image.fromarray(np.concatenate(observations[chosen], axis=1)).save(temporary)
    starts = (whole(array[:STARTS]) for array in load_starts(trained.folder, task.z_size)[:2])
    sizes = {name: getattr(task, name) for name in ("name", "z_size", "hidden_size", "action_size", "max_steps", "fps")}
    about = {
        **sizes,
        "temperature": trained.temperature,
        "starts": dict(zip(("mu", "logvar"), starts, strict=True)),
        "frames": whole(mu[chosen]),
        "kl": np.round((np.square(mu) + np.exp(logvar) - 1 - logvar).mean(0) / 2, 3).tolist(),  # nats of each dimension
    }
    save_json(folder / "task.json", about)


def record(world, params):
    """The frames of the beginning of an episode on a seed of the expert rollouts: (T, 64, 64, 3) uint8."""
    world.record, world.max_steps = True, STEPS
    (episode,) = run_episodes(world, [Job(seeds.EXPERT.start, params)])
    return episode.frames.observations


def whole(array):
    """Times 10,000 and rounded, as initial_z.json holds numbers."""
    return np.rint(np.float64(array) * SCALE).astype(int).tolist()


def save_gzip(path, content):
    with atomic_path(path) as temporary:
        temporary.write_bytes(gzip.compress(content, mtime=0))
