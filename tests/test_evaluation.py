"""model.py norender: scores that depend on seeds alone, the JSON beside them, and what it says of wrong files."""

import dataclasses
import json
import os
import sys

import numpy as np
import pytest
from gymnasium.envs.box2d import car_racing
from scripts import Scripts

from carracing import model
from carracing.env import CarRacing
from carracing.renderer import shrink
from carracing.stock import StockCarRacing
from carracing.task import CARRACING
from worldmodels.parallel.shards import WHOLE
from worldmodels.parallel.share import Share
from worldmodels.playing import evaluation
from worldmodels.playing import worlds as worlds_module
from worldmodels.playing.worlds import load_world
from worldmodels.rollout import Job
from worldmodels.scripts.cli import UserError

SHORT = dataclasses.replace(CARRACING, max_steps=40)


def evaluate(agent, results, where="ours", task=SHORT, workers=1, weights=None, z=None, shard=WHOLE):
    """Three episodes of 40 frames. Returns the path of the JSON."""
    return evaluation.evaluate(
        task,
        agent.best,
        where,
        dream=False,
        episodes=3,
        seed=5,
        workers=workers,
        slots=4,
        results=results,
        weights=weights or agent.weights,
        precision="float32",
        z=z,
        temperature=None,
        shard=shard,
    )


def scores(path):
    return json.loads(path.read_text())["scores"]


@pytest.fixture
def in_process(monkeypatch):
    """One worker, which is this process: what needs no second one is tested sooner."""
    monkeypatch.setattr(
        evaluation, "run_in_processes", lambda work, jobs, workers, advanced: work(Share(jobs, 99, advanced))
    )


@pytest.fixture(scope="module")
def with_one_worker(untrained, tmp_path_factory):
    path = evaluate(untrained, tmp_path_factory.mktemp("results"))
    return path, json.loads(path.read_text())


def test_scores_do_not_depend_on_the_number_of_workers(untrained, with_one_worker, tmp_path, capsys):
    data = json.loads(evaluate(untrained, tmp_path, workers=2).read_text())
    assert data["scores"] == with_one_worker[1]["scores"] and data["steps"] == with_one_worker[1]["steps"]
    which, *episodes, average, _ = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in episodes] == [f"episode {k}, seed {k + 4}" for k in (1, 2, 3)]
    assert which == f"V and M of {untrained.weights} play, in 2 processes"
    assert average == f"average_reward {np.mean(data['scores']):.2f} stdev {np.std(data['scores']):.2f}"


def test_shards_score_what_one_run_does_and_the_whole_plays_what_is_missing(
    untrained, with_one_worker, tmp_path, capsys, in_process
):
    evaluate(untrained, tmp_path, shard=slice(1, None, 2))  # episode 2 of 3
    (left,) = tmp_path.iterdir()
    assert left.name.endswith(".2_of_2.unfinished")
    others = [left.with_name(left.name.replace("2_of_2", name)) for name in ("1_of_2", "bfloat16.2_of_2")]
    for other in others:
        other.write_text(left.read_text().replace('"slots": ', '"slots": 1'))
    data = json.loads(evaluate(untrained, tmp_path).read_text())
    said = capsys.readouterr().out
    assert data["episodes_before"] == 1 and "going on after 1 episodes" in said
    assert [f"{other} does not count" in said for other in others] == [True, False]  # the second is of another result
    assert data["scores"] == with_one_worker[1]["scores"] and data["steps"] == with_one_worker[1]["steps"]
    assert not left.exists() and all(other.exists() for other in others)


def test_a_killed_run_goes_on_after_the_episodes_it_has_scored(
    untrained, with_one_worker, tmp_path, monkeypatch, capsys, in_process
):
    monkeypatch.setattr(evaluation, "SAVE_SECONDS", 0)
    add = evaluation.Unfinished.add

    def add_two(self, *result):
        add(self, *result)
        if len(self.results) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(evaluation.Unfinished, "add", add_two)
    with pytest.raises(KeyboardInterrupt):
        evaluate(untrained, tmp_path)
    (left,) = tmp_path.glob("*.unfinished")
    capsys.readouterr()
    monkeypatch.setattr(evaluation.Unfinished, "add", add)
    data = json.loads(evaluate(untrained, tmp_path).read_text())
    assert data["episodes_before"] == 2 and not left.exists()
    assert data["scores"] == with_one_worker[1]["scores"] and data["steps"] == with_one_worker[1]["steps"]
    assert "going on after 2 episodes" in (printed := capsys.readouterr().out)
    assert [f"episode {k}, " in printed for k in (1, 2, 3)] == [True] * 3


def test_episodes_that_end_all_at_once_are_soon_in_the_file(tmp_path, monkeypatch):
    """Only the first of them is written at once."""
    path = tmp_path / "scores.json"
    unfinished = evaluation.Unfinished(path, WHOLE, "this agent")
    for seed, seconds in enumerate((1.1, 0, 0)):
        unfinished.saved -= seconds
        unfinished.add(seed, 900, 40)
    assert len(evaluation.Unfinished(path, WHOLE, "this agent").results) == 1
    unfinished.saved -= 1.1
    unfinished.save_now_and_then()
    assert len(evaluation.Unfinished(path, WHOLE, "this agent").results) == 3


@pytest.mark.parametrize("content", ["[[", "{}", '{"decides": "another agent", "episodes": [[5, 900, 40]]}'])
def test_what_another_run_has_scored_is_not_counted(tmp_path, capsys, content):
    path = tmp_path / "scores.unfinished"
    path.write_text('{"decides": "this agent", "episodes": [[5, 900, 40]]}')
    assert evaluation.Unfinished(path.with_suffix(".json"), WHOLE, "this agent").results == {5: (900, 40)}
    path.write_text(content)
    assert evaluation.Unfinished(path.with_suffix(".json"), WHOLE, "this agent").results == {}
    assert f"{path} does not count" in capsys.readouterr().out


