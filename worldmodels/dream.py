"""The dream: M in place of the environment (paper, section 4), many dreams in lockstep.

A dream starts where an episode did: z from initial_z.json, M's state at zero. At each step M advances with (z, action),
and the next z is drawn from its mixture at a temperature. An M with an end logit (done=True) also ends the dream, where
that logit is above 0, and reads a restart flag, which is 1 at the first step. A step is worth 1, so that an agent can
learn in its dreams alone.

Two things can be otherwise, for a C that learns (README of Doom). The loss weighs an end 10 times, so a logit above 0
stands for a probability above 1 in 11, and smaller dangers count for nothing. With median_ends they add up: a dream
ends when it is as likely over as not. And dreams can start midway in episodes, where M may never dream itself to.
"""

import numpy as np

from worldmodels.computing.backend import keras, ops
from worldmodels.computing.batches import equal_rows, independent_rows
from worldmodels.data.starts import Starts
from worldmodels.rnn import END_WEIGHT, sample_z
from worldmodels.rollout import Episode, Frames

STEPS = 20  # of all dreams in one call. A dream that ends on the way wastes the rest of them: half on average


class DreamSteps(keras.Model):
    """T steps of B dreams as one program: in each, C acts (where there is one), M advances, and the next z is drawn.

    Inputs: z (B, Z); h, c (B, H); restart (B, 1), 1 for dreams that are about to begin; uniform in [0, 1) and standard
    normal noise, (T, B, Z) each; and actions (T, B, A), or params (B, P) where there is a controller: C then acts on z
    and the state before.
    Outputs: z, h and c at the end; zs (T, B, Z) and actions (T, B, A), what was seen and done in each step; and
    end_logit (T, B) if M has one. Nothing stops a dream in mid-program: what follows its end is to be thrown away.
    """

    def __init__(self, rnn, temperature, controller=None, to_action=None):
        super().__init__(name="dream")
        self.rnn, self.temperature, self.controller, self.to_action = rnn, temperature, controller, to_action
        self.supports_jit = keras.backend.backend() != "tensorflow"  # XLA makes TensorFlow's loops slower on CPUs

    def call(self, inputs):
        z, h, c, restart = (ops.convert_to_tensor(inputs[name]) for name in ("z", "h", "c", "restart"))
        step_weights, head_weights = self.rnn.step_weights(), self.rnn.head_weights()
        seen = {"zs": [], "actions": [], "end_logit": []}
        for t in range(inputs["uniform"].shape[0]):  # written out: faster than a loop of the backend's
            if self.controller is None:
                action = inputs["actions"][t]
            else:
                action = self.to_action(self.controller.raw_actions(inputs["params"], z, h, c))  # (B, A)
            seen["zs"].append(z)
            seen["actions"].append(action)
            flag = [restart] if self.rnn.done else []
            h, c = self.rnn.step(ops.concatenate([z, action, *flag], axis=-1), (h, c), step_weights)
            mixture, end_logit = self.rnn.head(h, head_weights)
            z = sample_z(mixture, self.temperature, inputs["uniform"][t], inputs["normal"][t])
            if self.rnn.done:
                seen["end_logit"].append(end_logit)
            restart = ops.zeros_like(restart)
        stacked = {name: ops.stack(values) for name, values in seen.items() if values}
        return {"z": z, "h": h, "c": c, **stacked}


