"""1. Random rollouts: python extract.py  ->  record/<seed>.npz

Each episode runs its full 1,000 frames under a fresh random policy. obs is (1000, 64, 64, 3) uint8 and action (1000, 3)
float16, the action taken on seeing that obs: all that V and M learn from.
"""

import functools
import os
import time

import numpy as np
from tqdm import tqdm

from worldmodels.cli import Parser, non_negative_int, positive_int, run
from worldmodels.files import make_folder, save_json, save_npz
from worldmodels.provenance import command, machine, versions
from worldmodels.threads import available_cores, limit_threads, quiet_stderr
from worldmodels.workers import run_in_processes

SLOTS = 16  # environments in lockstep in one process


def options():
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--episodes", type=positive_int, default=10000, help="how many episodes (paper: 10,000)")
    parser.add_argument("--workers", type=positive_int, default=available_cores(), help="processes")
    parser.add_argument("--out", default="record", help="folder for the episodes")
    parser.add_argument("--seed", type=non_negative_int, default=0, help="seed of the first episode; the others follow")
    parser.add_argument(
        "--policy",
        choices=["brownian", "agent"],
        default="brownian",
        help="brownian: actions that wander; agent: the whole agent with random weights, as the seed code",
    )
    parser.add_argument(
        "--respawn",
        type=non_negative_int,
        default=50,
        help="put the car back onto the road, at a random speed, after so many frames off it (0: never, as the paper)",
    )
    return parser.parse_args()


def random_agents():
    with quiet_stderr():
        from worldmodels.agent import Agent
    from carracing.task import CARRACING
    from worldmodels.policies import RandomAgents
    from worldmodels.task import build_rnn, build_vae, controller_of

    def make_agent():
        vae, rnn, controller = build_vae(CARRACING), build_rnn(CARRACING), controller_of(CARRACING)
        return Agent(vae, rnn, controller, CARRACING.to_action, 1, CARRACING.max_steps)

    return RandomAgents(make_agent, SLOTS)


def play(args, seeds):
    """Play the seeds, write their files, and yield what each covered: (speed, off the road, turning) by frame, (1000,
    3)."""
    limit_threads()
    from carracing.env import ACTION_SIZE, MAX_STEPS, CarRacing, to_action
    from worldmodels.policies import BrownianPolicy
    from worldmodels.rollout import Job, run_episodes

    class Surveyed(CarRacing):
        """Keeps what the car did: speed in m/s, whether it was off the road, turn rate in radians/s."""

        def reset(self, **kwargs):
            self.coverage = []
            return super().reset(**kwargs)

        def step(self, action):
            result = super().step(action)
            hull = self.car.hull
            self.coverage.append((hull.linearVelocity.length, not self.on_road(), abs(hull.angularVelocity)))
            result[-1]["coverage"] = self.coverage
            return result

    envs = [Surveyed(full_episode=True, respawn=args.respawn) for _ in range(SLOTS)]
    policy = random_agents() if args.policy == "agent" else BrownianPolicy(ACTION_SIZE, to_action, SLOTS)
    jobs = (Job(seed) for seed in seeds)
    for episode in run_episodes(envs, policy, jobs, MAX_STEPS, record=True):
        frames = episode.frames
        arrays = {"obs": frames.observations[:-1], "action": frames.actions.astype(np.float16)}
        save_npz(os.path.join(args.out, f"{episode.job.seed}.npz"), arrays, compress=1)
        yield np.array(episode.info["coverage"][1:])


def main():
    args = options()
    make_folder(args.out)
    seeds = range(args.seed, args.seed + args.episodes)
    missing = [seed for seed in seeds if not os.path.exists(os.path.join(args.out, f"{seed}.npz"))]
    if len(missing) < len(seeds):
        print(f"{len(seeds) - len(missing)} of {len(seeds)} episodes are in {args.out} already")
    covered, start = [], time.monotonic()
    with tqdm(total=len(seeds), initial=len(seeds) - len(missing), unit="episode") as progress:
        for coverage in run_in_processes(functools.partial(play, args), missing, min(args.workers, len(missing))):
            covered.append((coverage[:, 0].mean(), *np.percentile(coverage[:, 0], [10, 90]), *coverage[:, 1:].mean(0)))
            progress.update()
    if covered:
        report_coverage(args, covered, time.monotonic() - start)


def report_coverage(args, covered, seconds):
    """Print what the episodes played now show, and keep it in coverage.json. covered: a row an episode."""
    names = ("speed", "speed_10_percent", "speed_90_percent", "share_off_the_road", "turn_rate")
    mean = dict(zip(names, np.mean(covered, 0).tolist(), strict=True))
    print(
        f"speed {mean['speed']:.0f} m/s (in an episode, 10 % of the frames are below {mean['speed_10_percent']:.0f} "
        f"and 10 % above {mean['speed_90_percent']:.0f})"
    )
    print(
        f"off the road in {mean['share_off_the_road']:.0%} of the frames; turning at {mean['turn_rate']:.2f} radians/s"
    )
    origin = {"command": command(), "machine": machine(), "versions": versions()}
    played = {"episodes": len(covered), "wall_seconds": round(seconds, 1), "mean": mean}
    save_json(os.path.join(args.out, "coverage.json"), origin | played, indent=1)


if __name__ == "__main__":
    run(main)
