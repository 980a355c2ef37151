"""Episode files, the stream of frames, the training loop, and series.npz."""

import argparse
import contextlib
import csv
import json
import os
import signal
import sys

os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

import keras
import numpy as np
import pytest

from worldmodels.data import episodes, series
from worldmodels.data.episodes import FrameStream, hold_out, list_episodes, read_ahead, read_episode, some_frames
from worldmodels.data.series import Series, write_series
from worldmodels.files.reading import load_json, load_npz
from worldmodels.files.weights import fingerprint, load_weights
from worldmodels.files.writing import save_npz
from worldmodels.scripts.cli import UserError
from worldmodels.training import loop as training
from worldmodels.training.train_vae import add_options, train_vae
from worldmodels.vae import VAE


def make_record(folder, lengths, first=0):
    """Episode files whose frames are all different: frame t of episode n is filled with the pixel (n, t, 0)."""
    folder.mkdir(exist_ok=True)
    for number, length in enumerate(lengths, first):
        obs = np.zeros((length, 64, 64, 3), np.uint8)
        obs[..., 0] = number
        obs[..., 1] = np.arange(length)[:, None, None]
        action = np.full((length, 3), number, np.float16)
        save_npz(folder / f"{number}.npz", {"obs": obs, "action": action}, compress=number % 2 == 0)
    return list_episodes(folder)


def names_of(batch):
    """The (episode, t) that each frame of make_record stands for."""
    return [tuple(frame[0, 0, :2].tolist()) for frame in batch]


# Episode files


def test_episodes_are_listed_by_seed_and_temporary_files_left_out(tmp_path):
    make_record(tmp_path, [1] * 3, first=9)
    (tmp_path / ".77.tmp.12.npz").touch()
    assert [path.stem for path in list_episodes(tmp_path)] == ["9", "10", "11"]


@pytest.mark.parametrize("folder", ["", "missing"])
def test_empty_or_missing_folder_says_run_extract_first(tmp_path, folder):
    with pytest.raises(UserError, match=r"run extract\.py first"):
        list_episodes(tmp_path / folder)


def test_held_out_episodes_are_the_last_twentieth_and_at_least_one_of_two():
    assert [len(part) for part in hold_out(range(100))] == [95, 5]
    assert hold_out(["a", "b"]) == (["a"], ["b"])
    assert hold_out(["a"]) == (["a"], [])


def test_damaged_episode_files_are_named(tmp_path):
    path = make_record(tmp_path, [4])[0]
    data = path.read_bytes()
    flipped = bytearray(data)
    flipped[300] ^= 255
    for damaged in (data[:-30], data[:100], b"", bytes(flipped)):
        path.write_bytes(damaged)
        with pytest.raises(
            UserError, match=r"0\.npz is unreadable or half-written: remove it and run extract\.py again"
        ):
            read_episode(path)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"frames": np.zeros(3)}, "no array action and obs"),
        ({"obs": np.zeros((2, 64, 64, 3), np.uint8)}, "no array action"),
        ({"obs": np.zeros((2, 64, 64, 3)), "action": np.zeros((2, 3))}, "not uint8"),
        ({"obs": np.zeros((2, 32, 32, 3), np.uint8), "action": np.zeros((2, 3))}, "not uint8"),
        ({"obs": np.zeros((2, 64, 64, 3), np.uint8), "action": np.zeros((3, 3))}, "does not go with"),
    ],
)
def test_files_of_another_kind_say_what_is_wrong(tmp_path, arrays, words):
    save_npz(tmp_path / "0.npz", arrays)
    with pytest.raises(UserError, match=words):
        read_episode(tmp_path / "0.npz")


@pytest.mark.filterwarnings("ignore::UserWarning")  # numpy's, of a header that only looks old
def test_a_wrong_byte_anywhere_in_an_npz_is_a_user_error_or_does_no_harm(tmp_path):
    path = tmp_path / "0.npz"
    save_npz(path, {"obs": np.zeros((1, 64, 64, 3), np.uint8), "action": np.ones((1, 3), np.float16)}, compress=1)
    data = path.read_bytes()
    found = []
    for place in range(len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :])
        for read in (read_episode, lambda path: load_npz(path, ("obs", "action"))):
            with contextlib.suppress(UserError):
                found.append(read(path))
    assert 0 < len(found) < len(data)  # of 2 * len(data) readings


