"""1. Random rollouts: python extract.py  ->  record/<seed>.npz

Each episode runs its full 1,000 frames under a fresh random policy. obs is (1000, 64, 64, 3) uint8 and action (1000, 3)
float16, the action taken on seeing that obs: all that V and M learn from.
"""

import functools
import os
import time

import numpy as np
from tqdm import tqdm

from worldmodels.cli import Parser, UserError, non_negative_int, positive_int, run, seed
from worldmodels.files import load_json, load_npz, make_folder, save_json, save_npz
from worldmodels.provenance import command, machine, versions
from worldmodels.threads import available_cores, limit_threads, quiet_stderr
from worldmodels.workers import run_in_processes

SLOTS = 16  # environments in lockstep in one process
# What an episode covers, kept in its file: m/s (mean, 10th and 90th percentile), a share of the frames, radians/s.
COVERAGE = ("speed", "speed_10_percent", "speed_90_percent", "share_off_the_road", "turn_rate")


def options():
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--episodes", type=positive_int, default=10000, help="how many episodes (paper: 10,000)")
    parser.add_argument("--workers", type=positive_int, default=available_cores(), help="processes")
    parser.add_argument("--out", default="record", help="folder for the episodes")
    parser.add_argument("--seed", type=seed, default=0, help="seed of the first episode; the others follow")
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


def random_agents(slots):
    with quiet_stderr():
        from worldmodels.agent import Agent
    from carracing.task import CARRACING
    from worldmodels.policies import RandomAgents
    from worldmodels.task import build_rnn, build_vae, controller_of

    def make_agent():
        vae, rnn, controller = build_vae(CARRACING), build_rnn(CARRACING), controller_of(CARRACING)
        return Agent(vae, rnn, controller, CARRACING.to_action, 1, CARRACING.max_steps)

    return RandomAgents(make_agent, slots)


def play(args, share, seeds):
    """Play the seeds, write their files, and yield the coverage of each (see COVERAGE)."""
    limit_threads()
    from carracing.env import ACTION_SIZE, MAX_STEPS, CarRacing, to_action
    from worldmodels.policies import BrownianPolicy
    from worldmodels.rollout import Job, run_episodes

    class Surveyed(CarRacing):
        """Keeps what the car did: speed in m/s, whether it was off the road, turn rate in radians/s."""

        def reset(self, **kwargs):
            self.survey = []
            return super().reset(**kwargs)

        def step(self, action):
            result = super().step(action)
            hull = self.car.hull
            self.survey.append((hull.linearVelocity.length, not self.on_road(), abs(hull.angularVelocity)))
            result[-1]["survey"] = self.survey
            return result

    envs = [Surveyed(full_episode=True, respawn=args.respawn) for _ in range(min(SLOTS, share))]
    policy = random_agents(len(envs)) if args.policy == "agent" else BrownianPolicy(ACTION_SIZE, to_action, len(envs))
    jobs = (Job(seed) for seed in seeds)
    for episode in run_episodes(envs, policy, jobs, MAX_STEPS, record=True):
        frames, survey = episode.frames, np.array(episode.info["survey"][1:])  # without the reset's own step
        speed = survey[:, 0]
        coverage = np.array([speed.mean(), *np.percentile(speed, [10, 90]), *survey[:, 1:].mean(0)])
        arrays = {"obs": frames.observations[:-1], "action": frames.actions.astype(np.float16), "coverage": coverage}
        save_npz(episode_path(args, episode.job.seed), arrays, compress=1)
        yield coverage


def episode_path(args, seed):
    return os.path.join(args.out, f"{seed}.npz")


def coverage_of(args, seed):
    """The coverage of an episode that is there already, or None: it is missing, damaged, or of another program."""
    try:
        return load_npz(episode_path(args, seed), ["coverage"])[0]
    except UserError:
        return None


def open_report(args):
    """coverage.json of the folder, begun if there is none; UserError if its episodes were made in another way."""
    path, made_with = os.path.join(args.out, "coverage.json"), {"policy": args.policy, "respawn": args.respawn}
    if os.path.exists(path):
        before = load_json(path, "what the episodes were made with", dict).get("made_with")
        if before != made_with:
            raise UserError(
                f"the episodes in {args.out} were made with {before}, not {made_with}: choose another --out"
            )
    else:
        save_json(path, {"made_with": made_with})
    return path, made_with


def main():
    args = options()
    make_folder(args.out)
    path, made_with = open_report(args)
    seeds = range(args.seed, args.seed + args.episodes)
    covered = {seed: coverage for seed in seeds if (coverage := coverage_of(args, seed)) is not None}
    missing = [seed for seed in seeds if seed not in covered]
    if covered:
        print(f"{len(covered)} of {len(seeds)} episodes are in {args.out} already")
    rows, start, workers = list(covered.values()), time.monotonic(), min(args.workers, len(missing))
    work = functools.partial(play, args, -(-len(missing) // max(1, workers)))
    with tqdm(total=len(seeds), initial=len(covered), unit="episode") as progress:
        for coverage in run_in_processes(work, missing, workers):
            rows.append(coverage)
            progress.update()
    mean = dict(zip(COVERAGE, np.mean(rows, 0).tolist(), strict=True))
    print(
        f"speed {mean['speed']:.0f} m/s (in an episode, 10 % of the frames are below {mean['speed_10_percent']:.0f} "
        f"and 10 % above {mean['speed_90_percent']:.0f})"
    )
    print(
        f"off the road in {mean['share_off_the_road']:.0%} of the frames; turning at {mean['turn_rate']:.2f} radians/s"
    )
    played = {"episodes": len(seeds), "played_now": len(missing), "wall_seconds": round(time.monotonic() - start, 1)}
    origin = {"command": command(), "machine": machine(), "versions": versions()}
    save_json(path, {"made_with": made_with, **origin, **played, "mean": mean}, indent=1)


if __name__ == "__main__":
    run(main)
