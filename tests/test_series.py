"""series.npz: written once, gone on with after a kill, read through maps, and checked."""

import json
import os
import time

os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

import keras
import numpy as np
import pytest
from damage import with_a_wrong_byte
from records import make_record

from worldmodels.data import series
from worldmodels.data.episodes import Episodes
from worldmodels.data.series import Series, write_series
from worldmodels.files.weights import fingerprint
from worldmodels.files.writing import save_npz
from worldmodels.scripts.cli import UserError
from worldmodels.vae import VAE


@pytest.fixture(scope="module")
def vae():
    keras.utils.set_random_seed(0)
    return VAE(4)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(series, "BATCH", 8)
    monkeypatch.setattr(series, "SAVE_EPISODES", 1)


# Written


def test_fixed_length_series_has_the_2018_layout(tmp_path, vae):
    episodes = make_record(tmp_path / "record", [9, 9, 9])
    write_series(vae, episodes, tmp_path / "series.npz")
    with np.load(tmp_path / "series.npz") as data:
        assert {name: (data[name].shape, data[name].dtype) for name in ("mu", "logvar", "action")} == {
            "mu": ((3, 9, 4), np.float16),
            "logvar": ((3, 9, 4), np.float16),
            "action": ((3, 9, 3), np.float16),
        }
        mu, logvar = vae.encoder.predict_on_batch(episodes[1][0])
        np.testing.assert_allclose(data["mu"][1], mu, atol=2e-3)
        np.testing.assert_allclose(data["logvar"][1], logvar, atol=2e-3)
        assert (data["action"][2] == 2).all()
        assert str(data["vae"]) == fingerprint(vae)


@pytest.mark.parametrize("lengths", [[9, 9, 9], [4, 11, 1]])
def test_series_reads_episodes_of_fixed_and_of_variable_length(tmp_path, vae, lengths):
    episodes = make_record(tmp_path / "record", lengths)
    write_series(vae, episodes, tmp_path / "series.npz")
    read = Series(tmp_path / "series.npz")
    read.check()
    assert len(read) == 3 and read.lengths.tolist() == lengths and read.vae == fingerprint(vae)
    assert isinstance(read.mu.base, np.memmap) or isinstance(read.mu, np.memmap)
    for number in range(3):
        mu, logvar = series.encode(vae, episodes[number][0])
        np.testing.assert_array_equal(read[number][0], mu.astype(np.float16))
        np.testing.assert_array_equal(read[number][1], logvar.astype(np.float16))
        assert read[number][2].shape == (lengths[number], 3) and (read[number][2] == number).all()


def test_killed_series_goes_on_and_encodes_nothing_twice(tmp_path, vae, monkeypatch, capsys):
    episodes = make_record(tmp_path / "record", [4, 11, 1, 7])
    write_series(vae, episodes, tmp_path / "whole.npz")
    encode, encoded = series.encode, []

    def killed(vae, obs):
        if len(encoded) == 2:
            raise KeyboardInterrupt
        encoded.append(len(obs))
        return encode(vae, obs)

    monkeypatch.setattr(series, "encode", killed)
    with pytest.raises(KeyboardInterrupt):
        write_series(vae, episodes, tmp_path / "series.npz")
    assert not (tmp_path / "series.npz").exists()
    monkeypatch.setattr(series, "encode", lambda vae, obs: encoded.append(len(obs)) or encode(vae, obs))
    write_series(vae, episodes, tmp_path / "series.npz")
    assert encoded == [4, 11, 1, 7]
    assert "going on after 2 of 4" in capsys.readouterr().out
    assert not (tmp_path / "series.npz.part").exists()
    whole, resumed = Series(tmp_path / "whole.npz"), Series(tmp_path / "series.npz")
    np.testing.assert_array_equal(resumed.mu, whole.mu)
    np.testing.assert_array_equal(resumed.action, whole.action)


