"""A C for a V and an M that have learned on: one that moves as an agent with the former V and M does.

Where V and M learn on from what an agent meets (the paper's iterative procedure, section 5), their numbers change, and
the C that has read the former ones is lost. So a new C is fitted to the former agent's moves, a linear regression from
what the new one reads. First the former agent plays. Then the new C plays, and the former says what it would do there
(DAgger: Ross, Gordon and Bagnell, 2011): so C also learns what to do where its own mistakes lead.
"""

import numpy as np

from worldmodels.agent import Agent
from worldmodels.parallel import ranks
from worldmodels.rollout import Environments, Job, run_episodes
from worldmodels.scripts.progress import FrameProgress, say

ROUNDS = 3  # the former agent plays the first one
EPISODES = 32  # of each, all at once
RIDGE = 1.0  # added to the diagonal of the sum of x x^T over all frames
LEAST_SLOPE = 0.1  # of tanh, so that moves at its ends count a little


def imitate(task, former, vae, rnn, controller, z):
    """Parameters (P,) float64 of a C of this kind, for this V and M, that moves as the `former` agent (Trained) does.

    z: what the new C reads of V's N(mu, sigma^2), one of controller.READS. Both kinds of C have to have one layer.
    """
    agents = _Agents(task, former, vae, rnn, controller, z)
    regression = Regression(controller.bias)
    world = Environments([task.make_env() for _ in range(EPISODES)], agents, task.max_steps)
    params = None
    for number in range(ROUNDS):
        agents.begin(params)
        jobs = [Job(number * EPISODES + i) for i in range(EPISODES)]
        with FrameProgress("imitation", len(jobs), task.max_steps, bar=ranks.terminal(), leave=False) as progress:
            scores = []
            for episode in run_episodes(world, jobs, progress.advanced):
                progress.ended(episode.steps)
                scores.append(episode.score)
        driver = "the former agent" if params is None else "the new C"
        say(f"imitation, round {number + 1} of {ROUNDS}: {driver} scores {np.mean(scores):.1f} +- {np.std(scores):.1f}")
        regression.add(*agents.seen())
        params = regression.params()
    return params


class Regression:
    """From inputs x to outputs before their tanh, by least squares. Keeps only sums over what was added."""

    def __init__(self, bias):
        self.bias, self.products, self.targets = bias, 0.0, 0.0

    def add(self, x, raw):
        """x: (N, I), what C reads; raw: (N, A), what its outputs should be before the tanh.

        The error of an output is about the error before the tanh times the slope of tanh there.
        """
        x = np.column_stack([np.ones(len(x)), x]) if self.bias else np.asarray(x, np.float64)
        slopes = np.maximum(1 - np.tanh(raw) ** 2, LEAST_SLOPE)  # (N, A)
        weighted = [x.T * slope**2 for slope in slopes.T]  # A times ([1 +] I, N)
        self.products = self.products + np.stack([w @ x for w in weighted])
        self.targets = self.targets + np.stack([w @ column for w, column in zip(weighted, raw.T, strict=True)])

    def params(self):
        """The flat parameters of C."""
        ridge = RIDGE * np.eye(self.products.shape[1])
        return np.linalg.solve(self.products + ridge, self.targets[..., None])[..., 0].T.ravel()


class _Agents:
    """Two agents that see the same frames: one plays, the other follows. Notes what each of their C's reads."""

    def __init__(self, task, former, vae, rnn, controller, z):
        self.former = former
        eyes = [(former.vae, former.rnn, former.controller, former.z), (vae, rnn, controller, z)]
        self.controllers = former.controller, controller

        def agents(wrap):
            return [Agent(v, m, wrap(c), task.to_action, EPISODES, task.max_steps, reads) for v, m, c, reads in eyes]

        self.playing, self.following = agents(lambda c: c), agents(_Follower)

    def begin(self, params):
        """A round. params: of the new C, if it plays; None: the former does."""
        self.player = 0 if params is None else 1
        self.params = self.former.params if params is None else params
        self.read = [], []  # by the former C and by the new one

    def seen(self):
        """What the new C has read in this round, (N, I), and the former's outputs there before the tanh, (N, A)."""
        former, new = (np.concatenate(read) for read in self.read)
        return new, linear(self.controllers[0], self.former.params, former)

    def start(self, slot, job):
        self.playing[self.player].start(slot, job._replace(params=self.params))
        self.following[1 - self.player].start(slot, job._replace(params=0))

    def act(self, slots, observations):
        player, follower = self.player, 1 - self.player
        actions, x = self._act(player, self.playing[player], slots, observations)
        outputs = np.tanh(linear(self.controllers[player], self.params, x))
        self.following[follower].params[slots] = outputs
        self._act(follower, self.following[follower], slots, observations)
        return actions

    def _act(self, number, agent, slots, observations):
        h, c = agent.h[slots], agent.c[slots]
        actions = agent.act(slots, observations)
        x = np.concatenate(self.controllers[number].inputs(agent.z[slots], h, c), axis=-1)
        self.read[number].append(x)
        return actions, x


class _Follower:
    """In a controller's place: its outputs are those of the one that plays, handed in as its parameters."""

    def __init__(self, controller):
        self.kind, self.num_params = controller.kind, controller.layers[-1][1]

    def raw_actions(self, params, z, h=None, c=None):
        return params


def linear(controller, params, x):
    """The outputs (N, A), before the tanh, of a controller of one layer that reads x (N, I)."""
    ((_, outputs),) = controller.layers
    bias = params[:outputs] if controller.bias else 0.0
    return x @ params[len(params) - x.shape[1] * outputs :].reshape(-1, outputs) + bias
