"""How fast the rollout loop plays CarRacing on one core, and where its time goes.

    python benchmarks/rollout.py [--precision bfloat16]

"env only" and "V only" are the two large parts on their own. The loop is the whole agent with the shipped weights,
resets included.
"""

import time

import numpy as np
from backends import result_path

from worldmodels.files.provenance import origin
from worldmodels.files.writing import save_json
from worldmodels.parallel.threads import limit_threads
from worldmodels.scripts import precision
from worldmodels.scripts.cli import Parser, positive_int, run

EPISODES_PER_SLOT = 3


class Stopwatch:
    """Wraps a method of an object and adds up the time it takes."""

    def __init__(self, owner, name):
        self.seconds, self.calls, self.method = 0.0, 0, getattr(owner, name)
        setattr(owner, name, self)

    def __call__(self, *args, **kwargs):
        start = time.perf_counter()
        result = self.method(*args, **kwargs)
        self.seconds += time.perf_counter() - start
        self.calls += 1
        return result


def measure_env(envs, steps, action):
    """Frames/s of the environments in lockstep with a fixed action, resets included."""
    start = time.perf_counter()
    for seed, env in enumerate(envs):
        env.reset(seed=seed)
    for _ in range(steps):
        for env in envs:
            env.step(action)
    return steps * len(envs) / (time.perf_counter() - start)


def measure_v(encoder, rows, calls):
    """Frames/s of V's encoder at the loop's batch."""
    images = np.random.default_rng(0).integers(0, 256, (rows, 64, 64, 3), np.uint8)
    for _ in range(5):
        encoder.predict_on_batch(images)
    start = time.perf_counter()
    for _ in range(calls):
        encoder.predict_on_batch(images)
    return calls * rows / (time.perf_counter() - start)


def measure_loop(world, params, v_speed):
    """Frames/s of the whole loop, and the share of each part in its time."""
    from worldmodels.rollout import Job, run_episodes

    resets, steps = ([Stopwatch(env, name) for env in world.envs] for name in ("reset", "step"))
    acts = Stopwatch(world.agent, "act")
    start = time.perf_counter()
    jobs = [Job(seed, params) for seed in range(EPISODES_PER_SLOT * world.slots)]
    frames = sum(episode.steps for episode in run_episodes(world, jobs))
    seconds = time.perf_counter() - start
    v = frames / v_speed
    parts = {
        "environment steps": sum(watch.seconds for watch in steps),
        "environment resets": sum(watch.seconds for watch in resets),
        "V": v,
        "M, C and the call": acts.seconds - v,
    }
    parts["the loop itself"] = seconds - sum(parts.values())
    return frames / seconds, {name: part / seconds for name, part in parts.items()}


def main():
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--slots", type=positive_int, default=32, help="environments in lockstep")
    parser.add_argument("--steps", type=positive_int, default=1000, help="steps of each environment")
    precision.add_option(parser)
    parser.add_argument("--controller", help="C; the shipped one if not given")
    measure(**vars(parser.parse_args()))


def measure(*, slots, steps, precision, controller):
    limit_threads()
    from carracing.task import CARRACING
    from worldmodels.playing.worlds import load_world

    world, trained = load_world(CARRACING, controller or CARRACING.shipped, slots, dream=False, precision=precision)
    world.max_steps = min(steps, world.max_steps)
    world.envs[0].reset(seed=0)  # loads the compiled renderer
    world.agent.act(np.arange(slots), np.zeros((slots, 64, 64, 3), np.uint8))  # traces the graph
    env_speed = measure_env(world.envs, steps // 4, np.array([0.05, 0.3, 0], np.float32))
    v_speed = measure_v(trained.vae.encoder, world.agent.programs.of(slots)[0], steps // 4)
    loop_speed, shares = measure_loop(world, trained.params, v_speed)
    print(f"one core, {slots} environments in lockstep, {precision}")
    for name, speed in (("env only", env_speed), ("V only", v_speed), ("whole loop", loop_speed)):
        print(f"  {name:20} {speed:8.0f} frames/s")
    print("share of the whole loop's time")
    for name, share in shares.items():
        print(f"  {name:20} {share:8.0%}")
    speeds = {"env_only": env_speed, "v_only": v_speed, "whole_loop": loop_speed}
    data = {**origin(), "precision": precision, **trained.facts}
    data |= {"frames_per_second": speeds, "shares": shares}
    save_json(result_path(f"rollout.{precision}"), data, indent=1)


if __name__ == "__main__":
    run(main)
