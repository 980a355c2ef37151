"""How fast the environment steps, beside stock gymnasium and (where it is installed) EnvPool, on one core.

    python benchmarks/env.py

A driving agent: gas, gentle turns, episodes of 1,000 frames, resets included. The contestants take turns, a piece of an
episode at a time, so that whatever else the machine does slows all of them alike; look at the ratios.
"""

import json
import time
from pathlib import Path

import numpy as np

from worldmodels.cli import Parser, non_negative_int, positive_int, run
from worldmodels.provenance import command, machine, versions
from worldmodels.threads import limit_threads

RESULT = Path(__file__).resolve().parents[1] / "results" / "benchmark_env.json"
EPISODE = 1000
OURS, STOCK = "this renderer", "stock gymnasium"


def action(t):
    """Weaves along at a moderate speed."""
    return np.array([0.3 * np.sin(t / 25), 0.25, 0.1 * (t % 40 > 35)], np.float32)


class Contestant:
    """An environment, and the time that its steps and resets took."""

    def __init__(self, reset, step, seed):
        self.reset, self.step, self.seed = reset, step, seed
        self.t, self.steps, self.seconds = EPISODE, 0, 0.0

    def play(self, steps):
        actions = [action(self.t + i) for i in range(steps)]
        start = time.perf_counter()
        for each in actions:
            if self.t >= EPISODE:
                self.reset(self.seed)
                self.seed += 1
                self.t = 0
            self.t = EPISODE if self.step(each) else self.t + 1
        self.seconds += time.perf_counter() - start
        self.steps += steps


def gymnasium_contestant(env, seed):
    return Contestant(lambda seed: env.reset(seed=seed), lambda a: env.step(a)[2], seed)


def envpool_contestant(seed):
    """EnvPool's CarRacing, a batch of one; None where EnvPool is not installed."""
    try:
        import envpool
    except ImportError:
        return None
    env = envpool.make_gymnasium("CarRacing-v3", num_envs=1, num_threads=1, seed=seed, max_episode_steps=EPISODE)
    return Contestant(lambda seed: env.reset(), lambda a: bool(env.step(a[None])[2][0]), seed)


def main():
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--steps", type=positive_int, default=3000, help="steps of stock gymnasium; the others take more"
    )
    parser.add_argument("--seed", type=non_negative_int, default=0, help="of the first track")
    args = parser.parse_args()
    limit_threads()
    from gymnasium.envs.box2d.car_racing import CarRacing as StockCarRacing

    from carracing.env import CarRacing

    contestants = {
        OURS: (gymnasium_contestant(CarRacing(), args.seed), 20),
        STOCK: (gymnasium_contestant(StockCarRacing(), args.seed), 1),
    }
    if envpool := envpool_contestant(args.seed):
        contestants["EnvPool"] = (envpool, 5)
    for contestant, _ in contestants.values():
        contestant.play(50)  # compile, open fonts
        contestant.steps, contestant.seconds = 0, 0.0
    for _ in range(0, args.steps, 100):
        for contestant, share in contestants.values():
            contestant.play(100 * share)
    speeds = {name: c.steps / c.seconds for name, (c, _) in contestants.items()}
    for name, speed in speeds.items():
        print(f"{name:16} {speed:8.0f} steps/s {speed / speeds[STOCK]:8.1f} x stock")
    data = {"command": command(), "machine": machine(), "versions": versions(), "steps_per_second": speeds}
    RESULT.write_text(json.dumps(data, indent=1))


if __name__ == "__main__":
    run(main)