def test_an_npy_under_the_name_of_an_npz_is_a_user_error(tmp_path):
    np.save(tmp_path / "0.npy", np.zeros(3))
    (tmp_path / "0.npy").rename(tmp_path / "0.npz")
    for read in (read_episode, Series, lambda path: load_npz(path, ["obs"])):
        with pytest.raises(UserError, match=r"0\.npz"):
            read(tmp_path / "0.npz")


@pytest.mark.parametrize("content", ["[" * 100_000, '{"a": 1', "[1]", "7", "null"])
def test_json_that_is_no_dict_is_a_user_error(content, tmp_path):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(UserError, match=r"a\.json"):
        load_json(tmp_path / "a.json", "the note", dict)


def test_read_ahead_yields_every_file_in_order(tmp_path):
    files = make_record(tmp_path, [2, 3, 1])
    assert [names_of(obs)[0][0] for obs, _ in read_ahead(files)] == [0, 1, 2]
    assert list(read_ahead([])) == []


def test_some_frames_come_from_all_over(tmp_path):
    frames = some_frames(make_record(tmp_path, [10, 3]), 6)
    assert names_of(frames) == [(0, 0), (0, 4), (0, 9), (1, 0), (1, 1), (1, 2)]


# The stream of frames

SMALL = 12 * episodes.FRAME_BYTES  # bytes: two chunks of six frames


def test_an_epoch_gives_every_frame_once_and_the_next_in_another_order(tmp_path):
    stream = FrameStream(make_record(tmp_path, [3, 3, 3, 3, 3, 3]), 3, seed=0, memory=SMALL)
    first = [names_of(next(stream)) for _ in range(stream.steps_per_epoch)]
    assert sorted(name for batch in first for name in batch) == [(n, t) for n in range(6) for t in range(3)]
    assert stream.epoch == 1
    second = [names_of(next(stream)) for _ in range(stream.steps_per_epoch)]
    assert sorted(name for batch in second for name in batch) == sorted(name for batch in first for name in batch)
    assert second != first
    assert any(len({n for n, _ in batch}) > 1 for batch in first)  # episodes are mixed


@pytest.mark.parametrize("memory", [SMALL, 1e9])
def test_stream_depends_on_its_seed_alone(tmp_path, memory):
    files = make_record(tmp_path, [4, 5, 2, 4])
    streams = [FrameStream(files, 3, seed, memory) for seed in (1, 1, 2)]
    one, same, other = ([names_of(next(stream)) for _ in range(12)] for stream in streams)
    assert one == same != other


@pytest.mark.parametrize("memory", [SMALL, 1e9])
def test_stream_goes_on_where_its_state_was_taken(tmp_path, memory):
    files = make_record(tmp_path, [4, 5, 2, 4])
    stream = FrameStream(files, 3, seed=0, memory=memory)
    for steps in range(12):
        resumed = FrameStream(files, 3, seed=0, memory=memory)
        assert resumed.restore(stream.state)
        assert names_of(next(resumed)) == names_of(next(stream)), steps


def test_stream_holds_two_chunks_of_bounded_size(tmp_path):
    stream = FrameStream(make_record(tmp_path, [3] * 9), 3, seed=0, memory=SMALL)
    for _ in range(20):
        next(stream)
        waiting = stream._next[1].result()
        assert stream._loaded[1].nbytes + waiting.nbytes <= SMALL


def test_data_that_fits_is_read_once(tmp_path, monkeypatch):
    reads = []
    monkeypatch.setattr(episodes, "read_episode", lambda path: reads.append(path) or read_episode(path))
    files = make_record(tmp_path, [3, 3])
    stream = FrameStream(files, 2, seed=0)
    for _ in range(4 * stream.steps_per_epoch):
        next(stream)
    assert len(reads) == len(files)


def test_batches_are_full_even_where_frames_are_few(tmp_path):
    stream = FrameStream(make_record(tmp_path, [3]), 8, seed=0)
    assert set(names_of(next(stream))) == {(0, 0), (0, 1), (0, 2)}
    assert len(next(stream)) == 8


