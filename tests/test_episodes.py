"""Episode files: listed, held out, read, and refused with a word on what is wrong."""

import contextlib
import os
import zipfile

import numpy as np
import pytest
from damage import with_a_wrong_byte
from records import make_record, names_of

from carracing.task import CARRACING
from doomrnn.task import DOOM
from worldmodels.data import extraction
from worldmodels.data.episodes import Episodes, Mirrored, hold_out, list_episodes, read_ahead
from worldmodels.files.writing import save_npz
from worldmodels.parallel.shards import WHOLE
from worldmodels.scripts.cli import UserError


def read(path, action_size=3):
    return Episodes([path], action_size)[0]


def test_episodes_are_listed_by_seed_and_temporary_files_left_out(tmp_path):
    make_record(tmp_path, [1] * 3, first=9)
    (tmp_path / ".77.tmp.12.npz").touch()
    assert [path.stem for path in list_episodes(tmp_path)] == ["9", "10", "11"]


def test_episodes_of_inner_folders_are_merged_evenly_so_that_the_last_ones_are_of_all(tmp_path):
    make_record(tmp_path, [1] * 40)
    make_record(tmp_path / "agent", [1] * 20)
    files = list_episodes(tmp_path)
    learned, held_out = hold_out(files)
    assert len(files) == 60 and len(learned) == 57
    assert {path.relative_to(tmp_path).as_posix() for path in held_out} == {"38.npz", "39.npz", "agent/19.npz"}


@pytest.mark.parametrize("folder", ["", "missing"])
def test_empty_or_missing_folder_says_run_extract_first(tmp_path, folder):
    with pytest.raises(UserError, match=r"run extract\.py first"):
        list_episodes(tmp_path / folder)


def test_held_out_episodes_are_the_last_twentieth_and_at_least_one_of_two():
    assert [len(part) for part in hold_out(range(100))] == [95, 5]
    assert hold_out(["a", "b"]) == (["a"], ["b"])
    assert hold_out(["a"]) == (["a"], [])


def test_read_ahead_yields_every_episode_in_order(tmp_path):
    episodes = make_record(tmp_path, [2, 3, 1])
    assert [names_of(obs)[0][0] for obs, _ in read_ahead(episodes)] == [0, 1, 2]
    assert [names_of(obs)[0][0] for obs, _ in read_ahead(episodes, first=1)] == [1, 2]
    assert list(read_ahead(episodes, first=3)) == []


def test_behind_each_episode_comes_the_same_in_a_mirror(tmp_path):
    for number, length in enumerate((2, 3)):
        obs = np.random.default_rng(number).integers(0, 256, (length, 64, 64, 3), np.uint8)
        save_npz(tmp_path / f"{number}.npz", {"obs": obs, "action": np.full((length, 1), 0.5 + number, np.float16)})
    episodes = Episodes(list_episodes(tmp_path), action_size=1)
    both = Mirrored(episodes, DOOM.mirrored)
    assert both.lengths == [2, 2, 3, 3] and len(both) == len(both.files) == 4
    assert both.checksum != episodes.checksum
    for number, (obs, action) in enumerate(read_ahead(both)):
        plain, own = episodes[number // 2]
        np.testing.assert_array_equal(obs[:, :, 0], plain[:, :, -1 if number % 2 else 0])
        np.testing.assert_array_equal(obs[:, 0], plain[:, 0, ::-1] if number % 2 else plain[:, 0])
        assert (action == (-own if number % 2 else own)).all()


def test_damaged_files_are_named_with_what_to_do(tmp_path):
    (path,) = make_record(tmp_path, [4]).files
    data = path.read_bytes()
    flipped = bytearray(data)
    flipped[300] ^= 255
    for damaged in (data[:-30], data[:100], b"", bytes(flipped)):
        path.write_bytes(damaged)
        with pytest.raises(
            UserError,
            match=r"an episode is damaged, or another kind of file: .*0\.npz; remove it and run extract\.py again, or",
        ):
            read(path)


OBS, ACTION = np.zeros((2, 64, 64, 3), np.uint8), np.zeros((2, 3))


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"frames": np.zeros(3)}, "no array named obs"),
        ({"obs": OBS}, "no array named action"),
        ({"obs": OBS.astype(float), "action": ACTION}, "not uint8"),
        ({"obs": OBS[:, :32, :32], "action": ACTION}, "not uint8"),
        ({"obs": OBS[0], "action": ACTION}, "not uint8"),
        ({"obs": OBS, "action": np.zeros((3, 3))}, "do not go with its frames"),
        ({"obs": OBS, "action": np.zeros(2)}, "do not go with its frames"),
        ({"obs": OBS, "action": np.full((2, 3), "left")}, "are no numbers"),
        ({"obs": OBS, "action": np.full((2, 3), np.nan)}, "not finite"),
        ({"obs": OBS, "action": np.zeros((2, 1))}, r"of another task: its actions have 1 numbers, not 3.*--data"),
    ],
)
def test_files_of_another_kind_say_what_is_wrong(tmp_path, arrays, words):
    save_npz(tmp_path / "0.npz", arrays)
    with pytest.raises(UserError, match=words):
        read(tmp_path / "0.npz")


