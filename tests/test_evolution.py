"""Evolution on a quadratic function, led as rank 0 does it, with a queue that plays in this process."""

import argparse
import itertools
import json
import pickle

import numpy as np
import pytest
from quadratic_evolution import NUM_PARAMS, score

from worldmodels import evolution
from worldmodels.controller import save_parameters
from worldmodels.data import seeds
from worldmodels.evolving.options import ESSENTIAL, add_options, check_options, episodes_at, log_name, schedule
from worldmodels.scripts.cli import Parser, UserError

NAME = "quadratic.cma.2.6"


class LocalQueue:
    """Plays the jobs in this process; interrupts itself after `stop_after` results."""

    workers = 1

    def __init__(self, stop_after=None, vae="a fingerprint", play=score):
        self.left, self.vae, self.play, self.rounds = stop_after, vae, play, []

    def facts(self):
        return {"vae": self.vae}

    def run(self, jobs, **settings):
        self.rounds.append((list(jobs), settings))
        for job in reversed(jobs):  # results come in any order
            if self.left is not None:
                self.left -= 1
                if self.left < 0:
                    raise KeyboardInterrupt
            yield job.tag, self.play(job.seed, job.params), 10 + job.tag

    def stop(self):
        pass


def options(folder, *words):
    parser = Parser()
    add_options(parser)
    tiny = ["--popsize", "6", "--num_episode", "2", "--eval_steps", "2", "--eval_episodes", "4", "--generations", "5"]
    parsed = parser.parse_args([*tiny, "--log", str(folder), *words])
    parsed.controller = "z"
    return parsed


def evolve(folder, *words, queue=None, start=None, whitening=None):
    queue = queue or LocalQueue()
    if start is not None:
        folder.mkdir(exist_ok=True)
        save_parameters(folder / "start.json", start, 0)
        words = (*words, "--init", str(folder / "start.json"))
    evolution.lead(queue, options(folder, *words), NAME, NUM_PARAMS, whitening=whitening)
    return queue


def read(folder, suffix):
    return json.loads((folder / f"{NAME}.{suffix}").read_text())


def outcome(folder):
    """All that an evolution leaves, seconds aside."""
    state = pickle.loads((folder / "checkpoints" / f"{NAME}.pkl").read_bytes())
    without_seconds = [[(row[0], *row[2:]) for row in rows] for rows in (state.history, state.evaluations)]
    strategy = getattr(state.strategy, "strategy", state.strategy)  # of cma, in whitened coordinates or not
    arrays = [np.array(array).tobytes() for array in (strategy.mean, strategy.result.stds, strategy.C)]
    return arrays, strategy.sigma, without_seconds, state.best


@pytest.mark.parametrize("words", ["-o cma", "-o sep_cma", "--seeds mirrored --mean_rate 0.5", "whitened"])
def test_interrupted_anywhere_is_the_same_as_uninterrupted_bit_for_bit(tmp_path, words):
    whitening = (lambda start: np.diag(np.arange(1.0, NUM_PARAMS + 1))) if words == "whitened" else None
    words = words.removeprefix("whitened").split()
    evolve(tmp_path / "whole", *words, whitening=whitening)
    for results in (5, 20, 27, 30, 200):  # in generations and in evaluations; the last goes through
        try:
            evolve(tmp_path / "parts", *words, queue=LocalQueue(stop_after=results), whitening=whitening)
        except KeyboardInterrupt:
            np.random.seed(results)  # noqa: NPY002 (the global generator is not what it was)
    assert outcome(tmp_path / "parts") == outcome(tmp_path / "whole")


def test_a_generation_under_way_at_the_kill_is_played_again_with_the_same_candidates_and_seeds(tmp_path):
    queues = [LocalQueue(stop_after=18), LocalQueue()]  # 12 episodes a generation: in the second
    with pytest.raises(KeyboardInterrupt):
        evolve(tmp_path, queue=queues[0])
    evolve(tmp_path, queue=queues[1])
    before, after = queues[0].rounds[-1][0], queues[1].rounds[0][0]
    assert [job.seed for job in before] == [job.seed for job in after]
    assert all(np.array_equal(a.params, b.params) for a, b in zip(before, after, strict=True))


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
    assert run["vae"] == "a fingerprint" and run["controller"] == "z"
    assert [(s["generation"], s["options"]["popsize"]) for s in run["starts"]] == [(0, 6)]


