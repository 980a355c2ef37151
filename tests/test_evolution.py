"""Evolution on a quadratic function, led as rank 0 does it, with a queue that plays in this process."""

import argparse
import itertools

import numpy as np
import pytest
from local_evolution import NAME, LocalQueue, evolve, outcome, read
from quadratic_evolution import NUM_PARAMS, TASK, score, settings

from worldmodels import evolution
from worldmodels.data import seeds
from worldmodels.evolution import Plan
from worldmodels.evolving.log import Log
from worldmodels.evolving.options import episodes, log_name
from worldmodels.scripts.cli import UserError

pytestmark = pytest.mark.usefixtures("no_pictures")
PLAN = Plan(num_episode=((1, 2),))


def test_log_files_have_the_layout_of_2018(tmp_path):
    evolve(tmp_path)
    mean, history, evaluations, best = (read(tmp_path, f"{kind}json") for kind in ("", "hist.", "hist_best.", "best."))
    assert np.shape(mean) == (1, NUM_PARAMS)
    assert np.shape(history) == (5, 9)
    generation, seconds, mean_return, low, high, std, rms, mean_steps, max_steps = history[0]
    assert generation == 1 and seconds >= 0 and low < mean_return < high and std > 0
    assert 0.05 < rms < 0.15
    assert (mean_steps, max_steps) == (10 + 5.5 + 1, 10 + 11 + 1)  # steps are 10 + the job's index, of 12 jobs
    assert [row[0] for row in evaluations] == [2, 4, 5]  # every 2, and after the last
    assert evaluations[0][2::2] == ["improvement", "curr", "prev", "best", "std"]
    assert evaluations[0][7] == mean_return  # the first is compared with generation 1, as in 2018
    scores = [row[5] for row in evaluations]
    assert best[1] == max(scores) and len(best[0]) == NUM_PARAMS
    run = read(tmp_path, "run.json")
    assert run["vae"] == "a fingerprint" and run["controller"] == "z" and run["num_params"] == NUM_PARAMS
    assert [(s["generation"], s["options"]["popsize"], s["workers"]) for s in run["starts"]] == [(0, 6, 1)]


def test_the_best_is_the_mean_of_the_distribution_scored_on_held_out_seeds(tmp_path):
    queue = evolve(tmp_path, "--generations", "2", "--patience", "7")
    jobs = queue.rounds[-1]
    assert [job.seed for job in jobs] == list(seeds.EVALUATION[:4])
    assert {job.patience for job in jobs} == {0} and {job.patience for job in queue.rounds[0]} == {7}
    assert np.array_equal(np.float32(read(tmp_path, "json")[0]), jobs[0].params)
    assert read(tmp_path, "best.json")[1] == np.mean([score(job.seed, job.params) for job in jobs])


def test_a_worse_evaluation_does_not_replace_the_best(tmp_path):
    """The evaluations after generations 2, 4 and 5 are rounds 3, 6 and 8."""
    queue = LocalQueue(
        play=lambda seed, params: -len(queue.rounds) if seed in seeds.EVALUATION else score(seed, params)
    )
    evolve(tmp_path, queue=queue)
    assert [row[5] for row in read(tmp_path, "hist_best.json")] == [-3, -6, -8]
    best, best_score = read(tmp_path, "best.json")
    assert best_score == -3 and np.array_equal(np.float32(best), queue.rounds[2][0].params)


def test_evolution_finds_the_optimum(tmp_path):
    evolve(tmp_path, "--generations", "80", "--eval_steps", "80", "--popsize", "12", "--sigma_init", "0.3")
    np.testing.assert_allclose(read(tmp_path, "best.json", "quadratic.cma.2.12")[0], 1, atol=0.2)


def test_it_is_said_where_nothing_that_c_does_counts(tmp_path, capsys):
    evolve(tmp_path / "counts", "--generations", "1")
    assert "all score the same" not in capsys.readouterr().out
    evolve(tmp_path / "does not", "--generations", "1", queue=LocalQueue(play=lambda seed, params: 2100))
    assert "2100.0 +- 0.0 over 4" in (out := capsys.readouterr().out) and "all score the same" in out


def test_average_evaluates_the_average_of_the_last_means_and_leaves_the_search_alone(tmp_path):
    words, means = ("--eval_steps", "4", "--average", "3"), []
    for generation in ("1", "2", "3", "4"):  # started anew for each, so the checkpoint has to know the means
        queue = evolve(tmp_path / "averaged", *words, "--generations", generation)
        means.append(read(tmp_path / "averaged", "json")[0])
    evaluated = queue.rounds[-1][0].params
    np.testing.assert_allclose(evaluated, np.mean(means[1:], axis=0), rtol=1e-6)
    evolve(tmp_path / "plain", "--eval_steps", "4", "--generations", "4")
    assert read(tmp_path / "plain", "json")[0] == means[-1]


def test_an_evaluation_that_is_due_is_of_the_average_that_the_last_command_asks_for(tmp_path):
    words = ("--eval_steps", "3", "--generations", "3")
    *played, _ = evolve(tmp_path / "whole", *words).rounds
    with pytest.raises(KeyboardInterrupt):  # in the evaluation
        evolve(tmp_path, *words, "--average", "3", queue=LocalQueue(stop_after=sum(map(len, played)) + 1))
    (evaluation,) = evolve(tmp_path, *words, "--average", "1").rounds
    np.testing.assert_allclose(evaluation[0].params, read(tmp_path, "json")[0], rtol=1e-6)


