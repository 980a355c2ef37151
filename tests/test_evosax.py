"""The strategies of evosax, each evolved on a quadratic function. They take the packages of requirements-jax.txt."""

import sys

import numpy as np
import pytest
from local_evolution import checkpoint, evolve, killed_again_and_again, outcome, read
from quadratic_evolution import settings, strategy_of

from worldmodels.evolving.evosax_strategy import OPTIMIZERS
from worldmodels.scripts.cli import UserError


def test_a_missing_package_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "evosax.algorithms", None)
    with pytest.raises(UserError, match=r"-o ga takes JAX and evosax .*: pip install -r requirements-jax\.txt"):
        evolve(tmp_path, "-o", "ga")


@pytest.fixture
def evosax():
    return pytest.importorskip("evosax", reason="the packages of requirements-jax.txt are not installed")


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_it_starts_where_it_is_told_and_comes_closer_to_the_optimum(evosax, tmp_path, optimizer):
    words = "-o", optimizer, "--popsize", "20", "--generations", "60", "--eval_steps", "60", "--sigma_init", "0.2"
    queue = evolve(tmp_path, *words)
    first = np.array([job.params for job in queue.rounds[0]])
    assert np.abs(first.mean(0)).max() < 0.3 and first.std() == pytest.approx(0.2, rel=0.2)
    name = f"quadratic.{optimizer}.2.20"
    history, best = read(tmp_path, "hist.json", name), read(tmp_path, "best.json", name)
    assert history[0][6] == pytest.approx(0.2, rel=0.01) and best[1] > history[0][2] + 5  # from about -20 on


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_it_goes_on_bit_for_bit_after_kills(evosax, tmp_path, optimizer):
    evolve(tmp_path / "whole", "-o", optimizer)
    killed_again_and_again(tmp_path / "parts", "-o", optimizer)
    name = f"quadratic.{optimizer}.2.6"
    assert outcome(tmp_path / "parts", name) == outcome(tmp_path / "whole", name)


@pytest.mark.parametrize("optimizer", ["openes", "pepg"])
def test_the_halves_of_the_population_lie_opposite_each_other(evosax, optimizer):
    strategy = strategy_of(settings("-o", optimizer, "--popsize", "8"))
    candidates = np.array(strategy.ask())
    np.testing.assert_allclose(candidates[:4] + candidates[4:], 2 * strategy.mean[None].repeat(4, 0), atol=1e-6)


def test_the_genetic_algorithm_breeds_from_its_best_tenth(evosax):
    strategy = strategy_of(settings("-o", "ga", "--popsize", "20", "--sigma_init", "1e-6"))
    for value in (3.0, 0.0):
        solutions = np.array(strategy.ask())
        strategy.tell(list(solutions), [float(abs(i - 7)) for i in range(20)])
        assert np.allclose(strategy.mean, solutions[7])
        strategy.state = strategy.state.replace(population=strategy.state.population.at[7].set(value))
    children = np.array(strategy.ask())
    assert {round(float(child.mean()), 3) for child in children} <= {0.0, 3.0}


@pytest.mark.parametrize(
    "damage",
    [
        lambda leaves: leaves[:-1],
        lambda leaves: [leaf[..., :-1] if np.ndim(leaf) else leaf for leaf in leaves],
    ],
    ids=["one less", "shorter ones"],
)
def test_the_state_of_another_strategy_is_refused(evosax, tmp_path, damage):
    evolve(tmp_path, "-o", "snes")
    saved = checkpoint(tmp_path, "quadratic.snes.2.6")["strategy"]
    with pytest.raises(ValueError, match="does not hold what such a strategy has"):
        strategy_of(settings("-o", "snes", "--popsize", "6")).__setstate__({"leaves": damage(saved["leaves"])})
