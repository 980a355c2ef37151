"""Files: read with one line for whatever is wrong with them, sealed with a checksum, locked."""

import contextlib
import errno
import fcntl
import os
import time

import numpy as np
import pytest
from damage import with_a_wrong_byte

from worldmodels.files.locking import lock
from worldmodels.files.reading import load_json, load_npz
from worldmodels.files.sealed import load_sealed, save_sealed
from worldmodels.files.writing import save_npz
from worldmodels.scripts.cli import UserError


@pytest.mark.parametrize(
    "content", ["[" * 100_000, '{"a": 1', "[1]", "7", "null", '{"a": NaN}', '{"a": 1e999}', '{"a": 1e200}']
)
def test_json_that_is_no_dict_of_finite_numbers_is_a_user_error(content, tmp_path):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(UserError, match=r"a\.json"):
        load_json(tmp_path / "a.json", "the note", dict)


@pytest.mark.filterwarnings("ignore::UserWarning")  # numpy's, of a header that only looks old
def test_a_wrong_byte_anywhere_in_an_npz_is_a_user_error_or_does_no_harm(tmp_path):
    path = tmp_path / "a.npz"
    save_npz(path, {"a": np.ones((2, 3))}, compress=1)
    found = []
    for _ in with_a_wrong_byte(path):
        with contextlib.suppress(UserError):
            found += load_npz(path, ["a"])
    assert found and all((array == 1).all() for array in found)


def test_a_file_of_another_kind_is_said_to_be_one_without_advice_to_run_it(tmp_path):
    for content in (b"# a page of text", b"PK", b"\x93NUMPY\x01\x00"):
        (tmp_path / "a.npz").write_bytes(content)
        with pytest.raises(
            UserError, match=r"the data is damaged, .*a\.npz \(it is no whole \.npz file\); make it again$"
        ):
            load_npz(tmp_path / "a.npz", ["a"], "the data", "make it again")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_sealed_file_is_read_as_it_was_written_or_not_at_all(tmp_path):
    path = tmp_path / "a.npz"
    about, arrays = {"step": 7}, {"a": np.arange(4, dtype=np.float32), "b": np.array(3)}
    save_sealed(path, about, arrays)
    np.testing.assert_equal(load_sealed(path, "the checkpoint", "start over"), (about, arrays))
    for _ in with_a_wrong_byte(path):
        try:
            np.testing.assert_equal(load_sealed(path, "the checkpoint", "start over"), (about, arrays))
        except UserError as error:
            assert "is damaged" in str(error)
    content = dict(np.load(path))
    path.write_bytes(bytes(1000))  # as a power cut may leave it: numpy would say how to load it all the same
    with pytest.raises(UserError, match=r"is damaged, .*a\.npz \(it is no whole \.npz file\); start over"):
        load_sealed(path, "the checkpoint", "start over")
    for change in ({"a": np.full(4, np.nan)}, {"a": np.array(["x"])}, {"more": np.zeros(1)}, {"sha256": np.zeros(32)}):
        save_npz(path, content | change)
        with pytest.raises(
            UserError, match=r"the checkpoint is damaged, or another kind of file: .*a\.npz.*checksum.*; start over"
        ):
            load_sealed(path, "the checkpoint", "start over")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_a_user_error(tmp_path, make):
    make(tmp_path / "a")  # a pipe would be waited for without end
    for load in (load_json, lambda path, what: load_npz(path, ["a"], what)):
        with pytest.raises(UserError, match="should be the note, but is no file"):
            load(tmp_path / "a", "the note")


def test_a_lock_is_held_by_one_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with lock(tmp_path / "lock", "somebody is at it"), pytest.raises(UserError, match="somebody is at it"):
        lock(tmp_path / "lock", "somebody is at it")
    lock(tmp_path / "lock", "somebody is at it").close()


def test_a_file_system_without_locks_is_said_and_used(tmp_path, monkeypatch, capsys):
    def no_locks(*_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    lock(tmp_path / "lock", "somebody is at it").close()
    assert f"{tmp_path / 'lock'}: this file system has no locks" in capsys.readouterr().out
