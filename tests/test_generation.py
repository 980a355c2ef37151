"""generation_script.py: what is in a folder of rollouts is made once, gone on with, and never mistaken for another."""

import dataclasses
import json
import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import expert
import numpy as np
import pytest
from expert import SHORT, generate_expert
from PIL import Image
from scripts import SHORT_SCRIPT, Scripts, kill_when

from doomrnn.task import DOOM
from worldmodels.data import generation
from worldmodels.data.card import histogram
from worldmodels.data.expert import Manifest, load_rollout
from worldmodels.files.writing import save_npz
from worldmodels.playing.replay import replay
from worldmodels.scripts.cli import UserError

SCRIPTS = Scripts("carracing")


@pytest.fixture
def generate(untrained, tmp_path, monkeypatch):
    """Fills tmp_path/"expert" with rollouts of 20 frames. One worker, which is this process. Returns the manifest."""
    monkeypatch.chdir(tmp_path)

    def generate(rollouts, out="expert", **kind):
        return json.loads(
            (generate_expert(untrained, Path(out), rollouts=rollouts, **kind) / "manifest.json").read_text()
        )

    return generate


def rollouts():
    """{name: content} of the rollouts that are there."""
    return {path.name: path.read_bytes() for path in Path("expert").glob("rollout_*.npz")}


def no_process(*_):
    pytest.fail("processes were started")


