"""CMA-ES with its variants, and strategies from outside, each evolved on a quadratic function."""

import numpy as np
import pytest
from local_evolution import LocalQueue, checkpoint, evolve, killed_again_and_again, outcome, read
from quadratic_evolution import NUM_PARAMS

from worldmodels.controller import save_parameters
from worldmodels.evolving.strategy import CMAES
from worldmodels.scripts.cli import UserError


def from_start(folder, value):
    """The option that has the distribution start at parameters that are all `value`."""
    folder.mkdir(exist_ok=True)
    save_parameters(folder / "start.json", np.full(NUM_PARAMS, value), 0)
    return "--init", str(folder / "start.json")


def test_a_search_among_equals_makes_the_weights_smaller(tmp_path):
    queue = LocalQueue(play=lambda seed, params: 0.0)
    evolve(tmp_path, "--generations", "30", "--eval_steps", "30", *from_start(tmp_path, 3.0), queue=queue)
    assert np.linalg.norm(read(tmp_path, "json")[0]) < np.linalg.norm(np.full(NUM_PARAMS, 2.0))


def test_constant_sigma_stays(tmp_path):
    evolve(tmp_path / "constant", "--constant_sigma", "--seeds", "mirrored", "--mean_rate", "0.2")
    evolve(tmp_path / "adapted")
    constant, adapted = ([row[6] for row in read(tmp_path / name, "hist.json")] for name in ("constant", "adapted"))
    assert np.ptp(constant) < 0.1 * np.ptp(adapted)  # the covariance goes on being adapted, and moves the rms a little


def test_sep_cma_adapts_a_variance_for_each_parameter_and_no_covariances(tmp_path):
    evolve(tmp_path, "-o", "sep_cma")
    state = checkpoint(tmp_path, "quadratic.sep_cma.2.6")["strategy"]["es"]
    assert max(np.ndim(value) for value in state.values()) == 1
    assert np.unique(state["sigma_vec.scaling"]).size == NUM_PARAMS


def test_mirrored_candidates_lie_opposite_each_other_and_share_their_episodes(tmp_path):
    words = "--seeds", "mirrored", "--generations", "2", *from_start(tmp_path, 0.5)
    jobs = evolve(tmp_path, *words).rounds[0]
    params = np.array([job.params for job in jobs]).reshape(3, 2, 2, NUM_PARAMS)  # pair, side, episode
    np.testing.assert_allclose(params.mean(1), 0.5, atol=1e-6)
    job_seeds = np.array([job.seed for job in jobs]).reshape(3, 2, 2)
    assert np.array_equal(job_seeds[:, 0], job_seeds[:, 1]) and np.unique(job_seeds).size == 6


def test_mean_rate_shortens_the_step_of_the_mean_and_not_the_candidates_distance(tmp_path):
    means, distances = [], []
    for rate in ("1", "0.25"):
        queue = evolve(tmp_path / rate, "--mean_rate", rate, "--generations", "1")
        distances.append(np.std([job.params for job in queue.rounds[0]]))
        means.append(np.array(read(tmp_path / rate, "json")[0]))
    assert distances[0] == distances[1]
    np.testing.assert_allclose(0.25 * means[0], means[1], rtol=1e-5)


def test_the_mean_stays_one_of_parameters_in_a_search_stretched_ten_million_times():
    """cma, left to itself, would go over to coordinates of its own, and give its mean in these."""
    turn, scales = np.linalg.qr(np.random.default_rng(0).standard_normal((4, 4)))[0], 1e5 ** np.arange(4)
    strategy = CMAES(np.zeros(4), 1.0, 8, seed=0)
    for _ in range(300):
        solutions = strategy.ask()
        strategy.tell(solutions, [float(np.sum(scales * np.square(turn @ (x - 1)))) for x in solutions])
    np.testing.assert_allclose(strategy.mean, 1, atol=1e-3)