def nearly_all_equal(some, others):
    """Rounding, or a level more or less in the picture, may decide over a road tile, but not in most episodes."""
    return np.median(np.abs(np.subtract(some, others))) < 1e-6


def test_scores_are_those_of_the_environment_played_by_hand(untrained, with_one_worker):
    """V, M and C called one by one, one frame at a time; the noise comes from the episode's seed."""
    params = np.float32(json.loads(untrained.best.read_text())[0])
    by_hand = []
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
        by_hand.append(score)
    assert nearly_all_equal(with_one_worker[1]["scores"], by_hand)


def test_what_c_reads_of_v_is_what_it_was_evolved_on_or_is_asked_for(
    untrained, moved, with_one_worker, tmp_path, in_process
):
    asked = evaluate(untrained, tmp_path / "asked", z="mean")
    assert asked.name == with_one_worker[0].name.replace(".json", ".mean.json")  # what is unusual is named
    assert json.loads(asked.read_text())["z"] == "mean" and scores(asked) != with_one_worker[1]["scores"]
    note = moved.best.with_name("carracing.cma.16.64.run.json")
    note.write_text(json.dumps(json.loads(note.read_text()) | {"z": "mean"}))
    evolved = evaluate(moved, tmp_path / "evolved")
    assert evolved.name == with_one_worker[0].name and scores(evolved) == scores(asked)
    assert scores(evaluate(moved, tmp_path / "sample", z="sample")) == with_one_worker[1]["scores"]


def test_json_holds_all_that_is_needed_to_repeat_it(untrained, with_one_worker):
    path, data = with_one_worker
    assert data["seeds"] == [5, 6, 7] and data["steps"] == [40, 40, 40] and data["episodes"] == 3
    assert data["mean"] == np.mean(data["scores"]) and data["std"] == np.std(data["scores"])
    run = json.loads(untrained.best.with_name("carracing.cma.16.64.run.json").read_text())
    assert (data["vae_sha256"], data["rnn_sha256"], data["controller"]) == (run["vae"], run["rnn"], "z_h")
    assert (data["precision"], data["z"]) == ("float32", "sample")
    backend = {"jax": ".jax"}.get(os.environ.get("KERAS_BACKEND"), "")
    assert path.name == f"carracing.ours.seed5.3.{data['parameters_sha256'][:8]}{backend}.json"
    for key in ("command", "machine", "versions", "wall_seconds", "frames_per_second"):
        assert data[key]


def test_stock_renderer_scores_nearly_the_same(untrained, with_one_worker, tmp_path, in_process):
    stock = dataclasses.replace(SHORT, make_env=StockCarRacing)
    path = evaluate(untrained, tmp_path, "stock", stock)
    assert path.name.startswith("carracing.stock.")
    assert nearly_all_equal(scores(path), with_one_worker[1]["scores"])


@pytest.mark.parametrize(("words", "kind", "where"), [((), CarRacing, "ours"), (("--stock",), StockCarRacing, "stock")])
def test_stock_is_the_stock_renderer(words, kind, where, monkeypatch):
    played = []
    monkeypatch.setattr(model, "play_agent", lambda task, where, **options: played.append((task, where)))
    monkeypatch.setattr(sys, "argv", ["model.py", "norender", "some.best.json", *words])
    model.main()
    ((task, named),) = played
    assert type(task.make_env()) is kind and named == where


def test_the_dream_is_the_one_that_was_asked_for(untrained, tmp_path, in_process, monkeypatch):
    worlds = []

    def spy(*arguments, **options):
        worlds.append(load_world(*arguments, **options))
        return worlds[-1]

    monkeypatch.setattr(worlds_module, "load_world", spy)
    asked = {"weights": untrained.weights, "precision": "float32", "z": "mean", "temperature": 0.5}
    where = {"episodes": 2, "seed": 5, "workers": 1, "slots": 2, "results": tmp_path}
    path = evaluation.evaluate(SHORT, untrained.best, "dream", dream=True, **where, **asked)
    ((world, trained),) = worlds
    assert (world.graph.temperature, trained.z) == (0.5, "mean") and path.name.startswith("carracing.dream0.5.seed5.2.")


def test_stock_environment_shows_the_stock_frame_shrunk():
    ours, theirs = StockCarRacing(), car_racing.CarRacing()
    np.testing.assert_array_equal(ours.reset(seed=3)[0], shrink(theirs.reset(seed=3)[0]))
    action = np.float32([0.2, 1, 0])
    mine, stock = ours.step(action), theirs.step(action)
    np.testing.assert_array_equal(mine[0], shrink(stock[0]))
    assert mine[1:] == stock[1:]


@pytest.mark.parametrize("name", ["controller", "V"])
def test_wrong_files_are_found_before_any_process_starts(name, moved, tmp_path, monkeypatch):
    (moved.best if name == "controller" else moved.weights / "vae.weights.h5").write_bytes(b"")
    monkeypatch.setattr(evaluation, "run_in_processes", lambda *_: pytest.fail("processes were started"))
    with pytest.raises(UserError, match=f"{name}.* is damaged"):
        evaluate(moved, tmp_path)


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
def test_wrong_use_is_answered_in_one_line(arguments, message, tmp_path, no_display):
    assert message in Scripts("carracing").error_of(tmp_path, "model.py", *arguments)