def test_a_file_that_declares_more_frames_than_it_has_is_damaged(tmp_path):
    with zipfile.ZipFile(tmp_path / "0.npz", "w") as archive:
        for name, shape in (("obs", (10**12, 64, 64, 3)), ("action", (10**12, 3))):
            with archive.open(f"{name}.npy", "w") as file:
                header = {"descr": "|u1", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(UserError, match="not as long as it says"):
        Episodes([tmp_path / "0.npz"], 3)


@pytest.mark.filterwarnings("ignore::UserWarning")  # numpy's, of a header that only looks old
def test_a_wrong_byte_anywhere_is_a_user_error_or_does_no_harm(tmp_path):
    path = tmp_path / "0.npz"
    arrays = {"obs": np.zeros((1, 64, 64, 3), np.uint8), "action": np.ones((1, 3), np.float16)}
    save_npz(path, arrays, compress=1)
    found = []
    for _ in with_a_wrong_byte(path):
        with contextlib.suppress(UserError):
            found.append(read(path))
    assert found and not any(obs.any() or (action != 1).any() for obs, action in found)


def test_what_is_no_npz_file_is_a_user_error(tmp_path):
    np.save(tmp_path / "0.npy", np.zeros(3))
    (tmp_path / "0.npy").rename(tmp_path / "0.npz")
    os.mkfifo(tmp_path / "1.npz")  # opened, it would wait for ever
    for path in list_episodes(tmp_path):
        with pytest.raises(UserError, match=path.name):
            read(path)


def test_an_episode_that_changed_since_the_start_is_a_user_error(tmp_path):
    episodes = make_record(tmp_path, [3])
    make_record(tmp_path, [4])
    with pytest.raises(UserError, match=r"0\.npz has changed in the meantime"):
        episodes[0]


@pytest.mark.parametrize("coverage", [np.full(2, np.nan), np.array(["a", "b"]), np.array(1.0)])
def test_an_episode_whose_coverage_is_damaged_is_played_again(tmp_path, monkeypatch, coverage):
    for number, numbers in enumerate((np.array([1.0, 2.0]), coverage)):
        save_npz(tmp_path / f"{number}.npz", {"obs": OBS, "action": ACTION, "coverage": numbers})
    (tmp_path / "coverage.json").write_text('{"made_with": {}}')
    played, described = [], []
    monkeypatch.setattr(extraction, "run_in_processes", lambda work, jobs, workers: played.extend(jobs) or [[3.0, 4.0]])
    how = {"episodes": 2, "workers": 1, "out": tmp_path, "seed": 0, "shard": WHOLE}
    extraction.extract(CARRACING, None, None, lambda rows: (described.extend(rows.tolist()) or [], {}), {}, **how)
    assert played == [1] and described == [[1.0, 2.0], [3.0, 4.0]]
    monkeypatch.setattr(extraction, "run_in_processes", lambda *_: [[3.0, 4.0, 5.0]])  # survey() was changed in between
    with pytest.raises(UserError, match="its episodes say different things of what they show"):
        extraction.extract(CARRACING, None, None, None, {}, **how)
