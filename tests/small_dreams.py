"""Dreams of a small M with weights set by hand, so that what it predicts is known."""

import numpy as np

from worldmodels.controller import Controller
from worldmodels.dream import Dreams
from worldmodels.rnn import MDNRNN
from worldmodels.rollout import Job, run_episodes

Z, A, H, K = 2, 1, 4, 2
SHARES, MEANS, STDS = np.array([0.7, 0.3]), np.array([-3.0, 3.0]), np.array([0.5, 0.2])
STARTS = np.array([[1, 2], [3, 4]], np.float32), np.full((2, Z), -100, np.float32)


def small_rnn(done=False, end_logit=-1.0):
    """An M that predicts the same mixture for both dimensions of z, and the same end logit, whatever it has seen."""
    rnn = MDNRNN(Z, A, H, mixtures=K, done=done)
    bias = np.tile(np.concatenate([np.log(SHARES), MEANS, np.log(STDS)]), Z)
    set_weights(rnn, output_kernel=0.0, output_bias=np.concatenate([[end_logit], bias]) if done else bias)
    return rnn


def set_weights(rnn, **values):
    for name, value in values.items():
        variable = getattr(rnn, name)
        variable.assign(np.broadcast_to(np.float32(value), variable.shape))


def dream(rnn, seeds, temperature=1.0, max_steps=20, params=(0, 0, 0), kind="z", slots=None, starts=STARTS, **options):
    """The Episodes of the dreams with these seeds, in their order; by default all at once."""
    controller, seeds = Controller(kind, Z, H, A), list(seeds)
    world = Dreams(rnn, starts, temperature, controller, lambda x: x, slots or len(seeds), max_steps, **options)
    jobs = [Job(seed, np.float32(params), tag) for tag, seed in enumerate(seeds)]
    return sorted(run_episodes(world, jobs), key=lambda episode: episode.job.tag)
