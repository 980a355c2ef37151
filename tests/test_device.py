"""--device gpu: refused in one line where there is none. The rest of its path is tested on the CPU, to the bit."""

import dataclasses
import json
import os
import shutil
import signal
import time

import gymnasium
import numpy as np
import pytest
from scripts import Scripts

from carracing.task import CARRACING
from worldmodels.agent import Agent
from worldmodels.computing import device
from worldmodels.computing.backend import has_gpu, keras, ops
from worldmodels.controller import save_parameters
from worldmodels.data.episodes import Episodes, list_episodes
from worldmodels.data.series import write_series
from worldmodels.files.writing import make_folder
from worldmodels.parallel.crew import Member, muster
from worldmodels.parallel.served import ServedEnvironments
from worldmodels.playing import evaluation
from worldmodels.rollout import Environments, Job, run_episodes
from worldmodels.scripts.cli import UserError
from worldmodels.training.train_controller import training_world

SCRIPTS = Scripts("carracing")
SHORT = dataclasses.replace(CARRACING, max_steps=40)
no_gpu = pytest.mark.skipif(has_gpu(), reason="there is a GPU")


@pytest.fixture(scope="module")
def agent(untrained):
    return Agent(untrained.vae, untrained.rnn, CARRACING.make_controller(), CARRACING.to_action, 5, 40)


def test_a_process_that_is_held_to_one_thread_computes_on_one_core():
    """conftest.py holds this one to it, whatever computes for Keras."""
    many = keras.random.normal((2000, 2000))
    start, busy = time.monotonic(), time.process_time()
    for _ in range(10):
        many = ops.matmul(many, many) / 2000
    np.array(many)
    assert time.process_time() - busy < 1.3 * (time.monotonic() - start)


@pytest.fixture(scope="module")
def jobs():
    rng = np.random.default_rng(0)
    size = CARRACING.make_controller().num_params
    return [Job(seed, rng.normal(0, 0.1, size).astype(np.float32), patience=30 * (seed % 2)) for seed in range(9)]


def played(world, jobs):
    return {episode.job.seed: (episode.score, episode.steps) for episode in run_episodes(world, jobs)}


@pytest.mark.parametrize("processes", [1, 2, 9])
def test_environments_in_processes_play_as_those_in_ours(agent, jobs, processes):
    ours = played(Environments([CARRACING.make_env() for _ in range(5)], agent, 40), jobs)
    frames = []
    world = ServedEnvironments(CARRACING.make_env, agent, 5, 40, processes)
    theirs = {e.job.seed: (e.score, e.steps) for e in run_episodes(world, jobs, frames.append)}
    assert theirs == ours and len(ours) == len(jobs)
    assert sum(frames) == sum(steps for _, steps in ours.values()) == world.played


def test_a_process_that_dies_is_an_error(agent, jobs):
    world = ServedEnvironments(MortalEnv, agent, 2, 40, 1)
    with pytest.raises(UserError, match="process died"):
        list(run_episodes(world, jobs))


def test_so_is_an_environment_that_fails(agent, jobs):
    world = ServedEnvironments(WrongEnv, agent, 2, 40, 1)
    with pytest.raises(UserError, match="failed: ValueError: no road"):
        list(run_episodes(world, jobs))


class MortalEnv(gymnasium.Env):
    def reset(self, seed=None, options=None):
        os.kill(os.getpid(), signal.SIGKILL)


class WrongEnv(gymnasium.Env):
    def reset(self, seed=None, options=None):
        raise ValueError("no road")


def test_evaluation_plays_all_in_one_process(untrained, tmp_path, monkeypatch):
    worlds = []

    def seen(world, *more):
        worlds.append(world)
        return run_episodes(world, *more)

    monkeypatch.setattr(evaluation, "run_episodes", seen)
    monkeypatch.setattr(evaluation, "use", lambda device: None)  # Keras is loaded by now, on the CPU

    def scores(**options):
        named = {"episodes": 6, "seed": 5, "slots": 4, "weights": untrained.weights, "dream": False}
        path = evaluation.evaluate(SHORT, untrained.best, "ours", results=tmp_path, **named, **options)
        return path, json.loads(path.read_text())

    (one, on_cpu), (other, on_gpu) = scores(workers=1), scores(workers=2, device="gpu")
    assert on_gpu["scores"] == on_cpu["scores"] and on_gpu["device"] == "gpu" and "device" not in on_cpu
    assert [(type(world), world.slots) for world in worlds] == [(ServedEnvironments, 4)]  # the other is in a process
    assert other.name == one.name.replace(".json", ".gpu.json")


def test_so_does_a_worker_of_an_evolution(untrained, jobs):
    worlds = [training_world(SHORT, untrained.weights, slots=4, device=name)[0] for name in device.DEVICES]
    assert isinstance(worlds[1], ServedEnvironments)
    assert played(worlds[0], jobs) == played(worlds[1], jobs)


def crew(name, *hosts):
    """Rank 0 on host a, and workers."""
    return [Member(host, frozenset({0, 1}), {}, name) for host in ("a", *hosts)]


def test_one_worker_of_a_host_plays_on_its_gpu():
    muster(crew("cpu", "a", "a"))
    muster(crew("gpu", "a"))
    muster(crew("gpu", "a", "b"))
    with pytest.raises(UserError, match="b has 2 workers"):
        muster(crew("gpu", "a", "b", "b"))


def test_once_keras_is_loaded_there_is_no_other_device():
    device.use("cpu")
    with pytest.raises(RuntimeError, match="before anything loads it"):
        device.use("gpu")


@no_gpu
def test_where_there_is_no_gpu_every_script_says_so(untrained, tmp_path):
    save_parameters(tmp_path / "c.json", np.zeros(867), 0.0)
    rng = np.random.default_rng(0)
    (tmp_path / "record").mkdir()
    for k in range(2):
        np.savez(
            tmp_path / f"record/{k}.npz",
            obs=rng.integers(0, 256, (300, 64, 64, 3), np.uint8),
            action=np.zeros((300, 3), np.float16),
        )
    shutil.copytree(untrained.weights, tmp_path / "weights")
    make_folder(tmp_path / "series")
    write_series(untrained.vae, Episodes(list_episodes(tmp_path / "record"), 3), tmp_path / "series/series.npz")
    commands = {
        "vae_train.py": ("--steps", 1),
        "model.py": ("norender", "c.json", "--weights", untrained.weights, "--results", "results"),
        "rnn_train.py": ("--steps", 1, "--batch_size", 2, "--sequence", 100),
        "train.py": ("-n", 1, "--weights", untrained.weights),
    }
    for script, options in commands.items():
        assert "finds no GPU" in SCRIPTS.error_of(tmp_path, script, *options, "--device", "gpu")


def test_a_device_is_for_scores(tmp_path):
    line = SCRIPTS.error_of(tmp_path, "model.py", "render", CARRACING.shipped, "--video", "a.mp4", "--device", "gpu")
    assert "--device go with norender" in line
