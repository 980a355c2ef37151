"""export_minari.py: the dataset holds what the rollouts hold, and a folder that is no whole is refused."""

import dataclasses
import json
import os
import shutil
import sys

import h5py
import numpy as np
import pytest
from expert import SHORT, generate_expert, in_this_process

from worldmodels.data import minari_dataset
from worldmodels.data.expert import load_rollout
from worldmodels.scripts.cli import UserError

minari = pytest.importorskip("minari", reason="pip install -r requirements-minari.txt")


@pytest.fixture(scope="module")
def made(untrained, tmp_path_factory):
    return generate_expert(untrained, tmp_path_factory.mktemp("minari") / "expert", rollouts=3)


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "expert")


@pytest.fixture(autouse=True)
def export(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "datasets"))
    monkeypatch.setattr(minari_dataset, "run_in_processes", in_this_process)

    def export(folder, dataset_id="carracing/expert-v0", task=SHORT):
        minari_dataset.export(task, folder=folder, dataset_id=dataset_id, workers=1)
        return minari.load_dataset(dataset_id)

    return export


def assert_recovered_environment_plays_it(dataset, number):
    (about,), episode = dataset.storage.get_episode_metadata([number]), dataset[number]
    env = dataset.recover_environment()
    assert (env.reset(seed=about["seed"])[0] == episode.observations[0]).all()
    for t, action in enumerate(episode.actions):
        observation, reward, *_ = env.step(action)
        assert (observation == episode.observations[t + 1]).all() and reward == episode.rewards[t]


def test_dataset_holds_the_rollouts_and_their_environment(folder, export):
    dataset = export(folder)
    assert (dataset.total_episodes, dataset.total_steps) == (3, 60)
    rows = json.loads((folder / "manifest.json").read_text())["rollouts"]
    about = list(dataset.storage.get_episode_metadata(range(3)))
    assert [(a["seed"], a["score"]) for a in about] == [(row["seed"], row["score"]) for row in rows]
    for k, episode in enumerate(dataset.iterate_episodes()):
        frames, _ = load_rollout(SHORT, folder / f"rollout_{k}.npz")
        for name in ("observations", "actions", "rewards"):
            np.testing.assert_array_equal(getattr(episode, name), getattr(frames, name), strict=True)
        assert "total_steps=20" in repr(episode)
    assert dataset.observation_space.shape == (64, 64, 3) and dataset.env_spec.max_episode_steps == 1000
    assert_recovered_environment_plays_it(dataset, 1)
    assert list(minari.list_local_datasets()) == ["carracing/expert-v0"]


def test_colors_of_2018_come_with_an_environment_that_shows_them(untrained, tmp_path, export):
    dataset = export(generate_expert(untrained, tmp_path / "old", rollouts=1, colors="2018"), "old-v0")
    assert dataset.env_spec.kwargs == {"colors": "2018"}
    assert_recovered_environment_plays_it(dataset, 0)


class EndsEarly(SHORT.make_env):
    """Leaves the field at step 12."""

    def step(self, action):
        observation, reward, _, truncated, info = super().step(action)
        self.steps = self.steps + 1 if action is not None else 0
        return observation, reward, self.steps == 12, truncated, info


def test_an_episode_that_ended_is_told_from_one_that_was_cut_off(untrained, folder, tmp_path, export):
    early = dataclasses.replace(SHORT, make_env=EndsEarly)
    cut, ended = (
        export(folder)[0],
        export(generate_expert(untrained, tmp_path / "e", rollouts=1, task=early), "e-v0")[0],
    )
    assert len(cut) == 20 and cut.truncations.tolist() == [False] * 19 + [True] and not cut.terminations.any()
    assert len(ended) == 12 and ended.terminations.tolist() == [False] * 11 + [True] and not ended.truncations.any()
    assert len(ended.observations) == 13


def test_a_killed_export_leaves_no_dataset_and_goes_on(folder, export, tmp_path, monkeypatch):
    converted, convert = [], minari_dataset.convert

    def killed(*arguments):
        for k in convert(*arguments):
            converted.append(k)
            if len(converted) == 2:
                raise KeyboardInterrupt
            yield k

    monkeypatch.setattr(minari_dataset, "convert", killed)
    with pytest.raises(KeyboardInterrupt):
        export(folder)
    assert not minari.list_local_datasets()
    assert export(folder).total_episodes == 3 and converted == [0, 1, 2]
    assert [path.name for path in tmp_path.rglob("*.hdf5")] == ["main_data.hdf5"]


def test_a_damaged_part_of_a_killed_export_is_made_anew(folder, export, tmp_path):
    parts = tmp_path / "datasets" / "carracing" / ".expert-v0.unfinished" / "episodes"
    parts.mkdir(parents=True)
    (parts / "episode_0.hdf5").write_bytes(b"no HDF5")
    h5py.File(parts / "episode_1.hdf5", "w").close()  # nothing in it says of which rollout it is
    assert export(folder).total_episodes == 3


def replace_by_another_agents(folder):
    """A whole rollout, but of another seed."""
    (folder / "rollout_1.npz").write_bytes((folder / "rollout_2.npz").read_bytes())


def replace_by_a_pipe(folder):
    (folder / "rollout_1.npz").unlink()
    os.mkfifo(folder / "rollout_1.npz")  # opened, it would wait for ever


def note_as_incomplete(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"complete": False}))


WRONG = {
    r"there is a gap in .*: rollout_1\.npz is missing; run gen": lambda f: (f / "rollout_1.npz").unlink(),
    r"rollout_3\.npz .* is not in its manifest\.json": lambda f: shutil.copy(f / "rollout_0.npz", f / "rollout_3.npz"),
    r"rollout_1\.npz is not the rollout that manifest\.json notes: .* colours": replace_by_another_agents,
    r"a rollout is damaged, or another kind of file: .*rollout_2\.npz.*; run gen": lambda f: (
        f / "rollout_2.npz"
    ).write_bytes(b"PK"),
    r"rollout_1\.npz should be a rollout, but is no file: run gen": replace_by_a_pipe,
    "are not complete: run generation_script.py again": note_as_incomplete,
    "the manifest of the rollouts is missing: .*; restore it, or make rollouts anew with": lambda f: (
        f / "manifest.json"
    ).unlink(),
}


@pytest.mark.parametrize("message", WRONG)
def test_a_folder_that_is_no_whole_is_one_line(message, folder, export):
    WRONG[message](folder)
    with pytest.raises(UserError, match=message) as error:
        export(folder)
    assert "\n" not in str(error.value)
    assert not minari.list_local_datasets()


def test_a_dataset_that_is_there_and_a_name_that_is_none_are_one_line(folder, export):
    export(folder)
    with pytest.raises(UserError, match="there is a Minari dataset carracing/expert-v0 already"):
        export(folder)
    for name in ("expert", "a b-v0"):
        with pytest.raises(UserError, match="is no name for a dataset"):
            export(folder, name)


def test_missing_minari_is_one_line(folder, export, monkeypatch):
    monkeypatch.setitem(sys.modules, "minari.storage", None)
    with pytest.raises(UserError, match=r"Minari is missing .*: pip install -r requirements-minari\.txt"):
        export(folder)
