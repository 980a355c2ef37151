"""A C for a V and an M that have learned on: one that acts as an agent with the former V and M does.

When V and M learn on from what an agent meets (the paper's iterative procedure, section 5), their numbers change, and a
C that was evolved on the former ones cannot read the new ones. So a new C is fitted to the actions of the former agent:
by a linear regression, from what the new C reads. First the former agent plays. Then the new C plays, and the former
says what it would do there (DAgger: Ross, Gordon and Bagnell, 2011). So C also learns what to do where its own mistakes
lead.
"""

import numpy as np

from worldmodels.agent import Agent
from worldmodels.evolving.whitening import act_and_read, play
from worldmodels.rollout import Environments, Job
from worldmodels.scripts.progress import say

ROUNDS = 3  # the former agent plays the first one
EPISODES = 32  # of each, all at once
RIDGE = 1.0  # added to the diagonal of the sums: little beside some 80,000 frames
LEAST_SLOPE = 0.1  # of tanh, so that actions at its ends count a little

FORMER, NEW = range(2)  # the agents of a pair


def imitate(task, former, vae, rnn, controller, z):
    """Parameters (P,) float64 of a C of this kind, for this V and M, that acts as the `former` agent (Trained) does.

    z: what the new C reads of V's N(mu, sigma^2), one of controller.READS. Both C's have to have one layer.
    """
    pair = _Pair(task, former, vae, rnn, controller, z)
    world = Environments([task.make_env() for _ in range(EPISODES)], pair, task.max_steps)
    params = former.params
    for number in range(ROUNDS):
        pair.player = FORMER if number == 0 else NEW
        scores = play("imitation", world, params, range(number * EPISODES, (number + 1) * EPISODES))
        player = ("the former agent", "the new C")[pair.player]
        say(f"imitation, round {number + 1} of {ROUNDS}: {player} scores {np.mean(scores):.1f} +- {np.std(scores):.1f}")
        params = pair.regression.params()
    return params


class Regression:
    """From what C reads to its outputs before the tanh, by least squares. Keeps only sums over what was added."""

    def __init__(self, bias):
        self.bias, self.products, self.targets = bias, 0.0, 0.0

    def add(self, x, raw):
        """x: (N, I), what C reads; raw: (N, A), what its outputs should be before the tanh.

        An error there counts by what it changes in the action: about itself times the slope of the tanh.
        """
        x = np.column_stack([np.ones(len(x)), x]) if self.bias else np.asarray(x, np.float64)
        slopes = np.maximum(1 - np.tanh(raw) ** 2, LEAST_SLOPE)  # (N, A)
        weighted = np.square(slopes).T[:, None] * x.T  # (A, [1 +] I, N)
        self.products = self.products + weighted @ x
        self.targets = self.targets + weighted @ raw.T[..., None]

    def params(self):
        """The flat parameters of C (P,)."""
        ridge = RIDGE * np.eye(self.products.shape[1])
        return np.linalg.solve(self.products + ridge, self.targets)[..., 0].T.ravel()


class _Pair:
    """In an agent's place: the former agent and the new one see the same frames. One plays, and the other follows."""

    def __init__(self, task, former, vae, rnn, controller, z):
        self.former, self.regression, self.player = former, Regression(controller.bias), FORMER
        parts = [(former.vae, former.rnn, former.controller, former.z), (vae, rnn, controller, z)]

        def agents(to_action, wrap):
            return [Agent(v, m, wrap(c), to_action, EPISODES, task.max_steps, reads) for v, m, c, reads in parts]

        self.players, self.followers = agents(task.to_action, lambda c: c), agents(lambda actions: actions, _Follower)

    def start(self, slot, job):
        self.players[self.player].start(slot, job)
        noise = job.seed + ROUNDS * EPISODES  # of its own: C would learn to read the noise that both have in common
        self.followers[1 - self.player].start(slot, Job(noise, params=0))

    def act(self, slots, observations):
        player, follower = self.players[self.player], self.followers[1 - self.player]
        actions, of_player = act_and_read(player, slots, observations)
        follower.params[slots] = actions
        _, of_follower = act_and_read(follower, slots, observations)
        former, new = (of_player, of_follower) if self.player == FORMER else (of_follower, of_player)
        self.regression.add(new, linear(self.former.controller, self.former.params, former))
        return actions


class _Follower:
    """In C's place: its parameters are the action that the player has taken."""

    def __init__(self, controller):
        self.reads_state, self.inputs = controller.reads_state, controller.inputs
        self.num_params = controller.layers[-1][1]

    def raw_actions(self, params, z, h=None, c=None):
        return params


def linear(controller, params, x):
    """The outputs (N, A), before the tanh, of a C of one layer that reads x (N, I)."""
    ((inputs, outputs),) = controller.layers
    bias = params[:outputs] if controller.bias else 0.0
    return x @ params[-inputs * outputs :].reshape(inputs, outputs) + bias
