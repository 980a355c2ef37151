"""The numbered Doom scripts as a user runs them: in order, at tiny scale, killed, and given wrong things."""

import json
import shutil
import sys

import numpy as np
import pytest
from scripts import STEPS_BEFORE, Scripts, kill_when

from doomrnn import model
from doomrnn.task import DOOM
from worldmodels.controller import load_parameters, parameters_fingerprint
from worldmodels.data.series import Series
from worldmodels.training.train_controller import training_world

SCRIPTS = Scripts("doomrnn")
run, start, error_of = SCRIPTS.run, SCRIPTS.start, SCRIPTS.error_of
BEST = "log/doomrnn.cma.2.4.best.json"
EVOLVE = ("train.py", "-n", 2, "--popsize", 4, "--num_episode", 2, "--slots", 4)
EVOLVE += ("--eval_steps", 1, "--eval_episodes", 4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder in which steps 1 to 5 have been run at tiny scale."""
    folder = tmp_path_factory.mktemp("doomrnn")
    run(folder, "extract.py", "--episodes", 8, "--workers", 2)
    run(folder, "vae_train.py", "--steps", 12, "--batch_size", 20)
    run(folder, "series.py")
    run(folder, "rnn_train.py", "--steps", 3, "--batch_size", 4, "--sequence", 50)
    run(folder, *EVOLVE, "--generations", 2)
    return folder


def test_the_series_holds_episodes_of_their_own_lengths(folder):
    with np.load(folder / "series/series.npz") as data:
        lengths = data["length"]
        assert (lengths > 100).all() and data["mu"].shape == (lengths.sum(), 64) and data["mu"].dtype == np.float16
        assert data["action"].shape == (lengths.sum(), 1)


def test_the_series_may_hold_every_episode_in_a_mirror_too(folder):
    run(folder, "series.py", "--mirror", "--out", "mirrored.npz")
    plain, mirrored = Series(folder / "series/series.npz"), Series(folder / "mirrored.npz")
    assert mirrored.lengths.tolist() == np.repeat(plain.lengths, 2).tolist() and mirrored.data != plain.data
    assert mirrored.mirrored and not plain.mirrored
    for number in range(len(plain)):
        for expected, found in zip(plain[number], mirrored[2 * number], strict=True):
            np.testing.assert_array_equal(found, expected)
        (mu, _, action), (seen, _, turned) = plain[number], mirrored[2 * number + 1]
        assert (turned == -action).all() and (seen != mu).any()


def test_training_leaves_weights_losses_and_where_dreams_start(folder):
    for name in ("vae.weights.h5", "vae_reconstructions.png", "rnn.weights.h5"):
        assert (folder / "weights" / name).stat().st_size > 0
    header = (folder / "weights/rnn.losses.csv").read_text().splitlines()[0]
    assert header == "step,loss,z,end,held_out_loss,held_out_z,held_out_end"
    mus, logvars = json.loads((folder / "weights/initial_z.json").read_text())
    assert np.shape(mus) == np.shape(logvars) == (8, 64)


def test_evolution_in_the_dream_leaves_the_logs_of_the_reference(folder):
    parameters, score = json.loads((folder / BEST).read_text())
    assert len(parameters) == 1088 and 1 <= score <= 2100
    assert [row[0] for row in json.loads((folder / "log/doomrnn.cma.2.4.hist.json").read_text())] == [1, 2]
    about = json.loads((folder / "log/doomrnn.cma.2.4.run.json").read_text())
    assert about["temperature"] == 1.15 and about["controller"] == "z_c_h"


def test_m_may_dream_in_bfloat16(folder):
    params, noise = np.full(1088, 0.1, np.float32), np.zeros((2, 1, 4, 64), np.float32)
    h = {}
    for precision in ("float32", "bfloat16"):
        world, _ = training_world(DOOM, folder / "weights", slots=4, temperature=1.15, precision=precision)
        state = {"z": np.ones((4, 64)), "h": np.ones((4, 512)), "c": np.ones((4, 512)), "restart": np.zeros((4, 1))}
        given = {"params": np.tile(params, (4, 1)), "uniform": noise[0], "normal": noise[1]}
        h[precision] = np.array(world.graph.predict_on_batch(state | given)["h"])
    apart = np.abs(h["float32"] - h["bfloat16"]).max()
    assert 1e-5 < apart < 0.02


def test_v_and_m_learn_on_from_what_the_agent_meets(folder, tmp_path):
    shutil.copytree(folder / "record", tmp_path / "record")
    weights, agent = folder / "weights", ("--controller", folder / BEST, "--weights", folder / "weights")
    options = ("--noise", 0.5, "--explore", 0.2, "--episodes", 2, "--workers", 1, "--out", "record/agent")
    run(tmp_path, "extract.py", *agent, *options)
    made_with = json.loads((tmp_path / "record/agent/coverage.json").read_text())["made_with"]
    best, _ = load_parameters(folder / BEST, 1088)
    assert made_with["parameters_sha256"] == parameters_fingerprint(best) and "agent" in made_with["policy"]
    assert made_with["noise"] == 0.5 and made_with["explore"] == 0.2
    options = ("--steps", 2, "--batch_size", 20, "--out", "better/vae.weights.h5")
    run(tmp_path, "vae_train.py", *options, "--init", weights / "vae.weights.h5")
    first, on = (
        np.genfromtxt(path / "vae.losses.csv", delimiter=",", names=True) for path in (weights, tmp_path / "better")
    )
    assert on["held_out_loss"] < first["held_out_loss"]  # it began where the other one ended
    run(tmp_path, "series.py", "--vae", "better/vae.weights.h5")
    with np.load(tmp_path / "series/series.npz") as data:
        assert len(data["length"]) == 8 + 2


def test_killed_evolution_goes_on_to_the_same_end_also_with_fewer_workers(folder, tmp_path):
    shutil.copytree(folder / "weights", tmp_path / "weights")
    history = tmp_path / "log/doomrnn.cma.2.4.hist.json"
    process = start(tmp_path, *EVOLVE, "--generations", 4)
    kill_when(process, lambda: history.exists() and len(json.loads(history.read_text())) >= 1)
    assert "going on after generation" in run(tmp_path, *EVOLVE, "-n", 1, "--generations", 4)
    twice = [row[0:1] + row[2:] for row in json.loads(history.read_text())]  # without the seconds
    first = json.loads((folder / "log/doomrnn.cma.2.4.hist.json").read_text())
    assert twice[:2] == [row[0:1] + row[2:] for row in first] and len(twice) == 4


def test_evolution_can_be_whitened_in_the_dream(folder):
    options = ("--init", BEST, "--whiten", 4, "--log", "log/whitened", "-n", 1, "--generations", 1)
    assert "playing 4 episodes" in run(folder, *EVOLVE, *options)
    start, mean = (json.loads((folder / path).read_text())[0] for path in (BEST, BEST.replace("log", "log/whitened")))
    assert np.linalg.norm(np.subtract(mean, start)) > 0.1 * 1088**0.5  # what varies little has large weights


def test_dreams_may_start_midway_and_end_when_they_are_as_likely_over_as_not(folder):
    options = ("--steps", 3, "--batch_size", 4, "--sequence", 50, "--midway", "series/series.npz")
    assert "weights/midway.npz: " in run(folder, "rnn_train.py", *options)
    options = ("--midway", "--median_ends", "--log", "log/midway", "-n", 1, "--generations", 1)
    run(folder, *EVOLVE, *options)
    best = BEST.replace("log", "log/midway")
    about = json.loads((folder / best.replace("best", "run")).read_text())
    assert about["median_ends"] and about["midway"] and len(about["midway_sha256"]) == 64
    plain = json.loads((folder / BEST.replace("best", "run")).read_text())
    assert not plain["median_ends"] and not plain["midway"]


def test_dreams_that_cannot_start_midway_are_one_line(folder, tmp_path):
    shutil.copytree(folder / "weights", tmp_path / "weights")
    (tmp_path / "weights/midway.npz").unlink(missing_ok=True)
    error = error_of(tmp_path, *EVOLVE, "--midway", "--generations", 1)
    assert "where dreams start midway is missing" in error and "run rnn_train.py again, with --midway" in error
    with np.load(folder / "series/series.npz") as data:
        np.savez(tmp_path / "other.npz", **{**data, "vae": "0" * 64})
    options = ("--steps", 3, "--batch_size", 4, "--sequence", 50, "--midway", tmp_path / "other.npz")
    assert "was made by another V than series/series.npz" in error_of(folder, "rnn_train.py", *options)


def test_other_options_do_not_go_on_with_the_run_and_are_all_named(folder):
    other = ("--generations", 3, "--temperature", 0.5, "--sigma_init", 0.2)
    error = error_of(folder, *EVOLVE, *other)
    assert "--temperature 1.15, not 0.5" in error and "--sigma_init 0.1, not 0.2" in error


def test_a_sequence_longer_than_all_episodes_is_one_line(folder):
    assert "choose a smaller --sequence" in error_of(folder, "rnn_train.py", "--sequence", 100_000, "--restart")


def test_an_error_of_what_the_workers_load_is_one_line(folder, tmp_path):
    shutil.copytree(folder / "weights", tmp_path / "weights")
    (tmp_path / "weights/initial_z.json").write_text("[]")
    error = error_of(tmp_path, *EVOLVE, "--generations", 1)
    assert (
        error.startswith("error: where dreams start is damaged, or another kind of file: weights/initial_z.json")
        and "says rank" in error
    )


@pytest.mark.parametrize(
    "world, more, name",
    [("doomreal", (), "game"), ("doomrnn", (), "dream1.15"), ("doomrnn", ("--temperature", 0.5), "dream0.5")],
)
def test_the_agent_is_scored_in_the_game_and_in_its_dream(folder, world, more, name):
    options = ("--weights", "weights", "--episodes", 2, "--workers", 1, "--slots", 2, "--results", "results")
    output = run(folder, "model.py", world, "norender", BEST, *options, *more)
    assert "average_reward" in output and "stdev" in output
    (path,) = (folder / "results").glob(f"doomrnn.{name}.*.json")
    result = json.loads(path.read_text())
    assert result["scores"] == result["steps"] and len(result["scores"]) == 2
    assert world == "doomreal" or name == f"dream{result['temperature']}"


def test_the_agent_can_be_scored_at_another_resolution_than_it_was_trained_at(folder):
    options = (BEST, "--weights", "weights", "--episodes", 1, "--slots", 1, "--results", "sharp")
    options += ("--resolution", "640x480")
    run(folder, "model.py", "doomreal", "norender", *options)
    (path,) = (folder / "sharp").glob("doomrnn.game640x480.*.json")
    result = json.loads(path.read_text())
    assert result["world"] == "game640x480" and len(result["scores"]) == 1
    assert "--resolution goes with doomreal" in error_of(folder, "model.py", "doomrnn", "norender", *options)


def test_another_resolution_is_that_of_the_game_which_is_played(monkeypatch):
    played = []
    monkeypatch.setattr(model, "play_agent", lambda task, where, **options: played.append(task.make_env()))
    monkeypatch.setattr(sys, "argv", ["model.py", "doomreal", "norender", "some.best.json", "--resolution", "640x480"])
    model.main()
    (env,) = played
    assert env.resolution == "640x480"


@pytest.mark.parametrize("world", ["doomreal", "doomrnn"])
def test_both_worlds_can_be_watched_without_a_display(folder, world):
    options = ("--weights", "weights", "--slots", 1, "--frames", 5, "--video", f"{world}.mp4")
    run(folder, "model.py", world, "render", BEST, *options)
    assert (folder / f"{world}.mp4").stat().st_size > 1000


def test_weights_of_the_other_task_are_one_line(folder, tmp_path, untrained):
    options = ("--generations", 1, "--weights", untrained.weights, "--log", tmp_path)
    assert "does not fit V" in error_of(folder, *EVOLVE, *options)
    wrong = error_of(folder, "model.py", "doomreal", "norender", untrained.best, "--results", tmp_path)
    assert "867 parameters where" in wrong and "another task" in wrong


def test_a_record_without_a_long_episode_is_one_line(folder, tmp_path):
    for name in ("weights", "record"):
        (tmp_path / name).mkdir()
    shutil.copy(folder / "weights/vae.weights.h5", tmp_path / "weights")
    rng = np.random.default_rng(0)
    for k in range(2):
        obs = rng.integers(0, 256, (30, 64, 64, 3), np.uint8)
        np.savez(tmp_path / "record" / f"{k}.npz", obs=obs, action=np.zeros((30, 1), np.float16))
    run(tmp_path, "series.py")
    assert "no episode of series/series.npz has more than 100 frames" in error_of(tmp_path, "rnn_train.py")


@pytest.mark.parametrize(("script", "before"), STEPS_BEFORE.items())
def test_a_step_whose_input_is_missing_names_the_step_before(tmp_path, script, before):
    assert f"run {before} first" in error_of(tmp_path, script)


@pytest.mark.parametrize(
    "options, words",
    [
        (("doomreal", "norender", "x.json", "--temperature", 1), "--temperature goes with doomrnn"),
        (("doomrnn", "norender", "x.json", "--video", "v.mp4"), "go with render"),
        (("doomrnn", "norender", "x.json"), "x.json"),
        (("doomrnn", "norender", "x.json", "--z", "mean"), "--precision and --z do not go with a dream"),
        (("doomreal", "norender", "x.json", "--episodes", 0), "--episodes"),
        (("doom", "norender", "x.json"), "doomreal"),
    ],
)
def test_wrong_options_of_model_are_one_line(tmp_path, options, words):
    assert words in error_of(tmp_path, "model.py", *options)
