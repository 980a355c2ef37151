"""The training loop: resumed, interrupted, stopped at NaN, and on a disk that fills up."""

import os
import signal
import sys
import time

os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

import keras
import numpy as np
import pytest
from damage import with_a_wrong_byte
from line import HELD_OUT, Line, Numbers, csv_steps, line_run

from worldmodels.files.locking import lock
from worldmodels.files.sealed import load_sealed, save_sealed
from worldmodels.files.weights import fingerprint, load_weights
from worldmodels.scripts.cli import UserError
from worldmodels.training import loop
from worldmodels.training.checkpoint import Checkpoint
from worldmodels.training.interrupts import deferred_interrupts
from worldmodels.training.schedules import description, learning_rate

pytestmark = pytest.mark.usefixtures("no_pictures")


@pytest.fixture
def every_step(monkeypatch):
    """A checkpoint and a row at every step."""
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What ten steps give that nothing interrupts."""
    return fingerprint(line_run(tmp_path_factory.mktemp("whole") / "a.weights.h5")[0])


def checkpoint_of(out):
    return out.parent / "checkpoints" / loop.run_name(out) / "checkpoint.npz"


# Going on


def test_killed_and_resumed_equals_uninterrupted(tmp_path, every_step, whole):
    out = tmp_path / "a.weights.h5"
    for restart, words in ((False, "^$"), (True, "^, without --restart$")):  # what cli.run adds to "run it again"
        with pytest.raises(KeyboardInterrupt, match=words):
            line_run(out, Numbers(kill_at=6), restart=restart)
    assert not out.exists()
    resumed, losses = line_run(out)
    assert fingerprint(resumed) == whole
    assert losses["held_out_loss"] == pytest.approx(loop.measure(resumed, HELD_OUT)["loss"])
    assert csv_steps(tmp_path / "a.losses.csv") == list(range(1, 11))
    fresh = Line()
    load_weights(fresh, out, "the line")
    assert fingerprint(fresh) == whole


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_kill_lose_no_step(tmp_path, number, whole):
    class Interrupted(Numbers):
        def __next__(self):
            if self.step == 6:
                signal.raise_signal(number)
            return super().__next__()

    out = tmp_path / "a.weights.h5"
    former = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as cli.run does
    try:
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            line_run(out, Interrupted())
    finally:
        signal.signal(signal.SIGTERM, former)
    assert load_sealed(checkpoint_of(out), "the checkpoint", "")[0]["step"] == 7
    assert fingerprint(line_run(out)[0]) == whole


def test_a_second_ctrl_c_does_not_wait():
    with pytest.raises(KeyboardInterrupt), deferred_interrupts() as interrupts:
        signal.raise_signal(signal.SIGINT)
        assert interrupts == [signal.SIGINT]
        signal.raise_signal(signal.SIGINT)
        pytest.fail("it waited")


def test_an_ignored_ctrl_c_stays_ignored():
    former = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with deferred_interrupts() as interrupts:
            signal.raise_signal(signal.SIGINT)
        assert interrupts == []
    finally:
        signal.signal(signal.SIGINT, former)


def test_a_finished_run_says_so_can_be_prolonged_and_started_over(tmp_path, capsys, whole):
    out = tmp_path / "a.weights.h5"
    line_run(out, steps=5)
    for damage in (out.unlink, lambda: out.write_bytes(b"")):
        damage()
        _, losses = line_run(out, steps=5)
        assert losses is None and "finished: 5 steps" in capsys.readouterr().out
        load_weights(Line(), out, "the line")
    longer, _ = line_run(out)
    assert "going on at step 5" in capsys.readouterr().out
    assert fingerprint(longer) == whole
    again, losses = line_run(out, restart=True)
    assert losses is not None and fingerprint(again) == whole


def test_the_learning_rate_may_change_on_the_way(tmp_path):
    line_run(tmp_path / "a.weights.h5")
    model, _ = line_run(tmp_path / "a.weights.h5", steps=11, rate=0.001)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.001)


def test_a_cosine_goes_on_where_it_was(tmp_path, every_step):
    rate = learning_rate("cosine", 0.05, 10)
    whole, _ = line_run(tmp_path / "whole" / "a.weights.h5", rate=rate)
    with pytest.raises(KeyboardInterrupt):
        line_run(tmp_path / "a.weights.h5", Numbers(kill_at=6), rate=rate)
    resumed, _ = line_run(tmp_path / "a.weights.h5", rate=rate)
    assert fingerprint(resumed) == fingerprint(whole)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ({"z_size": 32}, {"z_size": 64}, "z_size 32, not 64"),
        ({"schedule": description("cosine", 10)}, {"schedule": description("cosine", 20)}, "over 10 steps, not cosine"),
        ({"schedule": description("constant", 10)}, {"schedule": description("cosine", 20)}, "constant or decay, not"),
    ],
)
def test_a_checkpoint_of_other_settings_is_an_error_that_names_them(tmp_path, before, after, words):
    line_run(tmp_path / "a.weights.h5", settings=before)
    with pytest.raises(UserError, match=rf"{words}.*--restart"):
        line_run(tmp_path / "a.weights.h5", steps=20, settings=after)


def test_runs_with_dots_in_their_names_share_no_checkpoint():
    names = ("weights/vae.weights.h5", "weights/vae.b.weights.h5", "vae2.h5")
    assert [loop.run_name(name) for name in names] == ["vae", "vae.b", "vae2"]


# What goes wrong


def test_a_damaged_checkpoint_says_restart(tmp_path):
    """Turned bytes, wrong types, numbers changed, Python objects, another version: all are one line."""
    model, numbers = Line(), Numbers()
    model.compile(keras.optimizers.Adam(0.05))
    checkpoint = Checkpoint(tmp_path, model, numbers, {})
    checkpoint.save(3)
    about, arrays = load_sealed(checkpoint.path, "", "")

    def loads():
        try:
            return checkpoint.load() == 3
        except UserError as error:
            assert "start over with --restart" in str(error)

    assert loads() and False in [bool(loads()) for _ in with_a_wrong_byte(checkpoint.path, step=30)]
    np.savez(checkpoint.path, about=str(about | {"step": "three"}), **arrays)
    assert not loads()
    np.savez(checkpoint.path, about=np.array([about], object), **arrays)
    assert not loads()
    save_sealed(checkpoint.path, about, arrays | {"model0": np.zeros((2, 1))})
    assert not loads()
    for wrong in ({"step": "three"}, {"stream": "three"}, {"stream": {}}):  # a checksum says nothing of what it seals
        save_sealed(checkpoint.path, about | wrong, arrays)
        assert not loads()


def test_nan_loss_stops_and_keeps_the_last_good_weights(tmp_path, every_step):
    out = tmp_path / "a.weights.h5"
    with pytest.raises(KeyboardInterrupt):
        line_run(out, Numbers(kill_at=6))
    expected = load_sealed(checkpoint_of(out), "", "")[1]["model0"]
    for _ in range(2):  # the second run goes on from the last good step, and meets the same NaN
        with pytest.raises(
            UserError, match=r"NaN by step 7\. The last good weights, of step 6, are in .*learning_rate"
        ):
            line_run(out, Numbers(nan_at=6))
    assert not out.exists()
    fresh = Line()
    load_weights(fresh, checkpoint_of(out).with_name("last_good.weights.h5"), "the line")
    np.testing.assert_array_equal(fresh.get_weights()[0], expected)
    np.testing.assert_array_equal(load_sealed(checkpoint_of(out), "", "")[1]["model0"], expected)


def test_a_folder_in_place_of_the_weights_is_an_error_before_any_step(tmp_path):
    with pytest.raises(UserError, match="is a folder: name the file"):
        line_run(tmp_path)
    assert not list(tmp_path.iterdir())


def test_two_trainings_of_the_same_weights_do_not_mix(tmp_path, monkeypatch):
    line_run(tmp_path / "a.weights.h5", steps=1)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with (
        lock(checkpoint_of(tmp_path / "a.weights.h5").with_name("lock"), ""),
        pytest.raises(UserError, match="another process is training"),
    ):
        line_run(tmp_path / "a.weights.h5")


# The losses


def test_losses_after_the_last_checkpoint_are_not_logged_twice(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "ROW_STEPS", 2)
    with pytest.raises(KeyboardInterrupt):
        line_run(tmp_path / "a.weights.h5", Numbers(kill_at=6))
    assert csv_steps(tmp_path / "a.losses.csv") == [2, 4, 6]
    line_run(tmp_path / "a.weights.h5")
    assert csv_steps(tmp_path / "a.losses.csv") == [2, 4, 6, 8, 10]


def test_a_damaged_table_of_losses_is_mended_or_one_line(tmp_path):
    line_run(tmp_path / "a.weights.h5")
    path = tmp_path / "a.losses.csv"
    path.write_bytes(path.read_bytes() + b"\n\xff\xfe,1\n,,,,,\nsix,7\n")
    line_run(tmp_path / "a.weights.h5", steps=20)
    assert csv_steps(path) == [10, 20]
    path.write_bytes(path.read_bytes() + b"x" * 200_000 + b"\n")
    with pytest.raises(
        UserError, match=r"the table of losses is damaged, or another kind of file: .*a\.losses\.csv.*move it away"
    ):
        line_run(tmp_path / "a.weights.h5", steps=30)


@pytest.mark.parametrize("file", ["a.losses.csv", "tb/*/a/events*"])
def test_a_disk_that_fills_up_under_the_losses_is_one_line_and_loses_no_step(tmp_path, monkeypatch, whole, file):
    class Filled(Numbers):
        def __next__(self):
            if self.step == 5:
                (path,) = tmp_path.glob(file)
                path.unlink()
                path.symlink_to("/dev/full")
            return super().__next__()

    monkeypatch.setattr(loop, "ROW_STEPS", 2)
    out = tmp_path / "a.weights.h5"
    with pytest.raises(UserError, match=r"cannot write .*: the disk is full"):
        line_run(out, Filled(), tensorboard=tmp_path / "tb")
    assert load_sealed(checkpoint_of(out), "", "")[0]["step"] == 6
    next(tmp_path.glob(file)).unlink()
    assert fingerprint(line_run(out)[0]) == whole
