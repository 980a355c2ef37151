"""The agent: V, M and C in one Keras model, called once a frame for all slots of the rollout loop."""

import functools

import numpy as np

from worldmodels.computing.backend import keras
from worldmodels.computing.batches import Programs, equal_rows
from worldmodels.vae import sample


class Agent:
    """Plays in the rollout loop with the parameters of C that come with each job.

    In each slot: z_t is drawn from V's N(mu, sigma^2), as in the 2018 code, or is mu; C acts on z_t and M's state h_t,
    which was reached before z_t was seen; then M advances with (z_t, a_t), and with the restart flag, 1 at the first
    frame, if it was trained with one.

    vae, rnn: V and M. rnn is left out of the computation where the controller does not read its state.
    to_action: maps C's outputs (n, A) to actions (n, A), with keras.ops.
    slots, max_steps: of the environments; they bound the noise that is drawn ahead.
    reads: "sample" or "mean", one of controller.READS. A C that was evolved on one of them is lost on the other.
    like: a greater number of slots, if episodes are to come out as with those, to the bit.

    An episode's noise comes from its job's seed alone, and rows of a batch do not mix, so an episode does not depend on
    those that run beside it. Batches have idle rows, so that it does not depend on their size either (Programs).
    """

    def __init__(self, vae, rnn, controller, to_action, slots, max_steps, reads="sample", like=None):
        self.vae, self.rnn, self.controller, self.reads = vae, rnn, controller, reads
        program = functools.partial(_Graph, vae, rnn, controller, to_action, reads)
        self.programs = Programs(program, self._equal_rows, like or slots)
        self.params = np.zeros((slots, controller.num_params), np.float32)
        self.h = np.zeros((slots, rnn.hidden), np.float32)
        self.c = np.zeros((slots, rnn.hidden), np.float32)
        self.noise = np.zeros((slots, max_steps, vae.z_size), np.float32)  # untouched where nothing is drawn
        self.frame = np.zeros(slots, np.int64)
        self.z = np.zeros((slots, vae.z_size), np.float32)  # the last z of each slot, for those who want to see it

    def start(self, slot, job):
        """Begin an episode in a slot: M's state at zero, noise from the job's seed, C's parameters from the job."""
        self.params[slot] = job.params
        self.h[slot] = self.c[slot] = 0
        self.frame[slot] = 0
        if self.reads == "sample":
            job.rng().standard_normal(dtype=np.float32, out=self.noise[slot])

    def act(self, slots, observations, instead=None):
        """slots: (n,) int, observations: (n, 64, 64, 3) uint8 -> actions (n, A) float32.

        instead: (n, A), actions in place of the agent's own, NaN where it acts itself. M advances with what is played.
        """
        n = len(slots)
        rows, program = self.programs.of(n)
        at = np.resize(slots, rows)  # idle rows, at the end, repeat the others
        inputs = {"images": np.resize(observations, (rows, 64, 64, 3))}
        inputs["noise"] = self.noise[at, self.frame[at]]
        inputs |= {"params": self.params[at], "h": self.h[at], "c": self.c[at]}
        inputs["restart"] = np.float32(self.frame[at] == 0)[:, None]
        if instead is not None:
            inputs["instead"] = np.resize(np.float32(instead), (rows, instead.shape[1]))
        z, actions, h, c = (np.array(array)[:n] for array in program.predict_on_batch(inputs))
        self.z[slots], self.h[slots], self.c[slots] = z, h, c
        self.frame[slots] += 1
        return actions

    def _equal_rows(self, rows):
        """`rows` times the same random input."""
        rng, hidden = np.random.default_rng(0), self.rnn.hidden
        sizes = {"noise": self.vae.z_size, "params": self.controller.num_params, "h": hidden, "c": hidden}
        inputs = equal_rows(rng, rows, sizes)
        inputs["images"] = np.tile(rng.integers(0, 256, (1, 64, 64, 3), np.uint8), (rows, 1, 1, 1))
        inputs["restart"] = np.zeros((rows, 1), np.float32)
        return inputs


class _Graph(keras.Model):
    """One frame of all slots, as one program."""

    def __init__(self, vae, rnn, controller, to_action, reads):
        super().__init__(name="agent")
        self.reads = reads
        self.vae, self.rnn, self.controller, self.to_action = vae, rnn, controller, to_action
        self.supports_jit = keras.backend.backend() != "tensorflow"  # XLA's convolutions are slow on CPUs

    def call(self, inputs):
        h, c = inputs["h"], inputs["c"]
        mu, logvar = self.vae.encoder(inputs["images"])
        z = sample(mu, logvar, inputs["noise"]) if self.reads == "sample" else mu  # (B, Z)
        actions = self.to_action(self.controller.raw_actions(inputs["params"], z, h, c))  # (B, A)
        if "instead" in inputs:
            instead = inputs["instead"]
            actions = keras.ops.where(keras.ops.isnan(instead), actions, instead)
        if self.controller.reads_state:
            restart = [inputs["restart"]] if self.rnn.done else []
            h, c = self.rnn.step(keras.ops.concatenate([z, actions, *restart], axis=-1), (h, c))
        return z, actions, h, c
