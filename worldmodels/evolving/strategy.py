"""CMA-ES, as the cma package has it, behind the interface of a strategy (worldmodels.evolution.Strategy)."""

import functools
import warnings

import numpy as np

from worldmodels.files import safe_pickle

OPTIMIZERS = {"cma": False, "sep_cma": True}  # is the covariance matrix diagonal

_CMA = {  # what the state of cma's strategy consists of
    "boundary_handler": ("BoundNone",),
    "evolution_strategy": (
        "CMAEvolutionStrategy",
        "_CMASolutionDict_functional",
        "_CMAStopDict",
        "_StopTolXStagnation",
        "_pass",
    ),
    "logger": ("CMADataLogger",),
    "optimization_tools": ("BestSolution",),
    "options_parameters": ("CMAParameters",),
    "recombination_weights": ("RecombinationWeights",),
    "sampler": ("GaussFullSampler", "GaussStandardConstant"),
    "sigma_adaptation": ("CMAAdaptSigmaCSA", "CMAAdaptSigmaNone"),
    "transformations": ("DiagonalDecoding", "GenoPheno", "RoundIntegerVariables"),
    "utilities.utils": ("BlancClass", "DictFromTagsInString", "ElapsedWCTime", "MoreToWrite", "SolutionDict"),
}
ALLOWED = [(f"cma.{module}", name) for module, names in _CMA.items() for name in names] + [("numpy.linalg", "eigh")]


class Normal:
    """Standard normal numbers for cma from a generator of its own, whose state goes into the checkpoint."""

    def __init__(self, seed):
        self.generator = np.random.default_rng(seed)

    def __call__(self, *shape):
        return self.generator.standard_normal(shape)


class CMAES:
    """CMA-ES from parameters `start` (P,) on, with standard deviation `sigma_init`.

    popsize: candidates a generation. seed: of the candidates. optimizer: of OPTIMIZERS.
    mirrored: candidates 2i and 2i + 1 lie opposite each other at the mean.
    mean_rate: share of CMA-ES's step that the mean makes. constant_sigma: keep the standard deviation.
    whitening(start): called when a run begins; returns the matrix (I, I) of the coordinates to search in (see
        whitening.py). Outside of this class everything is in parameters of C all the same.
    """

    def __init__(
        self,
        start,
        sigma_init,
        popsize,
        seed,
        optimizer="cma",
        mirrored=False,
        mean_rate=1.0,
        constant_sigma=False,
        whitening=None,
    ):
        self.start, self.sigma_init, self.whitening = np.asarray(start, float), sigma_init, whitening
        self.matrix = None
        self.normal = Normal([seed, 1])
        self.settings = {
            "popsize": popsize,
            "CMA_diagonal": OPTIMIZERS[optimizer],
            "CMA_cmean": mean_rate,
            "AdaptSigma": not constant_sigma,
            "CMA_mirrors": popsize // 2 if mirrored else 0,
            "CMA_mirrormethod": 0,  # all of them, whatever their fitness
            "randn": self.normal,
            "seed": np.nan,  # leave numpy's global generator alone
            "verbose": -9,
            "verb_log": 0,
        }

    def begin(self):
        """Called once, before the first generation of a run."""
        if self.whitening:
            self.matrix = self.whitening(self.start)
            vars(self).pop("es", None)

    @functools.cached_property
    def es(self):
        """cma's strategy. Made when it is first asked for: of all ranks, only one needs it."""
        warnings.filterwarnings("ignore", module="cma")  # of plots that we do not draw
        import cma

        start = self.start if self.matrix is None else transform(np.linalg.inv(self.matrix), self.start)
        return cma.CMAEvolutionStrategy(start, self.sigma_init, self.settings)

    def ask(self):
        self.asked = self.es.ask()
        return [self._parameters(w) for w in self.asked]

    def tell(self, solutions, costs):
        """solutions: the last ones asked for, which are known here in the coordinates of the search."""
        self.es.tell(self.asked, costs)

    @property
    def mean(self):
        return self._parameters(self.es.mean)

    @property
    def sigma(self):
        """Root mean square of the standard deviations, in the coordinates of the search."""
        return float(np.sqrt(np.mean(np.square(self.es.result.stds))))

    def _parameters(self, w):
        return w if self.matrix is None else transform(self.matrix, w)

    def __getstate__(self):
        stand_ins = {"options": self.es.opts, "normal": self.normal}  # cma evaluates texts among its options
        random = self.normal.generator.bit_generator.state
        return {"es": safe_pickle.dumps(self.es, stand_ins), "matrix": self.matrix, "random": random}

    def __setstate__(self, state):
        stand_ins = {"options": self.es.opts, "normal": self.normal}
        self.es, self.matrix = safe_pickle.loads(state["es"], ALLOWED, stand_ins), state["matrix"]
        self.normal.generator.bit_generator.state = state["random"]


def transform(matrix, vector):
    """Multiply the (I, outputs) part of a flat parameter vector (biases first, if there are any) by matrix (I, I)."""
    inputs = len(matrix)
    outputs = len(vector) // inputs  # there are fewer biases than inputs
    biases = len(vector) - inputs * outputs
    product = matrix @ np.reshape(vector[biases:], (inputs, outputs))
    return np.concatenate([vector[:biases], product.ravel()])
