"""The numbered CarRacing scripts as a user runs them: in order, at tiny scale, killed, and given wrong things."""

import json
import signal
import subprocess
import sys

import numpy as np
import pytest
from scripts import ENVIRONMENT, ROOT, SHORT_SCRIPT, STEPS_BEFORE, TIMEOUT, Scripts, kill_when, wait_for

from worldmodels.data.seeds import EXPERT, TEST

CARRACING = ROOT / "carracing"
SCRIPTS = Scripts("carracing")
start, run, error_of = SCRIPTS.start, SCRIPTS.run, SCRIPTS.error_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder in which steps 1 to 5 have been run at tiny scale."""
    folder = tmp_path_factory.mktemp("carracing")
    killed = start(folder, "extract.py", "--episodes", 8, "--workers", 1)
    kill_when(killed, lambda: len(list(folder.glob("record/[0-9]*.npz"))) >= 2)
    before = {path: path.stat().st_mtime_ns for path in folder.glob("record/[0-9]*.npz")}
    output = run(folder, "extract.py", "--episodes", 8, "--workers", 2)
    assert f"{len(before)} of 8 episodes are in record already" in output and "off the road in" in output
    assert {path: path.stat().st_mtime_ns for path in before} == before
    run(folder, "vae_train.py", "--steps", 12, "--batch_size", 20)
    run(folder, "series.py")
    run(folder, "rnn_train.py", "--steps", 3, "--batch_size", 4, "--sequence", 50)
    run(folder, *EVOLVE, "--generations", 2)
    return folder


EVOLVE = ("train.py", "-n", 2, "--popsize", 4, "--num_episode", 1, "--patience", 15, "--slots", 2)
EVOLVE += ("--eval_steps", 2, "--eval_episodes", 2)
BEST = "log/carracing.cma.1.4.best.json"


def test_random_rollouts_have_the_layout_of_the_reference(folder):
    files = sorted(folder.glob("record/[0-9]*.npz"), key=lambda path: int(path.stem))
    assert [path.name for path in files] == [f"{seed}.npz" for seed in range(8)]
    assert not list(folder.glob("record/.*"))  # no leftovers
    with np.load(files[0]) as data:
        assert data["obs"].shape == (1000, 64, 64, 3) and data["obs"].dtype == np.uint8
        assert data["action"].shape == (1000, 3) and data["action"].dtype == np.float16


def test_random_agents_of_the_2018_code_play_too(tmp_path):
    run(tmp_path, SHORT_SCRIPT, "extract", "--episodes", 1, "--workers", 1, "--policy", "agent", "--respawn", 0)
    with np.load(tmp_path / "record" / "0.npz") as data:
        assert np.isfinite(data["action"]).all()
        assert (np.abs(np.diff(data["action"][:, 0])) < 0.1).mean() > 0.5  # held for long


def test_training_leaves_weights_losses_and_a_picture(folder):
    for name in ("vae.weights.h5", "vae.losses.csv", "vae_reconstructions.png", "rnn.weights.h5", "initial_z.json"):
        assert (folder / "weights" / name).stat().st_size > 0
    mus, logvars = json.loads((folder / "weights" / "initial_z.json").read_text())
    assert np.shape(mus) == np.shape(logvars) == (8, 32)


def test_evolution_leaves_the_logs_of_the_reference(folder):
    parameters, score = json.loads((folder / BEST).read_text())
    assert len(parameters) == 867 and isinstance(score, float)
    history = json.loads((folder / "log/carracing.cma.1.4.hist.json").read_text())
    assert [row[0] for row in history] == [1, 2]


def test_evolution_goes_on_from_an_agent_in_whitened_coordinates(folder):
    words = (SHORT_SCRIPT, "train", *EVOLVE[1:], "-n", 1, "--init", BEST, "--whiten", 2)
    words += ("--log", "log/whitened", "--seeds", "mirrored")
    assert "playing 2 episodes" in run(folder, *words, "--generations", 1)
    output = run(folder, *words, "--generations", 2)
    assert "going on after generation 1" in output and "playing" not in output
    start, _ = json.loads((folder / BEST).read_text())
    mean, _ = json.loads((folder / "log/whitened/carracing.cma.1.4.best.json").read_text())
    plain = 0.1 * 867**0.5  # how far a candidate is from the mean where all parameters count alike
    assert np.linalg.norm(np.subtract(mean, start)) > plain  # what varies little has large weights


def test_evolution_goes_on_from_an_agent_with_another_v_and_m(folder):
    run(folder, "vae_train.py", "--steps", 4, "--batch_size", 20, "--out", "other/vae.weights.h5", "--seed", 5)
    run(folder, "series.py", "--vae", "other/vae.weights.h5", "--out", "other/series.npz")
    options = ("--data", "other/series.npz", "--out", "other/rnn.weights.h5", "--batch_size", 4, "--sequence", 50)
    run(folder, "rnn_train.py", "--steps", 3, *options)
    words = (SHORT_SCRIPT, "train", *EVOLVE[1:], "-n", 1, "--init", BEST, "--weights", "other")
    output = run(folder, *words, "--log", "log/other", "--generations", 1)
    assert "has learned with another V and M than those in other" in output
    imitating = ("--log", "log/imitated", "--imitate", "weights")
    assert "round 3 of 3: the new C scores" in run(folder, *words, *imitating, "--generations", 1)
    output = run(folder, *words, *imitating, "--generations", 2)
    assert "going on after generation 1" in output and "round" not in output
    assert "not those that this controller" in error_of(folder, *words, "--log", "log/no", "--imitate", "other")


def test_what_does_not_go_together_in_an_evolution_is_said(folder):
    assert "--init" in error_of(folder, *EVOLVE, "--whiten", 2)
    assert "unrecognized arguments: --mirror" in error_of(folder, "series.py", "--mirror")
    assert "one layer" in error_of(folder, *EVOLVE, "--whiten", 2, "--init", BEST, "--controller", "z_hidden")
    assert "even --popsize" in error_of(folder, *EVOLVE, "--seeds", "mirrored", "--popsize", 5)
    for rate in ("0", "1.5", "fast"):
        assert "--mean_rate" in error_of(folder, *EVOLVE, "--mean_rate", rate)


def test_the_trained_agent_is_scored(folder):
    options = ("--weights", "weights", "--episodes", 2, "--slots", 2, "--workers", 1, "--results", "results")
    output = run(folder, "model.py", "norender", BEST, *options)
    assert "average_reward" in output and "stdev" in output
    (result,) = (folder / "results").glob("*.json")
    result = json.loads(result.read_text())
    assert len(result["scores"]) == 2 and result["seeds"] == [TEST.start, TEST.start + 1]


def test_expert_rollouts_are_what_the_consumer_expects(folder):
    """Read as the imitation learners do: by number, the first True of terminals is the length, zero after it."""
    options = ("--controller", BEST, "--weights", "weights", "--out", "expert", "--threads", 3, "--rollouts", 1)
    assert "1 rollouts in expert" in run(folder, "generation_script.py", *options)
    (rollout,) = json.loads((folder / "expert" / "manifest.json").read_text())["rollouts"]
    assert rollout["seed"] == EXPERT.start
    with np.load(folder / "expert" / "rollout_0.npz") as data:
        assert sorted(data) == ["actions", "observations", "rewards", "terminals"]
        observations, actions, rewards, terminals = (
            data[name] for name in ("observations", "actions", "rewards", "terminals")
        )
    assert observations.shape == (1001, 64, 64, 3) and observations.dtype == np.uint8
    assert actions.shape == (1000, 3) and actions.dtype == np.float32
    assert rewards.shape == terminals.shape == (1000,) and rewards.dtype == np.float64
    assert terminals.dtype == bool and terminals[999]
    length = int(np.argmax(terminals)) + 1
    assert not observations[length + 1 :].any() and not actions[length:].any() and not rewards[length:].any()
    assert rewards.sum() == pytest.approx(rollout["score"], abs=0.01)
    replay(rollout["seed"], observations, actions, rewards, length)


def replay(seed, observations, actions, rewards, length):
    from carracing.env import CarRacing

    env = CarRacing()
    assert (env.reset(seed=seed)[0] == observations[0]).all()
    for t in range(length):
        observation, reward, *_ = env.step(actions[t])
        assert reward == rewards[t] and (observation == observations[t + 1]).all()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    for script, option in (("extract.py", "--out"), ("generation_script.py", "--out")):
        more = ["--workers", 1] if script == "generation_script.py" else ["--episodes", 1]
        assert "cannot write" in error_of(tmp_path, script, option, "file/folder", *more)


def test_ctrl_c_is_one_line_and_exit_code_130(tmp_path):
    process = start(tmp_path, "extract.py", "--episodes", 500, "--workers", 1)
    wait_for(lambda: list(tmp_path.glob("record/[0-9]*.npz")), process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 130
    assert "Traceback" not in out + err and "interrupted: run the same command again" in err


def test_a_disk_that_fills_up_is_one_line_and_leaves_no_half_file(folder):
    """A limit on the size of files stands in for the full disk: the write fails in the middle in the same way."""
    limited = ["bash", "-c", 'ulimit -f 300; exec "$@"', "bash", sys.executable, CARRACING / "extract.py"]
    words = ["--episodes", "2", "--workers", "1", "--out", "full"]
    process = subprocess.run(
        [*limited, *words], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=TIMEOUT
    )
    assert process.returncode == 2
    errors = [line for line in process.stderr.splitlines() if "error:" in line]
    assert len(errors) == 1 and "cannot write full/0.npz" in errors[0] and "Traceback" not in process.stderr
    assert [path.name for path in (folder / "full").iterdir()] == ["coverage.json"]


@pytest.mark.parametrize(("script", "before"), STEPS_BEFORE.items())
def test_a_step_whose_input_is_missing_names_the_step_before(tmp_path, script, before):
    assert f"run {before} first" in error_of(tmp_path, script)
