"""How fast the environment steps, beside stock gymnasium and (where it is installed) EnvPool, on one core.

    python benchmarks/env.py

The actions are those of the shipped agent, so that the road is in the picture as it is when somebody drives. Episodes
have 1,000 frames; resets are included. The contestants take turns, a piece of an episode at a time, so that whatever
else the machine does slows all of them alike. Look at the ratios.
"""

import itertools
import time

from backends import RESULTS

from worldmodels.files.provenance import origin
from worldmodels.files.writing import save_json
from worldmodels.parallel.threads import limit_threads
from worldmodels.scripts.cli import Parser, non_negative_int, positive_int, run

RESULT = RESULTS / "benchmark_env.json"
EPISODE, EPISODES = 1000, 8
OURS, STOCK = "this renderer", "stock gymnasium"


def driven(seeds):
    """{seed: actions (T, 3) float32} of the shipped agent on these tracks."""
    from carracing.task import CARRACING
    from worldmodels.playing.worlds import load_world
    from worldmodels.rollout import Job, run_episodes

    world, trained = load_world(CARRACING, CARRACING.shipped, len(seeds), dream=False)
    world.record = True
    jobs = [Job(seed, trained.params) for seed in seeds]
    return {episode.job.seed: episode.frames.actions for episode in run_episodes(world, jobs)}


class Contestant:
    """An environment that replays the actions of several episodes over and over, and the time that this took."""

    def __init__(self, reset, step, episodes):
        self.reset, self.step, self.seconds, self.steps = reset, step, 0.0, 0
        self.script = self._script(episodes)

    def _script(self, episodes):
        """Yields None at every step, having taken it."""
        for seed, actions in itertools.cycle(episodes.items()):
            self.reset(seed)
            for action in actions:
                yield self.step(action)

    def play(self, steps):
        start = time.perf_counter()
        for _ in itertools.islice(self.script, steps):
            pass
        self.seconds += time.perf_counter() - start
        self.steps += steps


def gymnasium_contestant(env, episodes):
    return Contestant(lambda seed: env.reset(seed=seed), env.step, episodes)


def envpool_contestant(episodes):
    """EnvPool's CarRacing, a batch of one, on tracks of its own; None where EnvPool is not installed."""
    try:
        import envpool
    except ImportError:
        return None
    env = envpool.make_gymnasium("CarRacing-v3", num_envs=1, num_threads=1, max_episode_steps=EPISODE)
    return Contestant(lambda seed: env.reset(), lambda action: env.step(action[None]), episodes)


def main():
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--steps", type=positive_int, default=3000, help="steps of stock gymnasium; the others take more"
    )
    parser.add_argument("--seed", type=non_negative_int, default=0, help="of the first of the tracks")
    compare(**vars(parser.parse_args()))


def compare(*, steps, seed):
    limit_threads()
    from gymnasium.envs.box2d.car_racing import CarRacing as StockCarRacing

    from carracing.env import CarRacing

    episodes = driven(range(seed, seed + EPISODES))
    contestants = {
        OURS: (gymnasium_contestant(CarRacing(), episodes), 20),
        STOCK: (gymnasium_contestant(StockCarRacing(), episodes), 1),
    }
    if envpool := envpool_contestant(episodes):
        contestants["EnvPool"] = (envpool, 5)
    for contestant, _ in contestants.values():
        contestant.play(50)  # compile, open fonts
        contestant.steps, contestant.seconds = 0, 0.0
    for _ in range(0, steps, 100):
        for contestant, share in contestants.values():
            contestant.play(100 * share)
    speeds = {name: c.steps / c.seconds for name, (c, _) in contestants.items()}
    for name, speed in speeds.items():
        print(f"{name:16} {speed:8.0f} steps/s {speed / speeds[STOCK]:8.1f} x stock")
    data = {**origin(), "steps_per_second": speeds}
    save_json(RESULT, data, indent=1)


if __name__ == "__main__":
    run(main)
