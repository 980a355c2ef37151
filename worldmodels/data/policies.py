"""Who plays for the data that V and M learn from: agents for the rollout loop (rollout.Environments)."""

import numpy as np


class BrownianPolicy:
    """Actions that wander: a Brownian walk in the controller's outputs, reflected at -1 and 1.

    Each episode draws how fast its walk is and how wide (for each output), so that some episodes hold an action for
    seconds and others twitch, some steer hard and others hardly at all.
    """

    def __init__(self, task, slots=1):
        self.to_action = task.to_action
        self.position = np.zeros((slots, task.action_size))
        self.width = np.zeros((slots, task.action_size))
        self.pace = np.zeros((slots, 1))
        self.rngs = [None] * slots

    def start(self, slot, job):
        rng = self.rngs[slot] = job.rng()
        self.position[slot] = rng.uniform(-1, 1, self.position.shape[1])
        self.width[slot] = rng.uniform(0, 1, self.width.shape[1])
        self.pace[slot] = np.exp(rng.uniform(np.log(0.02), np.log(0.5)))  # standard deviation of one step

    def act(self, slots, observations):
        """slots: (n,) int. observations are not looked at. Returns (n, A) float32."""
        noise = np.stack([self.rngs[slot].standard_normal(self.position.shape[1]) for slot in slots])
        walked = self.position[slots] + self.pace[slots] * noise
        self.position[slots] = 1 - np.abs((walked + 1) % 4 - 2)  # reflect at both ends
        return np.asarray(self.to_action(self.width[slots] * self.position[slots]), np.float32)


class HeldActions:
    """C's outputs drawn evenly from [-1, 1], each held for some steps: 1 to `longest`, drawn with it (2018 code: 10).

    They are numbers that float16 holds exactly, so that an episode file says to the bit what was played, where actions
    are C's outputs.
    """

    def __init__(self, task, slots=1, longest=10):
        self.to_action, self.longest = task.to_action, longest
        self.actions = np.zeros((slots, task.action_size), np.float32)
        self.left = np.zeros(slots, int)
        self.rngs = [None] * slots

    def start(self, slot, job):
        self.rngs[slot], self.left[slot] = job.rng(), 0

    def act(self, slots, observations):
        """slots: (n,) int. observations are not looked at. Returns (n, A) float32."""
        for slot in slots[self.left[slots] == 0]:
            rng = self.rngs[slot]
            outputs = rng.uniform(-1, 1, self.actions.shape[1]).astype(np.float16)
            self.actions[slot] = self.to_action(np.float32(outputs)[None])[0]
            self.left[slot] = rng.integers(1, self.longest + 1)
        self.left[slots] -= 1
        return self.actions[slots]


class RandomAgents:
    """The whole agent with random weights, the 2018 code's random policy: odd, mostly saturated actions, held for long.

    All weights of V, M and C are Cauchy-distributed, with a scale that each episode draws from [0, 0.01]. Every slot
    has a V of its own, so nothing can be batched, which makes this much slower than BrownianPolicy.
    V's logvar alone stays at 0 (sigma 1), since exp() of such numbers is infinite; should anything else overflow, the
    state is brought back to finite numbers and the action to 0.
    """

    def __init__(self, task, slots=1):
        from worldmodels.agent import Agent

        parts = [(task.make_vae(), task.make_rnn(), task.make_controller()) for _ in range(slots)]
        self.agents = [Agent(*part, task.to_action, 1, task.max_steps) for part in parts]

    def start(self, slot, job):
        agent, rng = self.agents[slot], job.rng().spawn(1)[0]  # the agent itself draws z's noise from job.rng()
        scale = rng.uniform(0, 0.01)
        for part in (agent.vae.encoder, agent.rnn):
            for weights in part.trainable_variables:
                weights.assign(scale * rng.standard_cauchy(weights.shape) * ("logvar" not in weights.path))
        agent.start(0, job._replace(params=scale * rng.standard_cauchy(agent.params.shape[1])))

    def act(self, slots, observations):
        """slots: (n,) int, observations: (n, 64, 64, 3) uint8 -> actions (n, A) float32."""
        first = np.array([0])
        actions = [self.agents[slot].act(first, image[None]) for slot, image in zip(slots, observations, strict=True)]
        for slot in slots:
            agent = self.agents[slot]
            agent.h, agent.c = np.nan_to_num(agent.h), np.nan_to_num(agent.c)
        return np.nan_to_num(np.concatenate(actions))


class NoisyAgent:
    """A trained agent with noise on C: each episode is played by another neighbour of it, some as good, some bad.

    To every parameter of C a normal number is added, whose standard deviation is drawn for the episode: from 0 to
    `most`, in standard deviations of C's own parameters. So M sees what the agent does, what else could be done in its
    place, and how both end.

    explore: the share of the steps, on average, in which HeldActions take the place of the agent's. So M sees what a
        single action does, whoever plays.
    controller, weights: C's file and the folder of its V and M, as in load_agent.
    """

    def __init__(self, task, controller, weights, slots, most=1.0, explore=0.0):
        from worldmodels.agent import Agent
        from worldmodels.playing.loading import load_agent

        trained = load_agent(task, controller, weights)
        self.params, self.most = trained.params, most
        parts = trained.vae, trained.rnn, trained.controller
        self.agent = Agent(*parts, task.to_action, slots, task.max_steps, trained.z)
        self.random = HeldActions(task, slots)
        held = (1 + self.random.longest) / 2  # steps, on average
        self.begins = explore / (explore + (1 - explore) * held)  # the probability of a random action, if none is held

    def start(self, slot, job):
        rng = job.rng().spawn(1)[0]  # the agent itself draws z's noise from job.rng()
        noise = rng.uniform(0, self.most) * self.params.std() * rng.standard_normal(len(self.params))
        self.agent.start(slot, job._replace(params=self.params + noise))
        self.random.rngs[slot], self.random.left[slot] = rng, 0

    def act(self, slots, observations):
        """slots: (n,) int, observations: (n, 64, 64, 3) uint8 -> actions (n, A) float32."""
        return self.agent.act(slots, observations, self._explore(slots) if self.begins else None)

    def _explore(self, slots):
        """(n, A): random actions where one is held just now, else NaN."""
        left, rngs = self.random.left, self.random.rngs
        random = np.array([left[slot] > 0 or rngs[slot].random() < self.begins for slot in slots])
        actions = np.full((len(slots), self.random.actions.shape[1]), np.nan, np.float32)
        actions[random] = self.random.act(slots[random], None)
        return actions
