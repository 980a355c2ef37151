"""train.py on the car: what an evolution begins with. All is real but MPI and the episodes."""

import json

import numpy as np
import pytest
from local_evolution import LocalQueue, played_by, read

from carracing.task import CARRACING
from worldmodels.controller import save_parameters
from worldmodels.evolving.options import add_environment_options, add_options
from worldmodels.files.weights import fingerprint
from worldmodels.scripts.cli import Parser, UserError
from worldmodels.training.train_controller import train_controller, training_world

pytestmark = pytest.mark.usefixtures("no_pictures")
NAME = "carracing.z.cma.1.6"
NUM_PARAMS = 99  # of a controller that reads z alone
TINY = ("--controller", "z", "--popsize", "6", "--num_episode", "1", "--eval_episodes", "1", "--generations", "1")


def train(untrained, folder, *words, queue=None, **others):
    """Returns the queue that played. others: options that the tasks' train.py add."""
    parser = Parser()
    add_environment_options(add_options(parser, CARRACING))
    options = parser.parse_args([*TINY, "--weights", str(untrained.weights), "--log", str(folder), *words])
    vars(options).update(others)
    with played_by(queue or LocalQueue()) as queue:
        train_controller(CARRACING, options)
    return queue


def test_c_learns_on_what_it_is_said_to_learn_on(untrained):
    for z in ("mean", "sample"):
        world, _ = training_world(CARRACING, untrained.weights, slots=2, z=z)
        assert world.agent.reads == z
    world, facts = training_world(CARRACING, untrained.weights, slots=2, temperature=0.7)
    assert world.graph.temperature == 0.7 and list(facts) == ["vae", "rnn", "initial_z_sha256"]


def test_the_workers_play_what_the_options_say(untrained, tmp_path):
    (make_world,) = train(untrained, tmp_path / "a", "--z", "mean", "--slots", "3").make_player.args
    world, _ = make_world()
    assert (world.agent.reads, world.slots, world.agent.controller.kind) == ("mean", 3, "z")
    of_doom = {"precision": "bfloat16", "temperature": 0.7, "median_ends": True}
    (make_world,) = train(untrained, tmp_path / "b", **of_doom).make_player.args
    world, _ = make_world()
    assert world.median_ends and world.graph.temperature == 0.7
    assert world.rnn.dtype_policy.name == "mixed_bfloat16"


def spread(queue):
    """Mean and standard deviation of the first candidates' parameters."""
    params = np.array([job.params for job in queue.rounds[0]])
    assert params.shape == (6, NUM_PARAMS)
    return params.mean(), params.std()


def test_the_distribution_starts_at_0_with_the_given_standard_deviation(untrained, tmp_path):
    mean, std = spread(train(untrained, tmp_path, "--sigma_init", "0.3"))
    assert abs(mean) < 0.1 and std == pytest.approx(0.3, rel=0.1)
    run = read(tmp_path, "run.json", NAME)
    assert (run["controller"], run["z"], run["num_params"]) == ("z", "sample", NUM_PARAMS)
    assert run["starts"][0]["options"]["sigma_init"] == 0.3


def test_init_starts_it_at_a_best_json(untrained, tmp_path):
    save_parameters(tmp_path / "start.json", np.full(NUM_PARAMS, 0.5), 1.0)
    mean, _ = spread(train(untrained, tmp_path / "log", "--init", str(tmp_path / "start.json")))
    assert abs(mean - 0.5) < 0.1


def test_it_says_so_if_that_one_has_learned_with_another_v(untrained, tmp_path, capsys):
    save_parameters(tmp_path / "start.best.json", np.full(NUM_PARAMS, 0.5), 1.0)
    for vae, said in (("0" * 64, True), (fingerprint(untrained.vae), False)):
        (tmp_path / "start.run.json").write_text(json.dumps({"controller": "z", "vae": vae}))
        train(untrained, tmp_path / vae, "--init", str(tmp_path / "start.best.json"))
        assert ("start.best.json has learned with another V than those in" in capsys.readouterr().out) == said


def test_it_says_so_if_that_one_has_learned_with_another_z(untrained, tmp_path, capsys):
    save_parameters(tmp_path / "start.best.json", np.full(NUM_PARAMS, 0.5), 1.0)
    for z, said in (("mean", True), ("sample", False)):
        (tmp_path / "start.run.json").write_text(json.dumps({"controller": "z", "z": z}))
        train(untrained, tmp_path / z, "--init", str(tmp_path / "start.best.json"))
        line = "start.best.json has learned with --z mean: it goes on with --z sample"
        assert (line in capsys.readouterr().out) == said