def test_the_best_is_the_mean_of_the_distribution_scored_on_held_out_seeds(tmp_path):
    queue = evolve(tmp_path, "--generations", "2", "--patience", "7")
    jobs, settings = queue.rounds[-1]
    assert [job.seed for job in jobs] == list(seeds.EVALUATION[:4])
    assert settings == {"patience": 0, "cap": None, "share": 4}
    assert queue.rounds[0][1]["patience"] == 7
    assert np.array_equal(np.float32(read(tmp_path, "json")[0]), jobs[0].params)
    assert read(tmp_path, "best.json")[1] == np.mean([score(job.seed, job.params) for job in jobs])


def test_evolution_finds_the_optimum(tmp_path):
    evolve(tmp_path, "--generations", "200", "--eval_steps", "200", "--popsize", "12")
    np.testing.assert_allclose(read(tmp_path, "best.json")[0], 1, atol=0.2)


def test_large_weights_cost_fitness(tmp_path):
    evolve(
        tmp_path, "--generations", "60", queue=LocalQueue(play=lambda seed, params: 0.0), start=np.full(NUM_PARAMS, 3.0)
    )
    assert np.linalg.norm(read(tmp_path, "json")[0]) < np.linalg.norm(np.full(NUM_PARAMS, 2.0))


def test_average_evaluates_the_average_of_the_last_means_and_leaves_the_search_alone(tmp_path):
    words, means = ("--eval_steps", "4", "--average", "3"), []
    for generation in ("1", "2", "3", "4"):  # started anew for each, so the checkpoint has to know the means
        queue = evolve(tmp_path / "averaged", *words, "--generations", generation)
        means.append(read(tmp_path / "averaged", "json")[0])
    evaluated = queue.rounds[-1][0][0].params
    np.testing.assert_allclose(evaluated, np.mean(means[1:], axis=0), rtol=1e-6)
    evolve(tmp_path / "plain", "--eval_steps", "4", "--generations", "4")
    assert read(tmp_path / "plain", "json")[0] == means[-1]


def test_constant_sigma_stays(tmp_path):
    evolve(tmp_path / "constant", "--constant_sigma", "--seeds", "mirrored", "--mean_rate", "0.2")
    evolve(tmp_path / "adapted")
    constant, adapted = ([row[6] for row in read(tmp_path / name, "hist.json")] for name in ("constant", "adapted"))
    assert np.ptp(constant) < 0.1 * np.ptp(adapted)  # the covariance goes on being adapted, and moves the rms a little


def test_sep_cma_adapts_a_variance_for_each_parameter_and_no_covariances(tmp_path):
    evolve(tmp_path, "-o", "sep_cma")
    strategy = pickle.loads((tmp_path / "checkpoints" / f"{NAME}.pkl").read_bytes()).strategy
    assert np.size(strategy.C) == 1 and np.unique(strategy.result.stds).size == NUM_PARAMS


def test_antithetic_halves_share_seeds_and_common_seeds_are_shared_by_all(tmp_path):
    table = evolution.training_seeds(options(tmp_path), 3)
    assert table.shape == (6, 2) and np.array_equal(table[:3], table[3:]) and np.unique(table).size == 6
    common = evolution.training_seeds(options(tmp_path, "--seeds", "common"), 3)
    assert common.shape == (6, 2) and np.unique(common).size == 2
    assert not np.isin(table, evolution.training_seeds(options(tmp_path), 4)).any()
    assert evolution.training_seeds(options(tmp_path, "--popsize", "7"), 3).shape == (7, 2)