@pytest.mark.parametrize("damage", ["an array cut short", "a pipe", "another precision", "no dict", "no number"])
def test_a_partial_series_that_cannot_be_continued_is_started_over(tmp_path, vae, monkeypatch, capsys, damage):
    episodes = make_record(tmp_path / "record", [4, 6])
    write_series(vae, episodes, tmp_path / "whole.npz")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(series, "_pack", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        write_series(vae, episodes, tmp_path / "series.npz")
    progress = tmp_path / "series.npz.part" / "progress.json"
    about = json.loads(progress.read_text())
    if damage == "an array cut short":
        os.truncate(progress.with_name("mu"), 8)
    if damage == "a pipe":
        progress.with_name("mu").unlink()
        os.mkfifo(progress.with_name("mu"))
    if damage == "another precision":
        about["made_from"]["precision"] = "bfloat16"
    if damage == "no dict":
        about = [about]
    if damage == "no number":
        about["done"] = "two"
    progress.write_text(json.dumps(about))
    write_series(vae, episodes, tmp_path / "series.npz")
    assert "starting over" in capsys.readouterr().out
    np.testing.assert_array_equal(Series(tmp_path / "series.npz").mu, Series(tmp_path / "whole.npz").mu)


def test_series_is_made_again_only_when_v_its_precision_or_the_episodes_change(tmp_path, vae, capsys):
    out = tmp_path / "series.npz"
    episodes = make_record(tmp_path / "record", [4, 4])
    write_series(vae, episodes, out)
    write_series(vae, episodes, out)
    assert "up to date" in capsys.readouterr().out
    episodes = make_record(tmp_path / "record", [4, 5])
    write_series(vae, episodes, out)
    assert "changed since" in capsys.readouterr().out and Series(out).lengths.tolist() == [4, 5]
    rough = VAE(4, dtype="mixed_bfloat16")
    rough.set_weights(vae.get_weights())
    for other in (VAE(4), rough):
        write_series(other, episodes, out)
        assert "changed since" in capsys.readouterr().out and Series(out).vae == fingerprint(other)
    change_actions(episodes.files[0])
    write_series(rough, episodes := Episodes(episodes.files, 3), out)
    assert "changed since" in capsys.readouterr().out and (Series(out)[0][2] == 0.5).all()
    write_series(rough, episodes, out)
    assert "up to date" in capsys.readouterr().out
    with pytest.raises(UserError, match="is a folder"):
        write_series(rough, episodes, tmp_path)


def change_actions(path):
    """In the file of an episode, and nothing else of it."""
    with np.load(path) as data:
        arrays = dict(data)
    np.savez(path, **arrays | {"action": np.full_like(arrays["action"], 0.5)})


def test_a_series_with_a_flipped_bit_is_made_again(tmp_path, vae, capsys):
    out, episodes = tmp_path / "series.npz", make_record(tmp_path / "record", [4, 4])
    write_series(vae, episodes, out)
    whole = out.read_bytes()
    middle = len(whole) // 2
    out.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    write_series(vae, episodes, out)
    assert "or it is damaged: making it again" in capsys.readouterr().out
    Series(out).check()


def test_two_at_once_do_not_write_the_same_series(tmp_path, vae, monkeypatch):
    episodes, encode = make_record(tmp_path / "record", [4, 4]), series.encode

    def encode_and_start_another(vae, obs):
        with pytest.raises(UserError, match=r"another process is writing .*series\.npz"):
            write_series(vae, episodes, tmp_path / "series.npz")
        return encode(vae, obs)

    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setattr(series, "encode", encode_and_start_another)
    write_series(vae, episodes, tmp_path / "series.npz")
    assert Series(tmp_path / "series.npz").mu.shape == (8, 4)


@pytest.mark.parametrize("number", [np.nan, 1e5])
def test_numbers_that_float16_does_not_hold_are_not_written(tmp_path, monkeypatch, vae, number):
    monkeypatch.setattr(series, "encode", lambda vae, obs: (np.full((len(obs), 4), number),) * 2)
    with pytest.raises(UserError, match=r"mu of .*0\.npz.*train V again"):
        write_series(vae, make_record(tmp_path / "record", [4]), tmp_path / "series.npz")


# Read


def some_arrays():
    arrays = {"mu": np.zeros((5, 4), np.float16), "logvar": np.zeros((5, 4), np.float16)}
    return arrays | {"action": np.zeros((5, 3), np.float16), "length": np.array([2, 3])}


def test_series_reads_compressed_files_too(tmp_path):
    arrays = {name: np.ones((2, 3, 4), np.float16) for name in ("mu", "logvar", "action")}
    np.savez_compressed(tmp_path / "series.npz", **arrays)
    read = Series(tmp_path / "series.npz")
    read.check()
    assert len(read) == 2 and read.vae is None and (read[1][0] == 1).all()


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
    np.savez(tmp_path / "series.npz", **some_arrays())
    assert Series(tmp_path / "series.npz").lengths.tolist() == [2, 3]
    np.savez(tmp_path / "series.npz", **some_arrays() | change)
    with pytest.raises(UserError, match=words):
        Series(tmp_path / "series.npz")


def test_wrong_series_files_are_one_line(tmp_path):
    path = tmp_path / "series.npz"
    with pytest.raises(UserError, match=r"run series\.py first"):
        Series(path)
    np.savez(path, **some_arrays())
    data = path.read_bytes()
    for damaged in (data[: len(data) // 2], b"", b"nonsense"):
        path.write_bytes(damaged)
        with pytest.raises(
            UserError,
            match=r"the series is damaged, or another kind of file: .*; run series\.py again, or name another one",
        ):
            Series(path)
    save_npz(path, {"mu": np.zeros((1, 2, 4), np.float16)})
    with pytest.raises(UserError, match="no array named logvar"):
        Series(path)


@pytest.mark.filterwarnings("ignore::UserWarning")  # numpy's, of a header that only looks old
def test_a_wrong_byte_anywhere_is_found_before_the_training_or_does_no_harm(tmp_path):
    path = tmp_path / "series.npz"
    np.savez(path, **some_arrays())
    found = refused = 0
    for _ in with_a_wrong_byte(path, step=3):
        try:
            read = Series(path)
            read.check()
        except UserError:
            refused += 1
        else:
            found += 1
            assert not (read.mu.any() or read.logvar.any() or read.action.any()) and read.lengths.tolist() == [2, 3]
    assert found and refused


@pytest.mark.parametrize("name", ["mu", "logvar", "action"])
def test_numbers_that_are_not_finite_are_found_before_the_training(tmp_path, name):
    arrays = some_arrays()
    arrays[name][4, 0] = np.inf
    np.savez(tmp_path / "series.npz", **arrays)
    with pytest.raises(UserError, match=f"{name} holds numbers that are not finite"):
        Series(tmp_path / "series.npz").check()