def test_a_c_that_reads_something_else_is_refused(untrained, tmp_path):
    """z_c and z_h are of one size."""
    save_parameters(tmp_path / "start.best.json", np.zeros(867), 1.0)
    (tmp_path / "start.run.json").write_text(json.dumps({"controller": "z_c"}))
    words = ["--init", str(tmp_path / "start.best.json"), "--controller"]
    with pytest.raises(UserError, match="is a C that reads z_c: add --controller z_c"):
        train(untrained, tmp_path / "log", *words, "z_h")
    train(untrained, tmp_path / "log", *words, "z_c")


@pytest.mark.parametrize("damaged", ["[[1, 2], 3]", '{"a": 1}', '[["x"], 1]', "[[1,", "[]"])
def test_an_init_that_holds_no_such_controller_is_refused(untrained, tmp_path, damaged):
    (tmp_path / "start.json").write_text(damaged)
    with pytest.raises(UserError):
        train(untrained, tmp_path / "log", "--init", str(tmp_path / "start.json"))


@pytest.mark.parametrize(
    ("init", "words"),
    [("missing.json", "there is no"), (f"{NAME}.run.json", "is damaged")],
)
def test_a_start_that_cannot_be_used_moves_no_log(untrained, tmp_path, init, words):
    best, run = tmp_path / f"{NAME}.best.json", tmp_path / f"{NAME}.run.json"
    save_parameters(best, np.full(NUM_PARAMS, 0.5), 1.0)
    run.write_text(json.dumps({"vae": "another fingerprint"}))
    with pytest.raises(UserError, match=words):
        train(untrained, tmp_path, "--init", str(tmp_path / init))
    assert best.exists() and run.exists() and not list(tmp_path.glob("replaced-*"))


def test_a_run_may_start_from_the_log_that_it_replaces(untrained, tmp_path):
    best = tmp_path / f"{NAME}.best.json"
    save_parameters(best, np.full(NUM_PARAMS, 0.5), 1.0)
    with pytest.raises(KeyboardInterrupt):
        train(untrained, tmp_path, "--init", str(best), queue=LocalQueue(stop_after=3))
    assert (tmp_path / "replaced-1" / best.name).exists() and not best.exists()
    mean, _ = spread(train(untrained, tmp_path, "--init", str(best)))  # the checkpoint knows where it has begun
    assert abs(mean - 0.5) < 0.1
    train(untrained, tmp_path, "--init", str(best), "--generations", "2")
    assert len(read(tmp_path, "hist.json", NAME)) == 2


def test_the_rest_of_the_options_may_change_on_the_way_but_not_what_is_searched(untrained, tmp_path):
    train(untrained, tmp_path)
    for words in (
        ["--z", "mean"],
        ["--sigma_init", "0.2"],
        ["--seeds", "common"],
        ["--seed", "3"],
        ["--constant_sigma"],
    ):
        with pytest.raises(UserError, match=f"is of a run with {words[0]} "):
            train(untrained, tmp_path, *words)
    train(untrained, tmp_path, "--generations", "2", "--eval_steps", "3", "--patience", "9", "-n", "5", "--slots", "3")
    assert len(read(tmp_path, "hist.json", NAME)) == 2


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--seeds", "mirrored", "--popsize", "7"], "even --popsize"),
        (["--whiten", "2"], "name one with --init"),
        (["--whiten", "1001", "--init", "x.json"], "no more than 1000"),
        (["--imitate", "weights"], "name it with --init"),
        (["--imitate", "weights", "--init", "x.json", "--controller", "z_hidden"], "one layer"),
        (["--imitate", "nowhere", "--init", "x.json"], "nowhere/vae.weights.h5: .* with --imitate"),
        (["-o", "ga", "--constant_sigma"], "go with -o cma"),
        (["-o", "snes", "--whiten", "2", "--init", "x.json"], "go with -o cma"),
        (["-o", "openes", "--popsize", "7"], "even --popsize"),
    ],
)
def test_options_that_do_not_go_together_are_refused(untrained, tmp_path, words, error):
    with pytest.raises(UserError, match=error):
        train(untrained, tmp_path, *words)