class Dreams:
    """M's dreams as a world for the rollout loop (rollout.World).

    rnn: M. starts: as data/starts.Starts, of which each dream draws one.
    controller, to_action: C, which plays with the parameters of each job; None where actions come from outside (step).
    slots, max_steps: so many dreams at a time, of so many steps at most. like: as of an Agent.
    record: give every Episode its Frames; the observations are z (T + 1, Z) float32.
    watch(slot, z, action): called for every step of every dream, if given.
    median_ends: end a dream when, of all that M has said on the way, the probability that it is over reaches 1/2.

    All randomness of a dream comes from its job's seed. It is drawn from one generator for each kind of noise, so that
    it is the same however many steps are drawn at a time.
    """

    def __init__(
        self,
        rnn,
        starts,
        temperature,
        controller,
        to_action,
        slots,
        max_steps,
        record=False,
        watch=None,
        like=None,
        median_ends=False,
    ):
        self.rnn, self.controller, self.slots, self.max_steps = rnn, controller, slots, max_steps
        self.record, self.watch, self.median_ends = record, watch, median_ends
        self.graph = DreamSteps(rnn, temperature, controller, to_action)
        self.starts = Starts(*starts)
        rows = independent_rows(self._of_equal_rows, like or slots) if controller else slots
        self.z = np.zeros((rows, rnn.z_size), np.float32)
        self.h = np.zeros((rows, rnn.hidden), np.float32)
        self.c = np.zeros_like(self.h)
        self.restart = np.ones((rows, 1), np.float32)
        self.rngs = [None] * rows  # of the slots that dream: (for uniform noise, for normal noise)
        self.alive = np.ones(rows)  # the probability that a dream is not over yet, with median_ends
        self.params = np.zeros((rows, controller.num_params if controller else 0), np.float32)
        self.playing, self.played = {}, 0  # slot -> job
        self.steps = np.zeros(rows, np.int64)
        self.frames = {}  # slot -> [zs], [actions], where they are recorded

    def start(self, slot, job):
        self.begin(slot, np.random.default_rng(job.seed))
        self.params[slot], self.steps[slot], self.playing[slot] = job.params, 0, job
        self.frames[slot] = [self.z[slot].copy()], []

    def advance(self):
        """By STEPS steps."""
        zs, actions, ended = self.step(STEPS, params=self.params)
        following = np.concatenate([zs[1:], self.z[None]])  # (T, B, Z): what each step led to
        result = []
        for slot in sorted(self.playing):
            left = self.max_steps - self.steps[slot]
            ends = np.flatnonzero(ended[:left, slot])
            count = int(min(STEPS, left, *(ends[:1] + 1)))  # steps of this dream among those
            for t in range(count if self.watch else 0):
                self.watch(slot, zs[t, slot], actions[t, slot])
            if self.record:
                self.frames[slot][0].extend(following[:count, slot])
                self.frames[slot][1].extend(actions[:count, slot])
            self.steps[slot] += count
            self.played += count
            if len(ends) or count == left:
                result.append((slot, self._episode(slot)))
        return result

    def _episode(self, slot):
        job, steps = self.playing.pop(slot), int(self.steps[slot])
        self.rngs[slot] = None
        zs, actions = self.frames.pop(slot)
        frames = Frames(np.array(zs), np.array(actions), np.ones(steps)) if self.record else None
        return Episode(job, float(steps), steps, {}, frames)

    def begin(self, slot, rng):
        """Begin a dream in a slot: at the z of one of the starts, drawn from V's N(mu, sigma^2)."""
        mu, logvar, h, c = self.starts
        row = rng.integers(len(mu))
        self.z[slot] = mu[row] + np.exp(logvar[row] / 2) * rng.standard_normal(mu.shape[1], np.float32)
        self.h[slot], self.c[slot] = (0, 0) if h is None else (h[row], c[row])
        self.restart[slot] = not self.h[slot].any()
        self.alive[slot] = 1
        self.rngs[slot] = rng.spawn(2)

    def step(self, count, **given):
        """All slots by `count` (T) steps. given: actions (T, B, A) or params (B, P).

        Returns zs (T, B, Z), actions (T, B, A) and ended (T, B) bool: whether that step is the dream's last.
        """
        noise = np.zeros((2, count, *self.z.shape), np.float32)
        for slot, rngs in enumerate(self.rngs):
            if rngs is not None:
                noise[0, :, slot] = rngs[0].random(noise.shape[1::2], np.float32)
                noise[1, :, slot] = rngs[1].standard_normal(noise.shape[1::2], np.float32)
        state = {"z": self.z, "h": self.h, "c": self.c, "restart": self.restart}
        out = self.graph.predict_on_batch(state | {"uniform": noise[0], "normal": noise[1]} | given)
        out = {name: np.array(array) for name, array in out.items()}
        self.z, self.h, self.c = out["z"], out["h"], out["c"]
        self.restart = np.zeros_like(self.restart)
        return out["zs"], out["actions"], self._ended(out.get("end_logit", np.full(noise.shape[1:3], -np.inf)))

    def _ended(self, end_logits):
        """Whether each step, whose end logits are (T, B), is its dream's last: (T, B) bool. NaN is an end, too."""
        if not self.median_ends:
            return ~(end_logits <= 0)
        survived = 1 / (1 + np.exp(end_logits - np.log(END_WEIGHT)))  # (T, B), the probability of each step
        alive = self.alive * np.cumprod(survived, axis=0)
        self.alive = alive[-1]
        return ~(alive > 0.5)

    def _of_equal_rows(self, rows):
        """What one step, which is a program soon built, gives for `rows` times the same random input."""
        rng, rnn = np.random.default_rng(0), self.rnn
        sizes = {"z": rnn.z_size, "h": rnn.hidden, "c": rnn.hidden, "params": self.controller.num_params}
        inputs = equal_rows(rng, rows, sizes)
        inputs["restart"] = np.zeros((rows, 1), np.float32)
        for name in ("uniform", "normal"):
            inputs[name] = np.tile(rng.random((1, 1, rnn.z_size), np.float32), (1, rows, 1))
        graph = DreamSteps(rnn, self.graph.temperature, self.controller, self.graph.to_action)
        out = graph.predict_on_batch(inputs)
        return [out["z"], out["h"], out["c"]]


def decode(vae, z):
    """The pictures that V makes of z (B, Z): (B, 64, 64, 3) uint8."""
    return np.uint8(np.rint(np.array(vae.decoder.predict_on_batch(z)) * 255))
