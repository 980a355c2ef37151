"""replay.py: a rollout is shown as it was, and a check finds what is not."""

import json

import imageio.v3 as iio
import numpy as np
import pytest
from expert import SHORT, generate_expert

from worldmodels.data.expert import load_rollout
from worldmodels.files.writing import save_npz
from worldmodels.playing.replay import replay
from worldmodels.scripts.cli import UserError


@pytest.fixture(scope="module")
def folder(untrained, tmp_path_factory):
    return generate_expert(untrained, tmp_path_factory.mktemp("replay") / "expert", rollouts=2)


@pytest.fixture
def copy(folder, tmp_path):
    """A rollout that may be changed, with its manifest."""
    for name in ("rollout_1.npz", "manifest.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    return tmp_path / "rollout_1.npz"


def change(path, key, at):
    with np.load(path) as data:
        arrays = dict(data)
    arrays[key][at] += 1
    save_npz(path, arrays)


def check(path, code=0):
    if not code:
        return replay(SHORT, path=path, video=None, check=True)
    with pytest.raises(SystemExit) as end:
        replay(SHORT, path=path, video=None, check=True)
    assert end.value.code == code


def test_a_rollout_is_shown_frame_by_frame(folder, tmp_path, capsys):
    replay(SHORT, path=folder / "rollout_0.npz", video=tmp_path / "replay.mp4", check=False)
    video, (frames, _) = iio.imread(tmp_path / "replay.mp4"), load_rollout(SHORT, folder / "rollout_0.npz")
    assert len(video) == len(frames.observations) == SHORT.max_steps + 1
    seen = video[-1][32:416, 8:392].reshape(64, 6, 64, 6, 3).mean((1, 3))
    assert abs(seen - frames.observations[-1]).mean() < 5  # video compresses
    assert f"score {frames.rewards.sum():.1f} after {SHORT.max_steps} frames" in capsys.readouterr().out


@pytest.mark.parametrize("kind", [{}, {"dtype": "float64"}, {"colors": "2018"}])
def test_a_rollout_played_again_comes_out_the_same(untrained, kind, tmp_path, capsys):
    folder = generate_expert(untrained, tmp_path / "expert", rollouts=1, **kind)
    check(folder / "rollout_0.npz")
    assert capsys.readouterr().out.splitlines()[-2:] == ["rewards: the same", "frames: the same"]


def test_a_check_says_where_a_rollout_differs(copy, capsys):
    change(copy, "rewards", 7)
    change(copy, "observations", (3, 5, 5, 1))
    check(copy, code=1)
    out = capsys.readouterr().out
    assert "rewards: 1 of 20 differ, first number 7" in out and "frames: 1 of 21 differ, first number 3" in out


def test_without_a_seed_or_a_file_it_is_one_line(copy, tmp_path):
    copy.rename(tmp_path / "other.npz")
    for name, words in (("other.npz", "not called rollout_<k>.npz"), ("rollout_1.npz", "a rollout is missing")):
        with pytest.raises(UserError, match=words):
            check(tmp_path / name)
    (tmp_path / "other.npz").rename(copy)


@pytest.mark.parametrize("made_with", [{}, {"seed": "7"}, {"seed": -7}, {"seed": 7, "colors": "red"}])
def test_a_manifest_that_does_not_say_how_the_rollouts_were_made_is_one_line(copy, tmp_path, made_with):
    (tmp_path / "manifest.json").write_text(json.dumps({"rollouts": [], "made_with": made_with}))
    with pytest.raises(
        UserError,
        match=r"the manifest of the rollouts is damaged, or another kind of file: .*; it knows the seed: restore it",
    ):
        check(copy)
