"""model.py norender: scores that depend on seeds alone, the JSON beside them, and what it says of wrong files."""

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from gymnasium.envs.box2d import car_racing

from carracing.renderer import shrink
from carracing.stock import StockCarRacing
from carracing.task import CARRACING
from worldmodels.playing import evaluation
from worldmodels.rollout import Job
from worldmodels.scripts.cli import UserError

SHORT = dataclasses.replace(CARRACING, max_steps=40)
SCRIPTS = Path(__file__).resolve().parents[1] / "carracing"


def options_for(untrained, results, **changes):
    options = {"controller": untrained.best, "weights": untrained.weights, "results": results, "precision": "float32"}
    return SimpleNamespace(**(options | {"episodes": 3, "seed": 5, "workers": 1, "slots": 4, "z": None} | changes))


@pytest.fixture(scope="module")
def with_one_worker(untrained, tmp_path_factory):
    path = evaluation.evaluate(SHORT, options_for(untrained, tmp_path_factory.mktemp("results")), "ours")
    return path, json.loads(path.read_text())


def test_scores_do_not_depend_on_the_number_of_workers(untrained, with_one_worker, tmp_path, capsys):
    path = evaluation.evaluate(SHORT, options_for(untrained, tmp_path, workers=2), "ours")
    data = json.loads(path.read_text())
    assert data["scores"] == with_one_worker[1]["scores"] and data["steps"] == with_one_worker[1]["steps"]
    *episodes, average, _ = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in episodes] == [f"episode {k}, seed {k + 4}" for k in (1, 2, 3)]
    assert average == f"average_reward {np.mean(data['scores']):.2f} stdev {np.std(data['scores']):.2f}"


