"""How fast Doom Take Cover is dreamt on one core: many dreams at once, and beside it the Gymnasium dream, call by call.

    python benchmarks/dream.py

Both with the shipped C, sampling included. They take turns in one run, so that a busy machine slows both alike.
"""

import statistics
import time

import numpy as np
from backends import result_path

from worldmodels.files.provenance import origin
from worldmodels.files.writing import save_json
from worldmodels.parallel.threads import limit_threads
from worldmodels.scripts.cli import Parser, positive_float, positive_int, run


def measure_batched(world, params, seeds):
    """Steps/s of dreams in lockstep, those that have ended replaced by the next: what evolution does."""
    from worldmodels.rollout import Job, run_episodes

    start = time.perf_counter()
    steps = sum(episode.steps for episode in run_episodes(world, (Job(seed, params) for seed in seeds)))
    return steps / (time.perf_counter() - start)


def measure_single(env, params, seeds, steps):
    """Steps/s of the Gymnasium environment with the same C, for `steps` steps."""
    matrix = params[:, None]  # (1088, 1)
    start, done = time.perf_counter(), 0
    for seed in seeds:
        z, _ = env.reset(seed=seed)
        ended = False
        while not ended and done < steps:
            inputs = np.concatenate([z, env.dreams.c[0], env.dreams.h[0]])
            z, _, terminated, truncated, _ = env.step(np.tanh(inputs @ matrix))
            ended, done = terminated or truncated, done + 1
        if done >= steps:
            break
    return done / (time.perf_counter() - start)


def main():
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--slots", type=positive_int, default=64, help="dreams in lockstep, as in train.py")
    parser.add_argument("--dreams", type=positive_int, default=256, help="dreams a turn, all at once")
    parser.add_argument("--steps", type=positive_int, default=500, help="steps a turn, one at a time")
    parser.add_argument("--turns", type=positive_int, default=5, help="of each; their median counts")
    parser.add_argument("--temperature", type=positive_float, help="if not given, the one C was trained at")
    parser.add_argument("--controller", help="C; the shipped one if not given")
    parser.add_argument("--weights", metavar="DIR", help="folder of V and M, if it is neither weights/ nor pretrained/")
    measure(**vars(parser.parse_args()))


def measure(*, slots, dreams, steps, turns, temperature, controller, weights):
    limit_threads()
    from doomrnn.dream_env import DoomDream
    from doomrnn.task import DOOM
    from worldmodels.playing.worlds import load_world

    world, trained = load_world(
        DOOM, controller or DOOM.shipped, slots, dream=True, weights=weights, temperature=temperature
    )
    env = DoomDream(trained.temperature, trained.folder)
    measure_batched(world, trained.params, range(slots))  # traces the graphs
    measure_single(env, trained.params, [0], 20)
    speeds = {"batched": [], "single": []}
    for turn in range(turns):
        seeds = range(turn * dreams, (turn + 1) * dreams)
        speeds["batched"].append(measure_batched(world, trained.params, seeds))
        speeds["single"].append(measure_single(env, trained.params, seeds, steps))
    batched, single = (statistics.median(speeds[name]) for name in speeds)
    print(f"one core, temperature {trained.temperature:g}, medians of {turns} turns")
    print(f"  {slots} dreams at once        {batched:8,.0f} steps/s")
    print(f"  Gymnasium, call by call  {single:8,.0f} steps/s")
    print(f"  ratio                    {batched / single:8.1f}")
    data = {**origin(), **trained.facts, "temperature": trained.temperature, "slots": slots}
    data |= {"steps_per_second": speeds, "median_ratio": batched / single}
    save_json(result_path("dream"), data, indent=1)


if __name__ == "__main__":
    run(main)