def test_mirrored_candidates_lie_opposite_each_other_and_share_their_episodes(tmp_path):
    jobs, _ = evolve(tmp_path, "--seeds", "mirrored", "--generations", "2", start=np.full(NUM_PARAMS, 0.5)).rounds[0]
    params = np.array([job.params for job in jobs]).reshape(3, 2, 2, NUM_PARAMS)  # pair, side, episode
    np.testing.assert_allclose(params.mean(1), 0.5, atol=1e-6)
    job_seeds = np.array([job.seed for job in jobs]).reshape(3, 2, 2)
    assert np.array_equal(job_seeds[:, 0], job_seeds[:, 1]) and np.unique(job_seeds).size == 6
    with pytest.raises(UserError, match="even --popsize"):
        check_options(options(tmp_path, "--seeds", "mirrored", "--popsize", "7"))


def test_mirrored_candidates_are_ranked_by_the_difference_to_their_pair(tmp_path):
    returns = np.array([900.0, 880.0, 310.0, 400.0, 5.0, 5.0])
    values = evolution.fitness(options(tmp_path, "--seeds", "mirrored"), np.zeros((6, 3)), returns)
    assert values.tolist() == [10, -10, -45, 45, 0, 0]
    values = evolution.fitness(options(tmp_path), np.full((6, 3), 2.0), returns)
    assert values.tolist() == (returns - 0.01 * 4).tolist()


def test_an_episode_far_easier_than_the_others_does_not_draw_a_mirrored_population(tmp_path):
    def play(seed, params):  # uphill along the first parameter; one pair's track is worth 1,000 times as much
        return float(params[0]) + (1000.0 if seed in lucky else 0.0)

    args = options(tmp_path, "--seeds", "mirrored")
    lucky = {int(seed) for generation in range(60) for seed in evolution.training_seeds(args, generation)[0]}
    evolve(tmp_path, "--seeds", "mirrored", "--generations", "50", queue=LocalQueue(play=play))
    mean = read(tmp_path, "json")[0]
    assert mean[0] > 2 * np.abs(mean[1:]).max()


def test_mean_rate_shortens_the_step_of_the_mean_and_not_the_candidates_distance(tmp_path):
    means, distances = [], []
    for rate in ("1", "0.25"):
        queue = evolve(tmp_path / rate, "--mean_rate", rate, "--generations", "1")
        distances.append(np.std([job.params for job in queue.rounds[0][0]]))
        means.append(np.array(read(tmp_path / rate, "json")[0]))
    assert distances[0] == distances[1]
    np.testing.assert_allclose(0.25 * means[0], means[1], rtol=1e-5)


def test_seeds_for_training_evaluation_experts_and_tests_are_disjoint_and_valid():
    ranges = [seeds.TRAINING, seeds.EVALUATION, seeds.EXPERT, seeds.TEST]
    assert all(a.stop <= b.start for a, b in itertools.pairwise(ranges))
    assert ranges[0].start == 0 and ranges[-1].stop <= 2**31


def test_schedule_sets_the_episodes_by_generation_and_can_change_on_resuming(tmp_path):
    assert schedule("1:2,30:4,80:8") == [(1, 2), (30, 4), (80, 8)]
    args = options(tmp_path, "--schedule", "1:1,3:4", "--generations", "3")
    assert [episodes_at(args, generation) for generation in (1, 2, 3, 9)] == [1, 1, 4, 4]
    queue = evolve(tmp_path, "--schedule", "1:1,3:4", "--generations", "3", "--eval_steps", "9")
    assert [len(jobs) for jobs, _ in queue.rounds] == [6, 6, 24, 4]
    queue = evolve(tmp_path, "--schedule", "1:3", "--generations", "4", "--eval_steps", "9")
    assert [len(jobs) for jobs, _ in queue.rounds] == [18, 4]


@pytest.mark.parametrize("text", ["", "2:3", "1:0", "1:2,1:3", "1:2,9:4,5:1", "1", "a:b", "1:2:3"])
def test_a_schedule_that_makes_no_sense_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError):
        schedule(text)


def test_cap_time_caps_training_at_twice_the_last_mean_length(tmp_path):
    queue = evolve(tmp_path, "--cap_time", "--generations", "2")
    assert [settings["cap"] for _, settings in queue.rounds] == [None, 33, None]  # mean steps + 1 of generation 1: 16.5