def test_changed_episodes_start_a_new_epoch(tmp_path):
    stream = FrameStream(make_record(tmp_path, [3, 3]), 2, seed=0)
    next(stream)
    state = stream.state
    grown = FrameStream(make_record(tmp_path, [3, 3, 3]), 2, seed=0)
    assert not grown.restore(state)
    assert (grown.epoch, grown.batch) == (1, 0)


def test_a_file_damaged_after_the_start_stops_the_stream_with_its_name(tmp_path):
    files = make_record(tmp_path, [3] * 4)
    stream = FrameStream(files, 3, seed=0, memory=SMALL)
    for path in files:
        path.write_bytes(b"")
    with pytest.raises(UserError, match=r"\.npz is unreadable"):
        next(stream)


# The training loop


class Line(keras.Model):
    """The smallest model with the interface that `train` asks for."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1, name="dense")
        self.dense.build((None, 1))
        self.built = True

    def call(self, x):
        return self.dense(x)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return keras.ops.mean(keras.ops.square(y_pred - 3 * x))


class Numbers:
    """Batches that are a function of the step; raises or gives NaN at chosen steps."""

    def __init__(self, kill_at=None, nan_at=None):
        self.step, self.kill_at, self.nan_at = 0, kill_at, nan_at

    def __next__(self):
        if self.step == self.kill_at:
            raise KeyboardInterrupt
        batch = np.random.default_rng(self.step).normal(size=(8, 1)).astype(np.float32)
        if self.step == self.nan_at:
            batch[:] = np.nan
        self.step += 1
        return batch

    @property
    def state(self):
        return {"step": self.step}

    def restore(self, state):
        self.step = state["step"]
        return True


def line_run(out, steps=10, rate=0.05, settings=(), **options):
    keras.utils.set_random_seed(0)
    model = Line()
    model.compile(keras.optimizers.Adam(rate), jit_compile=False)
    restart = options.pop("restart", False)
    losses = training.train(
        model, Numbers(**options), [np.ones((8, 1), np.float32)], out, steps, dict(settings), restart=restart
    )
    return model, losses


def csv_steps(path):
    with open(path, newline="") as file:
        return [int(row["step"]) for row in csv.DictReader(file)]


@pytest.fixture
def every_step(monkeypatch):
    """A checkpoint and a row at every step."""
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", -1)


def test_killed_and_resumed_equals_uninterrupted(tmp_path, every_step):
    whole, _ = line_run(tmp_path / "whole" / "a.weights.h5")
    out = tmp_path / "killed" / "a.weights.h5"
    with pytest.raises(KeyboardInterrupt):
        line_run(out, kill_at=6)
    assert not out.exists()
    resumed, losses = line_run(out)
    assert fingerprint(resumed) == fingerprint(whole)
    assert losses["held_out_loss"] == pytest.approx(training.measure(whole, [np.ones((8, 1), np.float32)])["loss"])
    assert csv_steps(tmp_path / "killed" / "a.losses.csv") == list(range(1, 11))
    fresh = Line()
    load_weights(fresh, out, "the line")
    assert fingerprint(fresh) == fingerprint(whole)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_kill_lose_no_step(tmp_path, monkeypatch, number):
    class Interrupted(Numbers):
        def __next__(self):
            if self.step == 6:
                signal.raise_signal(number)
            return super().__next__()

    former = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as cli.run does
    try:
        with monkeypatch.context() as patch, pytest.raises((KeyboardInterrupt, SystemExit)):
            patch.setitem(line_run.__globals__, "Numbers", Interrupted)
            line_run(tmp_path / "a.weights.h5")
    finally:
        signal.signal(signal.SIGTERM, former)
    with np.load(tmp_path / "checkpoints" / "a" / "checkpoint.npz") as data:
        assert json.loads(str(data["about"]))["step"] == 7
    resumed, _ = line_run(tmp_path / "a.weights.h5")
    whole, _ = line_run(tmp_path / "whole" / "a.weights.h5")
    assert fingerprint(resumed) == fingerprint(whole)


def test_a_second_ctrl_c_does_not_wait():
    with pytest.raises(KeyboardInterrupt), training.deferred_interrupts() as interrupts:
        signal.raise_signal(signal.SIGINT)
        assert interrupts == [signal.SIGINT]
        signal.raise_signal(signal.SIGINT)
        pytest.fail("it waited")


def test_a_folder_in_place_of_the_weights_is_an_error_before_any_step(tmp_path):
    with pytest.raises(UserError, match="is a folder: name the file"):
        line_run(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_damaged_table_of_losses_is_mended(tmp_path):
    line_run(tmp_path / "a.weights.h5")
    path = tmp_path / "a.losses.csv"
    path.write_bytes(path.read_bytes() + b"\n\xff\xfe,1\n,,,,,\nsix,7\n")
    line_run(tmp_path / "a.weights.h5", steps=20)
    assert csv_steps(path) == [10, 20]


def test_losses_after_the_last_checkpoint_are_not_logged_twice(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "ROW_STEPS", 2)
    with pytest.raises(KeyboardInterrupt):
        line_run(tmp_path / "a.weights.h5", kill_at=6)
    assert csv_steps(tmp_path / "a.losses.csv") == [2, 4, 6]
    line_run(tmp_path / "a.weights.h5")
    assert csv_steps(tmp_path / "a.losses.csv") == [2, 4, 6, 8, 10]


def test_a_finished_run_says_so_can_be_prolonged_and_started_over(tmp_path, capsys):
    out = tmp_path / "a.weights.h5"
    ten, _ = line_run(out)
    for damage in (out.unlink, lambda: out.write_bytes(b"")):
        damage()
        _, losses = line_run(out)
        assert losses is None and "finished: 10 steps" in capsys.readouterr().out
        load_weights(Line(), out, "the line")
    longer, _ = line_run(out, steps=15)
    assert "going on at step 10" in capsys.readouterr().out
    whole, _ = line_run(tmp_path / "whole" / "a.weights.h5", steps=15)
    assert fingerprint(longer) == fingerprint(whole)
    again, losses = line_run(out, restart=True)
    assert losses is not None and fingerprint(again) == fingerprint(ten)


def test_nan_loss_stops_and_keeps_the_last_good_weights(tmp_path, every_step):
    with pytest.raises(KeyboardInterrupt):
        line_run(tmp_path / "good" / "a.weights.h5", kill_at=6)
    good = tmp_path / "good" / "checkpoints" / "a" / "checkpoint.npz"
    out = tmp_path / "nan" / "a.weights.h5"
    for _ in range(2):  # the second run goes on from the last good step, and meets the same NaN
        with pytest.raises(
            UserError, match=r"NaN at step 7\. The last good weights, of step 6, are in .*learning_rate"
        ):
            line_run(out, nan_at=6)
    assert not out.exists()
    saved = tmp_path / "nan" / "checkpoints" / "a"
    fresh = Line()
    load_weights(fresh, saved / "last_good.weights.h5", "the line")
    with np.load(good) as expected, np.load(saved / "checkpoint.npz") as found:
        np.testing.assert_array_equal(found["model0"], expected["model0"])
        np.testing.assert_array_equal(fresh.get_weights()[0], expected["model0"])


def test_a_checkpoint_of_other_settings_is_an_error_that_names_them(tmp_path):
    line_run(tmp_path / "a.weights.h5", settings={"z_size": 32})
    with pytest.raises(UserError, match=r"z_size 32, not 64.*--restart"):
        line_run(tmp_path / "a.weights.h5", steps=20, settings={"z_size": 64})


def test_the_learning_rate_may_change_on_the_way(tmp_path):
    line_run(tmp_path / "a.weights.h5")
    model, _ = line_run(tmp_path / "a.weights.h5", steps=11, rate=0.001)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.001)


def test_runs_with_dots_in_their_names_share_no_checkpoint():
    names = ("weights/vae.weights.h5", "weights/vae.b.weights.h5", "vae2.h5")
    assert [training.run_name(name) for name in names] == ["vae", "vae.b", "vae2"]


def test_damaged_checkpoint_says_restart(tmp_path):
    line_run(tmp_path / "a.weights.h5")
    path = tmp_path / "checkpoints" / "a" / "checkpoint.npz"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(UserError, match="damaged: start over with --restart"):
        line_run(tmp_path / "a.weights.h5")


def test_vae_training_end_to_end_writes_weights_losses_events_and_a_picture(tmp_path, capsys):
    make_record(tmp_path / "record", [20] * 3)
    parser = argparse.ArgumentParser()
    add_options(parser, z_size=8)
    out = tmp_path / "weights" / "vae.weights.h5"
    options = ["--data", str(tmp_path / "record"), "--out", str(out), "--log", str(tmp_path / "tb")]
    options = parser.parse_args([*options, "--epochs", "1", "--batch_size", "20"])
    train_vae(options)
    assert "on 1 held-out episodes" in capsys.readouterr().out
    assert csv_steps(out.with_name("vae.losses.csv")) == [2]  # two episodes of 20 frames
    assert list((tmp_path / "tb" / "vae").glob("events*"))
    picture = out.with_name("vae_reconstructions.png")
    seen = picture.read_bytes()
    assert len(seen) > 1000
    picture.unlink()
    train_vae(options)  # finished: the picture alone is made again, the same
    assert picture.read_bytes() == seen
    load_weights(VAE(8), out, "V")


# series.npz


@pytest.fixture(scope="module")
def vae():
    keras.utils.set_random_seed(0)
    return VAE(4)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(series, "BATCH", 8)
    monkeypatch.setattr(series, "SAVE_EPISODES", 1)


def test_fixed_length_series_has_the_2018_layout(tmp_path, vae):
    files = make_record(tmp_path / "record", [9, 9, 9])
    write_series(vae, files, tmp_path / "series.npz")
    with np.load(tmp_path / "series.npz") as data:
        assert {name: (data[name].shape, data[name].dtype) for name in ("mu", "logvar", "action")} == {
            "mu": ((3, 9, 4), np.float16),
            "logvar": ((3, 9, 4), np.float16),
            "action": ((3, 9, 3), np.float16),
        }
        mu, logvar = vae.encoder.predict_on_batch(read_episode(files[1])[0])
        np.testing.assert_allclose(data["mu"][1], mu, atol=2e-3)
        np.testing.assert_allclose(data["logvar"][1], logvar, atol=2e-3)
        assert (data["action"][2] == 2).all()
        assert str(data["vae"]) == fingerprint(vae)


@pytest.mark.parametrize("lengths", [[9, 9, 9], [4, 11, 1]])
def test_series_reads_episodes_of_fixed_and_of_variable_length(tmp_path, vae, lengths):
    files = make_record(tmp_path / "record", lengths)
    write_series(vae, files, tmp_path / "series.npz")
    read = Series(tmp_path / "series.npz")
    assert len(read) == 3 and read.lengths.tolist() == lengths and read.vae == fingerprint(vae)
    assert isinstance(read.mu.base, np.memmap) or isinstance(read.mu, np.memmap)
    for number, path in enumerate(files):
        mu, logvar = series.encode(vae, read_episode(path)[0])
        np.testing.assert_array_equal(read[number][0], mu)
        np.testing.assert_array_equal(read[number][1], logvar)
        assert read[number][2].shape == (lengths[number], 3) and (read[number][2] == number).all()


def test_series_reads_compressed_files_too(tmp_path):
    arrays = {name: np.ones((2, 3, 4), np.float16) for name in ("mu", "logvar", "action")}
    np.savez_compressed(tmp_path / "series.npz", **arrays)
    read = Series(tmp_path / "series.npz")
    assert len(read) == 2 and read.vae is None and (read[1][0] == 1).all()


def test_killed_series_goes_on_and_encodes_nothing_twice(tmp_path, vae, monkeypatch, capsys):
    files = make_record(tmp_path / "record", [4, 11, 1, 7])
    write_series(vae, files, tmp_path / "whole.npz")
    encode, encoded = series.encode, []

    def killed(vae, obs):
        if len(encoded) == 2:
            raise KeyboardInterrupt
        encoded.append(len(obs))
        return encode(vae, obs)

    monkeypatch.setattr(series, "encode", killed)
    with pytest.raises(KeyboardInterrupt):
        write_series(vae, files, tmp_path / "series.npz")
    assert not (tmp_path / "series.npz").exists()
    monkeypatch.setattr(series, "encode", lambda vae, obs: encoded.append(len(obs)) or encode(vae, obs))
    write_series(vae, files, tmp_path / "series.npz")
    assert encoded == [4, 11, 1, 7]
    assert "going on after 2 of 4" in capsys.readouterr().out
    assert not (tmp_path / "series.npz.part").exists()
    whole, resumed = Series(tmp_path / "whole.npz"), Series(tmp_path / "series.npz")
    np.testing.assert_array_equal(resumed.mu, whole.mu)
    np.testing.assert_array_equal(resumed.action, whole.action)


@pytest.mark.parametrize("damage", ["a raw file cut short", "another precision", "no dict", "no number"])
def test_a_partial_series_that_cannot_be_continued_is_started_over(tmp_path, vae, monkeypatch, capsys, damage):
    files = make_record(tmp_path / "record", [4, 6])
    write_series(vae, files, tmp_path / "whole.npz")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(series, "_pack", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        write_series(vae, files, tmp_path / "series.npz")
    progress = tmp_path / "series.npz.part" / "progress.json"
    about = json.loads(progress.read_text())
    if damage == "a raw file cut short":
        os.truncate(progress.with_name("mu"), 8)
    if damage == "another precision":
        about["made_from"]["precision"] = "bfloat16"
    if damage == "no dict":
        about = [about]
    if damage == "no number":
        about["done"] = "two"
    progress.write_text(json.dumps(about))
    write_series(vae, files, tmp_path / "series.npz")
    assert "starting over" in capsys.readouterr().out
    np.testing.assert_array_equal(Series(tmp_path / "series.npz").mu, Series(tmp_path / "whole.npz").mu)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mu": np.zeros((5, 4), int)}, "not floating-point"),
        ({"logvar": np.zeros((5, 3), np.float16)}, "do not go together"),
        ({"length": np.array([2, 2])}, "do not go together"),
        ({"length": np.array([6, -1])}, "no list of lengths"),
        ({"length": np.array([2.5, 2.5])}, "no list of lengths"),
        ({"length": np.array(5)}, "no list of lengths"),
        ({"mu": np.float16(1)}, "damaged"),
    ],
)
def test_arrays_that_are_no_series_are_a_user_error(tmp_path, change, words):
    arrays = {"mu": np.zeros((5, 4), np.float16), "logvar": np.zeros((5, 4), np.float16)}
    arrays |= {"action": np.zeros((5, 3), np.float16), "length": np.array([2, 3])}
    np.savez(tmp_path / "series.npz", **arrays)
    assert Series(tmp_path / "series.npz").lengths.tolist() == [2, 3]
    np.savez(tmp_path / "series.npz", **arrays | change)
    with pytest.raises(UserError, match=words):
        Series(tmp_path / "series.npz")


def test_series_is_made_again_only_when_v_its_precision_or_the_episodes_change(tmp_path, vae, capsys):
    out = tmp_path / "series.npz"
    files = make_record(tmp_path / "record", [4, 4])
    write_series(vae, files, out)
    write_series(vae, files, out)
    assert "up to date" in capsys.readouterr().out
    files = make_record(tmp_path / "record", [4, 5])
    write_series(vae, files, out)
    assert "changed since" in capsys.readouterr().out and Series(out).lengths.tolist() == [4, 5]
    other = VAE(4)
    write_series(other, files, out)
    assert "changed since" in capsys.readouterr().out and Series(out).vae == fingerprint(other)
    rough = VAE(4, dtype="mixed_bfloat16")
    rough.set_weights(other.get_weights())
    write_series(rough, files, out)
    assert "changed since" in capsys.readouterr().out and Series(out).vae == fingerprint(other)
    write_series(rough, files, out)
    assert "up to date" in capsys.readouterr().out
    with pytest.raises(UserError, match="is a folder"):
        write_series(rough, files, tmp_path)


def test_wrong_series_files_are_one_line(tmp_path, vae):
    path = tmp_path / "series.npz"
    with pytest.raises(UserError, match=r"run series\.py first"):
        Series(path)
    write_series(vae, make_record(tmp_path / "record", [4, 4]), path)
    data = path.read_bytes()
    for damaged in (data[: len(data) // 2], b"", b"nonsense"):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match="damaged or cut short"):
            Series(path)
    save_npz(path, {"mu": np.zeros((1, 2, 4), np.float16)})
    with pytest.raises(UserError, match="no array 'logvar'"):
        Series(path)