def test_a_killed_run_goes_on_after_the_episodes_it_has_scored(
    untrained, with_one_worker, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(evaluation, "SAVE_SECONDS", 0)
    add = evaluation.Unfinished.add

    def add_two(self, *result):
        add(self, *result)
        if len(self.results) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(evaluation.Unfinished, "add", add_two)
    with pytest.raises(KeyboardInterrupt):
        evaluation.evaluate(SHORT, options_for(untrained, tmp_path), "ours")
    (left,) = tmp_path.glob("*.unfinished")
    capsys.readouterr()
    monkeypatch.setattr(evaluation.Unfinished, "add", add)
    data = json.loads(evaluation.evaluate(SHORT, options_for(untrained, tmp_path), "ours").read_text())
    assert data["episodes_before"] == 2 and not left.exists()
    assert data["scores"] == with_one_worker[1]["scores"] and data["steps"] == with_one_worker[1]["steps"]
    assert "going on after 2 episodes" in (printed := capsys.readouterr().out)
    assert [f"episode {k}, " in printed for k in (1, 2, 3)] == [True] * 3


@pytest.mark.parametrize("content", ["[[", "{}", '{"decides": "another agent", "episodes": [[5, 900, 40]]}'])
def test_what_another_run_has_scored_is_not_counted(untrained, with_one_worker, tmp_path, content):
    name = with_one_worker[0].with_suffix(".unfinished").name
    (tmp_path / name).write_text(content)
    data = json.loads(evaluation.evaluate(SHORT, options_for(untrained, tmp_path), "ours").read_text())
    assert data["episodes_before"] == 0 and data["scores"] == with_one_worker[1]["scores"]


def nearly_all_equal(scores, others):
    """Rounding, or a level more or less in the picture, may decide over a road tile, but not in most episodes."""
    return np.median(np.abs(np.subtract(scores, others))) < 1e-6


def test_scores_are_those_of_the_environment_played_by_hand(untrained, with_one_worker):
    """V, M and C called one by one, one frame at a time; the noise comes from the episode's seed."""
    params = np.float32(json.loads(untrained.best.read_text())[0])
    scores = []
    for seed in (5, 6, 7):
        env, rng = CARRACING.make_env(), Job(seed).rng()
        observation, _ = env.reset(seed=seed)
        h, c, score = np.zeros((1, 256), np.float32), np.zeros((1, 256), np.float32), 0.0
        for _ in range(SHORT.max_steps):
            mu, logvar = (np.array(x) for x in untrained.vae.encoder(observation[None]))
            z = mu + np.exp(logvar / 2) * rng.standard_normal((1, 32), np.float32)
            steer, gas, brake = np.tanh(params[:3] + np.concatenate([z, h], 1) @ params[3:].reshape(288, 3))[0]
            action = np.float32([steer, (gas + 1) / 2, max(brake, 0)])
            observation, reward, *_ = env.step(action)
            score += reward
            h, c = (np.array(x) for x in untrained.rnn.step(np.concatenate([z, action[None]], 1), (h, c)))
        scores.append(score)
    assert nearly_all_equal(with_one_worker[1]["scores"], scores)


def test_json_holds_all_that_is_needed_to_repeat_it(untrained, with_one_worker):
    path, data = with_one_worker
    assert data["seeds"] == [5, 6, 7] and data["steps"] == [40, 40, 40] and data["episodes"] == 3
    assert data["mean"] == np.mean(data["scores"]) and data["std"] == np.std(data["scores"])
    run = json.loads(untrained.best.with_name("carracing.cma.16.64.run.json").read_text())
    assert (data["vae_sha256"], data["rnn_sha256"], data["controller"]) == (run["vae"], run["rnn"], "z_h")
    assert path.name == f"carracing.ours.seed5.3.{data['parameters_sha256'][:8]}.json"
    for key in ("command", "machine", "versions", "precision", "wall_seconds", "frames_per_second"):
        assert data[key]


def test_stock_renderer_scores_nearly_the_same(untrained, with_one_worker, tmp_path):
    stock = dataclasses.replace(SHORT, make_env=StockCarRacing)
    path = evaluation.evaluate(stock, options_for(untrained, tmp_path), "stock")
    assert path.name.startswith("carracing.stock.")
    assert nearly_all_equal(json.loads(path.read_text())["scores"], with_one_worker[1]["scores"])


def test_stock_environment_shows_the_stock_frame_shrunk():
    ours, theirs = StockCarRacing(), car_racing.CarRacing()
    np.testing.assert_array_equal(ours.reset(seed=3)[0], shrink(theirs.reset(seed=3)[0]))
    action = np.float32([0.2, 1, 0])
    mine, stock = ours.step(action), theirs.step(action)
    np.testing.assert_array_equal(mine[0], shrink(stock[0]))
    assert mine[1:] == stock[1:]


def replace_json(path, change):
    data = json.loads(path.read_text())
    path.write_text(json.dumps(change(data)))


def cut(path):
    path.write_bytes(path.read_bytes()[:-1000])


DAMAGES = {
    "the controller is missing": lambda best, weights: best.unlink(),
    "the controller is damaged or cut short": lambda best, weights: cut(best),
    "does not hold the controller": lambda best, weights: best.write_text('{"a": 1}'),
    "has 99 parameters": lambda best, weights: replace_json(best, lambda data: [data[0][:99], 1]),
    "the weights of V are missing": lambda best, weights: (weights / "vae.weights.h5").unlink(),
    "the weights of V are damaged": lambda best, weights: cut(weights / "vae.weights.h5"),
    "does not fit M": lambda best, weights: shutil.copy(weights / "vae.weights.h5", weights / "rnn.weights.h5"),
    "trained with another V": lambda best, weights: replace_json(
        weights / "rnn.json", lambda data: data | {"vae": "0"}
    ),
    "are not those that this controller was trained with": lambda best, weights: replace_json(
        best.with_name("carracing.cma.16.64.run.json"), lambda data: data | {"vae": "0"}
    ),
}


@pytest.mark.parametrize("message", DAMAGES)
def test_wrong_files_are_found_before_any_process_starts(message, untrained, tmp_path, monkeypatch):
    weights = shutil.copytree(untrained.weights, tmp_path / "weights")
    best = shutil.copytree(untrained.best.parent, tmp_path / "log") / untrained.best.name
    DAMAGES[message](best, weights)
    monkeypatch.setattr(evaluation, "run_in_processes", lambda *_: pytest.fail("processes were started"))
    with pytest.raises(UserError, match=message) as error:
        evaluation.evaluate(SHORT, options_for(untrained, tmp_path, controller=best, weights=weights), "ours")
    assert "\n" not in str(error.value)


def script(*arguments):
    command = [sys.executable, "model.py", *map(str, arguments)]
    return subprocess.run(command, cwd=SCRIPTS, capture_output=True, text=True, timeout=300)


def test_model_py_plays_from_the_command_line(untrained, tmp_path):
    rest = ["--weights", untrained.weights, "--results", tmp_path]
    result = script("norender", untrained.best, "--episodes", 1, "--slots", 1, *rest)
    assert result.returncode == 0, result.stderr
    assert "\naverage_reward " in result.stdout
    (path,) = tmp_path.glob("*.json")
    assert json.loads(path.read_text())["steps"] == [1000]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("norender", "nowhere.best.json"), "error: the controller is missing"),
        (("norender", "x.json", "--episodes", "0"), "'0' is not a whole number of at least 1"),
        (("norender", "x.json", "--video", "a.mp4"), "--video and --frames go with render"),
        (("render", "x.json", "--video", "a.avi"), "has to end in .mp4 or .gif"),
        (("render", "x.json"), "error: no display: add --video FILE.mp4"),
    ],
)
def test_wrong_use_is_answered_in_one_line(arguments, message, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    result = script(*arguments)
    assert result.returncode == 2 and message in result.stderr
    assert result.stderr.count("\n") == 1, result.stderr