def test_a_killed_generation_goes_on_and_makes_damaged_files_again(untrained, tmp_path):
    options = ("generation_script", "--controller", untrained.best, "--weights", untrained.weights)
    options += ("--out", "again", "--rollouts", 12)
    killed = SCRIPTS.start(tmp_path, SHORT_SCRIPT, *options, "--workers", 1)
    kill_when(killed, lambda: len(list(tmp_path.glob("again/rollout_*.npz"))) >= 2)
    done = {path: path.read_bytes() for path in tmp_path.glob("again/rollout_*.npz")}
    first, second, *_ = done
    first.write_bytes(done[first][:1000])  # cut short
    broken = bytearray(done[second])
    broken[len(broken) // 2] ^= 255  # a flipped bit in mid-file
    second.write_bytes(broken)
    output = SCRIPTS.run(tmp_path, SHORT_SCRIPT, *options, "--workers", 1)
    assert f"{len(done) - 2} of the 12 rollouts asked for are in again already, 2 damaged" in output
    assert all(path.read_bytes() == content for path, content in done.items())  # same seed, same bytes
    assert json.loads((tmp_path / "again" / "manifest.json").read_text())["complete"]


def test_float64_rollouts_have_the_schema_of_2019(generate):
    generate(1, dtype="float64")
    with np.load("expert/rollout_0.npz") as data:
        types = {name: str(data[name].dtype) for name in data}
        assert types == dict.fromkeys(("observations", "actions", "rewards"), "float64") | {"terminals": "bool"}
        assert data["observations"].max() > 1  # whole numbers 0-255


def test_rollouts_of_two_kinds_do_not_share_a_folder(generate):
    generate(1)
    with pytest.raises(UserError, match="made with another seed: choose another --out"):
        generate(1, seed=5)
    with pytest.raises(UserError, match="made with another dtype and colors: choose another --out"):
        generate(1, dtype="float64", colors="2018")
    Path("expert/manifest.json").unlink()
    with pytest.raises(UserError, match=r"no manifest\.json that says how they were made: choose another --out"):
        generate(1)


def test_colors_are_of_the_written_frames_alone(generate):
    """The agent sees what it sees."""
    generate(1)
    generate(1, out="old", colors="2018")
    plain, old = (load_rollout(SHORT, f"{folder}/rollout_0.npz")[0] for folder in ("expert", "old"))
    assert (plain.actions == old.actions).all() and (plain.rewards == old.rewards).all()
    assert (plain.observations != old.observations).any((1, 2, 3)).all()


def test_a_manifest_of_before_there_were_colors_goes_with_plain_ones(generate):
    manifest = generate(1)
    del manifest["made_with"]["colors"]
    Path("expert/manifest.json").write_text(json.dumps(manifest))
    assert generate(2)["rollouts"][0] == manifest["rollouts"][0]


def test_what_a_run_without_a_single_rollout_was_asked_for_binds_nobody(generate):
    generate(1)
    Path("expert/rollout_0.npz").unlink()
    Manifest("expert", {"seed": 5})  # a run that is killed before its first rollout
    assert json.loads(Path("expert/manifest.json").read_text())["rollouts"] == []
    assert generate(1, seed=5)["rollouts"][0]["seed"] == 5


def test_one_rollout_alone_is_the_one_that_was_played_beside_others(generate):
    generate(3)
    generate(1, out="alone", seed=8)
    assert Path("alone/rollout_0.npz").read_bytes() == Path("expert/rollout_1.npz").read_bytes()


def test_card_says_what_the_manifest_says(generate):
    manifest = generate(3)
    card = Path("expert/README.md").read_text()
    assert f"| score | {manifest['mean']:.1f} +- {manifest['std']:.1f}, from " in card
    assert "| rollouts | 3: `rollout_0.npz` to `rollout_2.npz` |" in card and "| frames | 60 |" in card
    assert "| `actions` | (20, 3) | float32 |" in card and manifest["made_with"]["vae_sha256"] in card
    bars = [line for line in card.splitlines() if " to " in line and " | " in line and "#" in line]
    assert sum(int(bar.split()[-1]) for bar in bars) == 3
    with Image.open("expert/contact_sheet.png") as sheet, Image.open("expert/preview.gif") as preview:
        assert sheet.size == (660, 3 * 66) and preview.size == (64, 64) and preview.n_frames == 11  # half of 21


@pytest.mark.parametrize("scores", [[3.0], [0.0, 0.0], [-100.5, 912.25, 300.0], [1e-9, 2e-9], [552.0, 2100.0]])
def test_histogram_counts_every_score_once(scores):
    lines = histogram(np.array(scores))
    counts = [int(line.split()[-1]) for line in lines]
    edges = [line.split(" | ")[0].split(" to ") for line in lines]
    assert sum(counts) == len(scores) and len(lines) <= 14
    for (low, high), count in zip(edges, counts, strict=True):
        assert sum(float(low) <= score < float(high) for score in scores) == count


def test_what_takes_time_before_the_first_frame_is_said(monkeypatch, capsys):
    class Compiled(SHORT.make_env):
        def reset(self, **kwargs):
            time.sleep(0.5)
            return super().reset(**kwargs)

    monkeypatch.setattr(generation, "WORTH_A_WORD", 0.1)
    generation.get_ready(dataclasses.replace(SHORT, make_env=Compiled), {})
    assert "getting carracing ready" in capsys.readouterr().out


def test_fewer_rollouts_than_are_there_leave_the_others_alone(generate, capsys):
    first = generate(3)
    played = first["played"]
    assert [rollout["seed"] for rollout in first["rollouts"]] == [7, 8, 9]
    assert played["frames"] == 60 and played["processes"] == 1
    before = rollouts()
    capsys.readouterr()
    manifest = generate(1)
    output = capsys.readouterr().out
    assert "1 of the 1 rollouts asked for are in expert already" in output and "3 rollouts in expert" in output
    assert manifest["played"] == played and len(manifest["rollouts"]) == 3 and rollouts() == before


def test_shards_make_the_files_of_one_run_and_the_whole_checks_them(generate, capsys):
    assert not generate(3, shard=slice(1, None, 2))["complete"]
    assert [*rollouts()] == ["rollout_1.npz"]
    assert not generate(3, shard=slice(0, None, 2))["complete"]
    before = rollouts()
    capsys.readouterr()
    manifest = generate(3)
    assert "3 of the 3 rollouts asked for are in expert already" in capsys.readouterr().out
    shutil.rmtree("expert")
    assert manifest["complete"] and manifest["rollouts"] == generate(3)["rollouts"] and rollouts() == before
    there = Path("expert/manifest.json").read_text()
    generate(3, shard=slice(1, None, 2))  # once more, by mistake
    assert Path("expert/manifest.json").read_text() == there


def test_a_shard_that_makes_others_is_refused_even_before_there_are_rollouts(tmp_path):
    made_with = {"seed": 5, "colors": "plain"}
    Manifest(tmp_path, made_with, shard=True)
    with pytest.raises(UserError, match="are made with another seed: choose another --out"):
        Manifest(tmp_path, made_with | {"seed": 6}, shard=True)


def swap(paths):
    paths[0].rename("aside")
    paths[1].rename(paths[0])
    Path("aside").rename(paths[1])


def add_rewards(paths):
    """A rollout that is whole and of the right layout, but scores more than was played."""
    with np.load(paths[1]) as data:
        arrays = dict(data)
    arrays["rewards"][0] += 100
    save_npz(paths[1], arrays, compress=1)


@pytest.mark.parametrize(("change", "wrong"), [(swap, 2), (add_rewards, 1)])
def test_a_rollout_of_other_content_than_was_noted_is_made_again(generate, change, wrong, capsys):
    manifest, before = generate(3), rollouts()
    change([Path(f"expert/rollout_{k}.npz") for k in range(3)])
    assert rollouts() != before
    again = generate(3)
    assert f"{3 - wrong} of the 3 rollouts asked for are in expert already, {wrong} damaged" in capsys.readouterr().out
    assert rollouts() == before and again["rollouts"] == manifest["rollouts"]


def test_a_manifest_that_lists_files_that_are_not_there_is_put_right(generate):
    """The summary at place k stays that of rollout_<k>.npz."""
    manifest, before = generate(4), rollouts()
    Path("expert/rollout_2.npz").unlink()
    assert generate(1)["rollouts"] == manifest["rollouts"][:2]
    assert generate(4)["rollouts"] == manifest["rollouts"] and rollouts() == before


def test_a_folder_in_the_place_of_a_rollout_is_refused_at_once(generate, monkeypatch):
    generate(1)
    Path("expert/rollout_1.npz").mkdir()
    monkeypatch.setattr(expert, "in_this_process", no_process)
    with pytest.raises(UserError, match=r"rollout_1\.npz is no file: remove it, or choose another --out"):
        generate(2)


def test_a_damaged_manifest_is_one_line(generate):
    manifest = generate(1)
    for damage in [{"rollouts": rows} for rows in ([{"seed": 1}], [7], {"a": 1}, "no list")] + [{"made_with": 7}]:
        Path("expert/manifest.json").write_text(json.dumps(manifest | damage))
        with pytest.raises(
            UserError, match=r"the manifest of the rollouts is damaged, or another kind of file: .*manifest\.json"
        ):
            generate(1)


@pytest.mark.parametrize("number", ["0", "-1", "two", "1.5"])
def test_a_wrong_number_of_threads_is_one_line(tmp_path, number):
    assert "--threads" in SCRIPTS.error_of(tmp_path, "generation_script.py", "--threads", number)


def test_a_missing_controller_is_one_line(tmp_path):
    options = ("--workers", 1, "--controller", "nothing.json")
    assert "nothing.json" in SCRIPTS.error_of(tmp_path, "generation_script.py", *options)


def test_doom_rollouts_are_of_the_same_layout_and_play_again(tmp_path, capsys):
    task = dataclasses.replace(DOOM, max_steps=30)
    shipped = SimpleNamespace(best=DOOM.shipped, weights=None)
    folder = generate_expert(shipped, tmp_path / "doom", rollouts=2, task=task, seed=3)
    with np.load(folder / "rollout_1.npz") as data:
        found = {name: (data[name].shape, str(data[name].dtype)) for name in data}
        assert data["rewards"].tolist() == [1.0] * 30 and data["terminals"].nonzero()[0].tolist() == [29]
    assert found["observations"] == ((31, 64, 64, 3), "uint8") and found["actions"] == ((30, 1), "float32")
    replay(task, path=folder / "rollout_1.npz", video=None, check=True)
    assert "seed 4, score 30.0 after 30 frames\nrewards: the same\nframes: the same" in capsys.readouterr().out
    assert "| survived all 2100 tics | 2 |" in (folder / "README.md").read_text()
    with pytest.raises(UserError, match="is no rollout of carracing: its arrays have other shapes or dtypes"):
        load_rollout(SHORT, folder / "rollout_1.npz")
