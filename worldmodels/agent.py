"""The agent: V, M and C in one Keras model, called once a frame for all slots of the rollout loop."""

import keras
import numpy as np

from worldmodels.vae import sample

READS = ("sample", "mean")  # what of V's N(mu, sigma^2) is z: a draw (2018 code), or mu


class Agent:
    """Plays in the rollout loop with the parameters of C that come with each job.

    In each slot: z_t is drawn from V's N(mu, sigma^2), as in the 2018 code, or is mu; C acts on z_t and M's state h_t,
    which was reached before z_t was seen; then M advances with (z_t, a_t), and with the restart flag, 1 at the first
    frame, if it was trained with one.

    vae, rnn: V and M. rnn is left out of the computation where the controller does not read its state.
    to_action: maps C's outputs (n, A) to actions (n, A), with keras.ops.
    slots, max_steps: as in run_episodes; they bound the noise that is drawn ahead.
    reads: "sample" or "mean", one of READS. A C that was evolved on one of them is lost on the other.

    An episode's noise comes from its job's seed alone, and rows of a batch do not mix, so an episode does not depend on
    those that run beside it, except for the order in which a product's terms are summed: kernels choose it by the size
    of the batch. Batches are therefore always `slots` rows, idle ones included.
    """

    def __init__(self, vae, rnn, controller, to_action, slots, max_steps, reads="sample"):
        self.graph = _Graph(vae, rnn, controller, to_action, reads)
        self.draws = reads == "sample"
        self.controller = controller
        self.max_steps = max_steps
        self.images = np.zeros((slots, 64, 64, 3), np.uint8)
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
        if self.draws:
            job.rng().standard_normal(dtype=np.float32, out=self.noise[slot])

    def act(self, slots, observations):
        """slots: (n,) int, observations: (n, 64, 64, 3) uint8 -> actions (n, A) float32."""
        self.images[slots] = observations
        noise = self.noise[np.arange(len(self.frame)), np.minimum(self.frame, self.max_steps - 1)]
        inputs = {"images": self.images, "noise": noise, "params": self.params, "h": self.h, "c": self.c}
        inputs["restart"] = np.float32(self.frame == 0)[:, None]
        self.z, actions, self.h, self.c = (np.array(array) for array in self.graph.predict_on_batch(inputs))
        self.frame[slots] += 1
        return actions[slots]


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
        if self.controller.kind not in ("z", "z_hidden"):
            restart = [inputs["restart"]] if self.rnn.done else []
            h, c = self.rnn.step(keras.ops.concatenate([z, actions, *restart], axis=-1), (h, c))
        return z, actions, h, c
