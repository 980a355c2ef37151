"""Training V, from episodes to weights."""

import dataclasses
import itertools

import numpy as np
import pytest
from line import csv_steps
from records import make_record
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from carracing.task import CARRACING
from worldmodels.data.episodes import Episodes, list_episodes
from worldmodels.data.frames import FrameStream
from worldmodels.files.weights import load_weights
from worldmodels.scripts.cli import Parser, UserError
from worldmodels.training.train_vae import VAEBatches, add_options, train_vae

SMALL = dataclasses.replace(CARRACING, z_size=8)


def train(folder, *words, task=SMALL):
    parser = Parser()
    add_options(parser)
    paths = ["--data", folder / "record", "--out", folder / "w/vae.weights.h5", "--tensorboard", folder / "tb"]
    train_vae(task, **vars(parser.parse_args(list(map(str, [*paths, "--batch_size", 20, *words])))))


def test_it_writes_weights_losses_events_and_a_picture(tmp_path, capsys):
    make_record(tmp_path / "record", [20] * 3)
    train(tmp_path, "--epochs", 1)
    assert "on 1 held-out episodes" in capsys.readouterr().out
    out = tmp_path / "w/vae.weights.h5"
    load_weights(SMALL.make_vae(), out, "V")
    assert csv_steps(out.with_name("vae.losses.csv"))[-1] == 2  # two episodes of 20 frames
    (events,) = (tmp_path / "tb/w/vae").glob("events*")
    *_, last = EventFileLoader(str(events)).Load()
    assert last.step == 2 and {value.tag for value in last.summary.value} > {"loss", "kl", "held_out_reconstruction"}

    picture = out.with_name("vae_reconstructions.png")
    seen = picture.read_bytes()
    assert len(seen) > 1000
    picture.unlink()
    train(tmp_path, "--epochs", 1)  # finished: the picture alone is made again, the same
    assert picture.read_bytes() == seen
    with pytest.raises(UserError, match="constant or decay, not cosine over 3 steps"):
        train(tmp_path, "--steps", 3, "--schedule", "cosine")


def test_each_batch_has_noise_of_its_own_and_the_same_again_after_a_kill(tmp_path):
    make_record(tmp_path / "record", [20] * 2)
    vae = SMALL.make_vae()

    def batches():
        return VAEBatches(FrameStream(Episodes(list_episodes(tmp_path / "record"), 3), 10, seed=1), vae, seed=1)

    stream = batches()
    noise = [next(stream)[1] for _ in range(6)]  # an epoch has 4 batches
    assert all((a != b).all() for a, b in itertools.combinations(noise, 2))
    state = stream.state
    expected, again = next(stream)[1], batches()
    again.restore(state)
    assert (next(again)[1] == expected).all()


def test_bfloat16_is_another_arithmetic_with_nearly_the_same_losses(tmp_path):
    make_record(tmp_path / "record", [20] * 3)
    weights, losses = [], []
    for precision in ("float32", "bfloat16"):
        train(tmp_path, "--steps", 2, "--precision", precision, "--restart")
        weights.append((tmp_path / "w/vae.weights.h5").read_bytes())
        losses.append(np.genfromtxt(tmp_path / "w/vae.losses.csv", delimiter=",", names=True)["loss"].flat[-1])
    assert weights[0] != weights[1] and losses[1] == pytest.approx(losses[0], rel=0.01)


def test_free_bits_are_the_least_that_the_divergence_of_an_untrained_v_counts(tmp_path):
    make_record(tmp_path / "record", [20] * 3)
    for options, nats in (((), 8 * 0.5), (("--free_bits", 3, "--restart"), 8 * 3)):
        train(tmp_path, "--steps", 1, *options)
        assert np.genfromtxt(tmp_path / "w/vae.losses.csv", delimiter=",", names=True)["kl"] == nats


def test_episodes_of_another_task_are_refused(tmp_path):
    make_record(tmp_path / "record", [20] * 3)
    with pytest.raises(UserError, match="is of another task"):
        train(tmp_path, task=dataclasses.replace(SMALL, action_size=1))