def test_init_starts_the_distribution_at_a_best_json(tmp_path):
    queue = evolve(tmp_path / "log", start=np.full(NUM_PARAMS, 0.5))
    candidates = np.array([job.params for job in queue.rounds[0][0]])
    assert abs(candidates.mean() - 0.5) < 0.1
    for damaged in ("[[1, 2], 3]", '{"a": 1}', '[["x"], 1]', "[[1,", "[]"):
        (tmp_path / "best.json").write_text(damaged)
        with pytest.raises(UserError):
            evolve(tmp_path / "other", "--init", str(tmp_path / "best.json"))


def test_essential_options_may_not_change_and_the_others_may(tmp_path):
    evolve(tmp_path)
    with pytest.raises(UserError, match="sigma_init"):
        evolve(tmp_path, "--sigma_init", "0.2")
    with pytest.raises(UserError, match="vae changed"):
        evolve(tmp_path, queue=LocalQueue(vae="another"))
    evolve(tmp_path, "--generations", "6", "--eval_steps", "3", "--patience", "9", "-n", "5", "--slots", "3")
    assert len(read(tmp_path, "hist.json")) == 6
    assert set(ESSENTIAL) <= set(vars(options(tmp_path)))


def test_a_log_without_a_checkpoint_is_put_aside_and_never_lost(tmp_path):
    for generation in (1, 2):
        (tmp_path / f"{NAME}.best.json").write_text(f"shipped {generation}")
        (tmp_path / f"{NAME}.json").write_text("mean")
        evolve(tmp_path, "--generations", "1")
        assert (tmp_path / f"replaced-{generation}" / f"{NAME}.best.json").read_text() == f"shipped {generation}"
        assert (tmp_path / f"replaced-{generation}" / f"{NAME}.json").read_text() == "mean"
        assert len(read(tmp_path, "hist.json")) == 1
        (tmp_path / "checkpoints" / f"{NAME}.pkl").unlink()


@pytest.mark.parametrize("damage", ["missing", "damaged", "another V"])
def test_a_start_that_cannot_be_used_moves_no_log(tmp_path, damage):
    best, run = tmp_path / f"{NAME}.best.json", tmp_path / f"{NAME}.run.json"
    save_parameters(best, np.full(NUM_PARAMS, 0.5), 1.0)
    run.write_text(json.dumps({"vae": "another fingerprint" if damage == "another V" else "a fingerprint"}))
    init = tmp_path / "no.json" if damage == "missing" else run if damage == "damaged" else best
    with pytest.raises(UserError, match={"another V": "another V than --weights holds"}.get(damage)):
        evolve(tmp_path, "--init", str(init))
    assert best.exists() and run.exists() and not list(tmp_path.glob("replaced-*"))


def test_a_run_may_start_from_the_log_that_it_replaces(tmp_path):
    best = tmp_path / f"{NAME}.best.json"
    save_parameters(best, np.full(NUM_PARAMS, 0.5), 1.0)
    queue = evolve(tmp_path, "--init", str(best), "--generations", "1")
    assert abs(np.mean([job.params for job in queue.rounds[0][0]]) - 0.5) < 0.1
    assert (tmp_path / "replaced-1" / best.name).exists()
    evolve(tmp_path, "--init", str(best), "--generations", "2")
    assert len(read(tmp_path, "hist.json")) == 2


def test_a_damaged_checkpoint_is_reported_and_kept(tmp_path):
    evolve(tmp_path)
    path = tmp_path / "checkpoints" / f"{NAME}.pkl"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match="damaged"):
        evolve(tmp_path)
    assert path.stat().st_size == 1000


def test_two_evolutions_of_one_name_do_not_write_at_once(tmp_path):
    held = evolution.Log(tmp_path, NAME)
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


def test_the_name_tells_task_controller_optimizer_episodes_and_population(tmp_path):
    args = options(tmp_path)
    assert log_name("carracing", args, default_controller="z") == "carracing.cma.2.6"
    assert log_name("carracing", args, default_controller="z_h") == "carracing.z.cma.2.6"
