"""Strategies of the evosax package behind the interface of a strategy (worldmodels.evolution.Strategy). They take JAX.

OpenAI-ES, PEPG and a simple genetic algorithm are the 2018 code's others; SNES adapts a variance for each parameter.
"""

import functools
import os

import numpy as np

from worldmodels.scripts.cli import UserError

OPTIMIZERS = ("openes", "pepg", "snes", "ga")
LEARNING_RATE = 0.01  # of the mean, by Adam, in OpenAI-ES and PEPG (2018 code)
ELITE = 0.1  # share of the population that the genetic algorithm breeds from (2018 code)


class Evosax:
    """From parameters `start` (P,) on, with standard deviation `sigma_init`.

    popsize: candidates a generation, an even number. In openes and pepg, candidates i and i + popsize / 2 lie opposite
    each other at the mean. seed: of the candidates. optimizer: of OPTIMIZERS. All are computed in float32.
    UserError, when it is first asked for anything, if JAX or evosax are missing.
    """

    name = "Evosax"  # in checkpoints

    def __init__(self, start, sigma_init, popsize, *, seed, optimizer):
        self.start, self.sigma_init, self.popsize = np.asarray(start, np.float32), sigma_init, popsize
        self.seed, self.optimizer = seed, optimizer

    @functools.cached_property
    def algorithm(self):
        """evosax's, and its parameters. Made when it is first asked for: of all ranks, only one needs JAX."""
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
        try:
            import optax
            from evosax.algorithms import PGPE, SNES, Open_ES, SimpleGA
        except ImportError as error:
            raise UserError(
                f"-o {self.optimizer} takes JAX and evosax ({error}): pip install -r requirements-jax.txt"
            ) from None
        what, adam = (self.popsize, self.start), optax.adam(LEARNING_RATE)
        fixed = optax.constant_schedule(self.sigma_init)
        if self.optimizer == "openes":
            algorithm = Open_ES(*what, optimizer=adam, std_schedule=fixed)
        elif self.optimizer == "pepg":
            algorithm = PGPE(*what, optimizer=adam)
        elif self.optimizer == "snes":
            algorithm = SNES(*what)
        else:
            algorithm = SimpleGA(*what, std_schedule=fixed)
            algorithm.elite_ratio = ELITE
        params = algorithm.default_params
        return algorithm, params.replace(std_init=self.sigma_init) if hasattr(params, "std_init") else params

    @functools.cached_property
    def state(self):
        algorithm, params = self.algorithm
        key = self._key(0, 0)
        if self.optimizer == "ga":
            return algorithm.init(key, np.tile(self.start, (self.popsize, 1)), np.zeros(self.popsize), params)
        return algorithm.init(key, self.start, params)

    def _key(self, generation, use):
        """JAX's random key for one use of a generation's."""
        import jax

        return jax.random.fold_in(jax.random.fold_in(jax.random.key(self.seed), int(generation)), use)

    def ask(self):
        algorithm, params = self.algorithm
        key = self._key(self.state.generation_counter, 1)
        self.asked, self.state = algorithm.ask(key, self.state, params)
        return list(np.asarray(self.asked, float))

    def tell(self, solutions, costs):
        """solutions: the last ones asked for."""
        algorithm, params = self.algorithm
        key = self._key(self.state.generation_counter, 2)
        self.state, _ = algorithm.tell(key, self.asked, np.float32(costs), self.state, params)

    @property
    def mean(self):
        """That of the distribution; of the genetic algorithm, which has none, the best of the last generation."""
        if self.optimizer != "ga":
            return np.asarray(self.state.mean, float)
        best = self.algorithm[0].get_best_solution(self.state) if self.state.generation_counter else self.start
        return np.asarray(best, float)

    @property
    def sigma(self):
        """Root mean square of the standard deviations."""
        return float(np.sqrt(np.mean(np.square(self.state.std))))

    def __getstate__(self):
        import jax

        return {"leaves": [np.asarray(leaf) for leaf in jax.tree.leaves(self.state)]}

    def __setstate__(self, saved):
        """Of a strategy that was made with the same options. ValueError, or another error, for any other state."""
        import jax

        vars(self).pop("state", None)
        leaves, structure = jax.tree.flatten(self.state)
        if [np.shape(leaf) for leaf in leaves] != [np.shape(leaf) for leaf in saved["leaves"]]:
            raise ValueError("it does not hold what such a strategy has")
        as_before = [np.asarray(new, np.asarray(leaf).dtype) for leaf, new in zip(leaves, saved["leaves"], strict=True)]
        self.state = jax.tree.unflatten(structure, as_before)
