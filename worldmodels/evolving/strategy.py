"""CMA-ES, as the cma package has it, behind the interface of a strategy (worldmodels.evolution.Strategy)."""

import functools
import warnings

import numpy as np

OPTIMIZERS = {"cma": False, "sep_cma": True}  # is the covariance matrix diagonal

# What the next generation depends on, of cma's strategy and of its parts: all the rest follows from the options, or is
# about when to stop, which we do not ask. sep_cma has none of sm's. From 300 parameters on, cma adapts the step size by
# two candidates that it injects (pop_injection_directions, adapt_sigma.s), below by the length of a path.
STATE = ("countiter", "mean", "mean_old", "mean_after_tell", "sigma", "pc", "pop_injection_directions")
STATE += ("adapt_sigma.ps", "adapt_sigma.s", "sigma_vec.scaling")
STATE += ("sm.C", "sm.B", "sm.D", "sm.count_tell", "sm.last_update")


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
    imitation(): called when a run begins; returns what to start from in place of `start` (see imitation.py).
    whitening(start): called then, too; returns the matrix (I, I) of the coordinates to search in (see whitening.py).
        Outside of this class everything is in parameters of C all the same.
    """

    name = "CMAES"  # in checkpoints

    def __init__(
        self,
        start,
        sigma_init,
        popsize,
        *,
        seed,
        optimizer="cma",
        mirrored=False,
        mean_rate=1.0,
        constant_sigma=False,
        imitation=None,
        whitening=None,
    ):
        self.start, self.sigma_init = np.asarray(start, float), sigma_init
        self.imitation, self.whitening = imitation, whitening
        self.matrix = None
        self.normal = Normal([seed, 1])
        self.settings = {
            "popsize": popsize,
            "CMA_diagonal": OPTIMIZERS[optimizer],
            "CMA_cmean": mean_rate,
            "AdaptSigma": not constant_sigma,
            "CMA_mirrors": popsize // 2 if mirrored else 0,
            "CMA_mirrormethod": 0,  # all of them, whatever their fitness
            "conditioncov_alleviate": 0,  # it would go over to coordinates of its own
            "randn": self.normal,
            "seed": np.nan,  # leave numpy's global generator alone
            "verbose": -9,
            "verb_log": 0,
        }

    def begin(self):
        """Called once, before the first generation of a run."""
        if self.imitation:
            self.start = self.imitation()
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
        return float(np.sqrt(np.mean(np.square(self.es.stds))))

    def _parameters(self, w):
        return w if self.matrix is None else transform(self.matrix, w)

    def _fields(self):
        """{name: (the attributes among which it is, under what name)} of everything in STATE that cma has."""
        fields = {}
        for name in STATE:
            part, _, attribute = name.rpartition(".")
            attributes = vars(getattr(self.es, part) if part else self.es)
            if attribute in attributes:
                fields[name] = attributes, attribute
        return fields

    def __getstate__(self):
        """Numbers and arrays alone: cma's objects hold functions, and texts that it evaluates."""
        numbers = {name: attributes[attribute] for name, (attributes, attribute) in self._fields().items()}
        es = numbers if self.es.countiter else None
        return {"start": self.start, "matrix": self.matrix, "random": self.normal.generator, "es": es}

    def __setstate__(self, state):
        """Of a strategy that was made with the same options. ValueError, or another error, for any other state."""
        self.matrix = state["matrix"]
        self.start = np.reshape(np.asarray(state["start"], float), self.start.shape)
        vars(self).pop("es", None)
        if state["es"] is not None:
            self.es.tell(self.es.ask(), list(range(self.es.popsize)))  # now it has all that it will ever have
            fields = self._fields()
            if list(fields) != list(state["es"]):
                raise ValueError("it does not hold what such a strategy has")
            for name, (attributes, attribute) in fields.items():
                value = state["es"][name]
                if _kind(value) != _kind(attributes[attribute]) or not np.isfinite(value).all():
                    raise ValueError(f"its {name} cannot be that of such a strategy")
                attributes[attribute] = value
        self.normal.generator.bit_generator.state = state["random"].bit_generator.state


def _kind(value):
    """Type, shape and dtype of a number or an array; of a list those of what is in it."""
    if type(value) is list:
        return [_kind(one) for one in value]
    return type(value), np.shape(value), np.array(value).dtype


def transform(matrix, vector):
    """Multiply the (I, outputs) part of a flat parameter vector (biases first, if there are any) by matrix (I, I)."""
    inputs = len(matrix)
    outputs = len(vector) // inputs  # there are fewer biases than inputs
    biases = len(vector) - inputs * outputs
    product = matrix @ np.reshape(vector[biases:], (inputs, outputs))
    return np.concatenate([vector[:biases], product.ravel()])
