"""What C reads: how many dimensions of z V uses, and what the principal components of M's state h hold.

    python benchmarks/what_c_reads.py

The shipped agent drives. A linear regression on the first k principal components of h then reads where the car is and
how the road goes on. What is printed is the share of the variance that it explains, in episodes it was not fitted to.
That is why train.py has --whiten. A dimension of z counts as used where its KL to N(0, 1) is above 0.02 nats. The other
dimensions of a drawn z are noise. That is why train.py has --z mean.
"""

import numpy as np
from backends import RESULTS

from worldmodels.files.provenance import origin
from worldmodels.files.writing import save_json
from worldmodels.parallel.threads import limit_threads
from worldmodels.scripts.cli import Parser, non_negative_int, positive_int, run

RESULT = RESULTS / "benchmark_what_c_reads.json"
COMPONENTS = (5, 10, 20, 40, 80, 160, 256)
USED = 0.02  # nats
AHEAD = 3  # tiles of the track (3.5 m each) from one reading of its bend to the next
QUANTITIES = ("speed", "distance from the middle", "heading", "bend here", "bend ahead", "bend further on", "turn rate")


def angle(x):
    """An angle in [-pi, pi)."""
    return (x + np.pi) % (2 * np.pi) - np.pi


def where(env):
    """The QUANTITIES of an environment now: m/s, m, radians, three times radians, radians/s."""
    hull, track = env.car.hull, np.array(env.track)  # (N, 4): angle along the lap, heading, x, y
    x, y = hull.position
    nearest = int(np.argmin((track[:, 2] - x) ** 2 + (track[:, 3] - y) ** 2))
    heading = track[(nearest + AHEAD * np.arange(4)) % len(track), 1]
    aside = (x - track[nearest, 2]) * np.cos(heading[0]) + (y - track[nearest, 3]) * np.sin(heading[0])
    bends = angle(np.diff(heading))
    return [hull.linearVelocity.length, aside, angle(hull.angle - heading[0]), *bends, hull.angularVelocity]


class Reader:
    """Plays as the agent does, and notes h, the QUANTITIES and the slot of every frame, and what V is shown in some."""

    def __init__(self, agent, envs):
        self.agent, self.envs, self.rows, self.images = agent, envs, [], []

    def start(self, slot, job):
        self.agent.start(slot, job)

    def act(self, slots, observations):
        before = self.agent.h[slots]
        actions = self.agent.act(slots, observations)
        if len(self.rows) % 20 == 0:
            self.images.extend(observations.copy())
        self.rows += [(slot, h, where(self.envs[slot])) for slot, h in zip(slots, before, strict=True)]
        return actions


def kl_of_dimensions(vae, images):
    """The mean KL to N(0, 1) of each dimension of z over images (N, 64, 64, 3) uint8: (Z,), nats."""
    mu, logvar = (np.array(part, np.float64) for part in vae.encoder.predict(images, batch_size=100, verbose=0))
    return (np.square(mu) + np.exp(logvar) - 1 - logvar).mean(0) / 2


def explained(features, quantities, fitted):
    """Share of each quantity's variance that a linear regression explains where `fitted` is False: (Q,)."""
    inputs = np.column_stack([np.ones(len(features)), features])
    weights = np.linalg.lstsq(inputs[fitted], quantities[fitted], rcond=None)[0]
    return 1 - (quantities - inputs @ weights)[~fitted].var(0) / quantities[~fitted].var(0)


def main():
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--episodes", type=positive_int, default=32, help="how many, all at once")
    parser.add_argument("--frames", type=positive_int, default=700, help="of each")
    parser.add_argument("--seed", type=non_negative_int, default=777000, help="of the first")
    explain(**vars(parser.parse_args()))


def explain(*, episodes, frames, seed):
    limit_threads()
    from carracing.task import CARRACING
    from worldmodels.playing.worlds import load_world
    from worldmodels.rollout import Environments, Job, run_episodes

    world, trained = load_world(CARRACING, CARRACING.shipped, episodes, dream=False)
    reader = Reader(world.agent, world.envs)
    world = Environments(world.envs, reader, frames)
    list(run_episodes(world, [Job(seed + i, trained.params) for i in range(episodes)]))
    slots, h, quantities = (np.array(column, np.float64) for column in zip(*reader.rows, strict=True))
    fitted = slots < 0.7 * episodes
    kl = np.sort(kl_of_dimensions(trained.vae, np.stack(reader.images)))[::-1]
    print(f"V uses {(kl > USED).sum()} of its {len(kl)} dimensions")
    variances, vectors = np.linalg.eigh(np.cov(h.T))
    variances, vectors = variances[::-1], vectors[:, ::-1]
    ratios = variances[0] / variances[[9, 19, 39]]
    print("variance of h's first component over that of the 10th, 20th, 40th:", *(f"{ratio:.0f}" for ratio in ratios))
    shares = {k: explained(h @ vectors[:, :k], quantities, fitted) for k in COMPONENTS}
    print(f"{'components':26}" + "".join(f"{k:6}" for k in COMPONENTS))
    for i, name in enumerate(QUANTITIES):
        print(f"{name:26}" + "".join(f"{shares[k][i]:6.2f}" for k in COMPONENTS))
    data = {**origin(), **trained.facts, "frames": len(h)}
    data["kl"] = kl.tolist()
    data["variances"] = variances.tolist()
    data["explained"] = {name: {k: shares[k][i] for k in COMPONENTS} for i, name in enumerate(QUANTITIES)}
    save_json(RESULT, data, indent=1)


if __name__ == "__main__":
    run(main)