class Search:
    """A strategy of one's own: the mean of the best half of some candidates around the last mean."""

    def __init__(self, popsize=6):
        self.mean, self.popsize, self.rng = np.zeros(NUM_PARAMS, np.float32), popsize, np.random.default_rng(0)
        self.steps = [self.rng]  # the same generator, found twice

    def ask(self):
        self.mean = np.asfortranarray(self.mean)
        return self.mean + 0.1 * self.steps[0].standard_normal((self.popsize, NUM_PARAMS))

    def tell(self, solutions, costs):
        self.rng.random()
        self.mean = np.float32(np.mean(solutions[np.argsort(costs)[: self.popsize // 2]], axis=0))


def test_a_strategy_of_ones_own_leaves_the_same_logs(tmp_path):
    queue = evolve(tmp_path, "--generations", "40", "--eval_steps", "20", strategy=Search())
    history, best = read(tmp_path, "hist.json"), read(tmp_path, "best.json")
    assert np.shape(history) == (40, 9) and history[-1][2] > history[0][2]
    assert 0.05 < history[0][6] < 0.2  # no sigma of its own, so that of its candidates
    assert [row[0] for row in read(tmp_path, "hist_best.json")] == [20, 40]
    assert len(best[0]) == NUM_PARAMS and best[1] > -20
    assert np.array_equal(queue.rounds[-1][0].params, np.float32(read(tmp_path, "json")[0]))


def test_a_strategy_of_ones_own_goes_on_bit_for_bit_after_kills(tmp_path):
    evolve(tmp_path / "whole", "--average", "3", strategy=Search())
    killed_again_and_again(tmp_path / "parts", "--average", "3", strategy=Search)
    assert outcome(tmp_path / "parts") == outcome(tmp_path / "whole")


def test_a_checkpoint_of_another_strategy_is_not_gone_on_with(tmp_path):
    evolve(tmp_path, strategy=Search())
    with pytest.raises(UserError, match="strategy Search, not CMAES: use the same"):
        evolve(tmp_path)
    other = Search()
    other.mean = np.zeros(7)
    with pytest.raises(UserError, match="number of parameters 20, not 7"):
        evolve(tmp_path, strategy=other)


class Renamed(CMAES):
    pass


def test_a_run_goes_on_after_the_class_of_its_strategy_got_another_name(tmp_path):
    arguments = np.zeros(NUM_PARAMS), 0.1, 6
    evolve(tmp_path, "--generations", "2", strategy=CMAES(*arguments, seed=0))
    queue = evolve(tmp_path, "--generations", "3", strategy=Renamed(*arguments, seed=0))
    assert len(read(tmp_path, "hist.json")) == 3 and len(queue.rounds) == 2  # the third, and the evaluation of its mean


class Slots(Search):
    def __getstate__(self):
        return [self.mean]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"noise": np.random.rand}, "its 'noise' is, or holds, an object of builtins"),
        ({"rng": [np.random.RandomState(0)]}, "its 'rng' is, or holds, an object of numpy.random"),
        ({"points": np.array([None])}, "its 'points' is"),
        ({"nested": {"file": object()}}, "its 'file' is, or holds, an object of builtins.object"),
        ({"__class__": Slots}, "it is no dict"),
    ],
)
def test_a_strategy_that_a_checkpoint_cannot_hold_is_refused_before_anything_is_played_or_moved(
    tmp_path, change, words
):
    strategy, queue = Search(), LocalQueue()
    for name, value in change.items():
        setattr(strategy, name, value)
    before = tmp_path / "quadratic.cma.2.6.best.json"
    before.write_text("shipped")
    with pytest.raises(UserError, match=words) as caught:
        evolve(tmp_path, strategy=strategy, queue=queue)
    assert "__getstate__" in str(caught.value) and "\n" not in str(caught.value)
    assert not queue.rounds and before.read_text() == "shipped"


def test_a_strategy_that_changes_into_one_that_a_checkpoint_cannot_hold_ends_with_a_line(tmp_path):
    class Late(Search):
        def tell(self, solutions, costs):
            self.told = lambda: costs

    with pytest.raises(UserError, match="its 'told'"):
        evolve(tmp_path, strategy=Late())
    assert len(checkpoint(tmp_path)["history"]) == 0