def test_antithetic_halves_share_seeds_and_common_seeds_are_shared_by_all():
    table = evolution.training_seeds(PLAN, 3, popsize=6)
    assert table.shape == (6, 2) and np.array_equal(table[:3], table[3:]) and np.unique(table).size == 6
    common = evolution.training_seeds(Plan(num_episode=((1, 2),), pairing="common"), 3, popsize=6)
    assert common.shape == (6, 2) and np.unique(common).size == 2
    assert not np.isin(table, evolution.training_seeds(PLAN, 4, popsize=6)).any()
    assert evolution.training_seeds(PLAN, 3, popsize=7).shape == (7, 2)


def test_a_pairing_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="antithetic, common, mirrored"):
        Plan(pairing="mirror")


def test_large_weights_cost_fitness():
    returns = np.array([900.0, 880.0, 310.0, 400.0, 5.0, 5.0])
    values = evolution.fitness(PLAN, np.full((6, 3), 2.0), returns)
    assert values.tolist() == (returns - 0.01 * 4).tolist()


def test_mirrored_candidates_are_ranked_by_the_difference_to_their_pair():
    returns = np.array([900.0, 880.0, 310.0, 400.0, 5.0, 5.0])
    values = evolution.fitness(Plan(pairing="mirrored"), np.zeros((6, 3)), returns)
    assert values.tolist() == [10, -10, -45, 45, 0, 0]


def test_an_episode_far_easier_than_the_others_does_not_draw_a_mirrored_population(tmp_path):
    def play(seed, params):  # uphill along the first parameter; one pair's track is worth 1,000 times as much
        return float(params[0]) + (1000.0 if seed in lucky else 0.0)

    plan = Plan(num_episode=((1, 2),), pairing="mirrored")
    lucky = {int(seed) for generation in range(1, 51) for seed in evolution.training_seeds(plan, generation, 6)[0]}
    evolve(tmp_path, "--seeds", "mirrored", "--generations", "50", queue=LocalQueue(play=play))
    mean = read(tmp_path, "json")[0]
    assert mean[0] > 2 * np.abs(mean[1:]).max()


def test_seeds_for_training_evaluation_experts_and_tests_are_disjoint_and_valid():
    ranges = [seeds.TRAINING, seeds.EVALUATION, seeds.EXPERT, seeds.TEST]
    assert all(a.stop <= b.start for a, b in itertools.pairwise(ranges))
    assert ranges[0].start == 0 and ranges[-1].stop <= 2**31
    for generation in range(1, 200):
        table = evolution.training_seeds(PLAN, generation, popsize=64)
        assert table.min() >= 0 and table.max() < seeds.TRAINING.stop


def test_the_number_of_episodes_may_rise_by_generation(tmp_path):
    assert episodes("16") == ((1, 16),) and episodes("1:2,30:4,80:8") == ((1, 2), (30, 4), (80, 8))
    plan = Plan(num_episode=episodes("1:1,3:4"))
    assert [plan.episodes(generation) for generation in (1, 2, 3, 9)] == [1, 1, 4, 4]
    queue = evolve(tmp_path, "--num_episode", "1:1,3:4", "--generations", "3", "--eval_steps", "9")
    assert [len(jobs) for jobs in queue.rounds] == [6, 6, 24, 4]
    assert len(read(tmp_path, "hist.json", "quadratic.cma.1-4.6")) == 3


@pytest.mark.parametrize("text", ["", "0", "2:3", "1:0", "1:2,1:3", "1:2,9:4,5:1", "a", "a:b", "1:2:3", "1:2,4"])
def test_a_number_of_episodes_that_makes_no_sense_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError):
        episodes(text)


def test_the_name_tells_task_controller_optimizer_episodes_and_population():
    words = ("--num_episode", "2", "--popsize", "6")
    assert log_name(TASK, settings(*words)) == NAME
    assert log_name(TASK, settings(*words, "--controller", "z_h")) == "quadratic.z_h.cma.2.6"
    assert settings().num_episode == ((1, 16),) and settings().popsize == 64  # as in the paper


def test_a_log_without_a_checkpoint_is_put_aside_and_never_lost(tmp_path):
    for generation in (1, 2):
        (tmp_path / f"{NAME}.best.json").write_text(f"shipped {generation}")
        (tmp_path / f"{NAME}.json").write_text("mean")
        evolve(tmp_path, "--generations", "1")
        assert (tmp_path / f"replaced-{generation}" / f"{NAME}.best.json").read_text() == f"shipped {generation}"
        assert (tmp_path / f"replaced-{generation}" / f"{NAME}.json").read_text() == "mean"
        assert len(read(tmp_path, "hist.json")) == 1
        (tmp_path / "checkpoints" / f"{NAME}.npz").unlink()


def test_two_evolutions_of_one_name_do_not_write_at_once(tmp_path):
    held = Log(tmp_path, NAME)
    with pytest.raises(UserError, match="another evolution"):
        evolve(tmp_path)
    held.lock.close()
    evolve(tmp_path)


def test_a_score_that_is_no_number_ends_the_run_and_keeps_the_checkpoint(tmp_path):
    evolve(tmp_path, "--generations", "2")
    before = outcome(tmp_path)
    with pytest.raises(UserError, match="not a number"):
        evolve(tmp_path, queue=LocalQueue(play=lambda seed, params: float("nan")))
    assert outcome(tmp_path) == before
