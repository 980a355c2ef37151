"""1. Random rollouts: python extract.py  ->  record/<seed>.npz

Each episode runs its full 1,000 frames under a fresh random policy. obs is (1000, 64, 64, 3) uint8 and action (1000, 3)
float16, the action taken on seeing that obs: all that V and M learn from.
"""

import functools

import numpy as np

from worldmodels.data.extraction import add_options, extract, save_episode, save_report
from worldmodels.parallel.threads import limit_threads, quiet_stderr
from worldmodels.scripts.cli import Parser, non_negative_int, run

SLOTS = 16  # environments in lockstep in one process
# What an episode covers, kept in its file: m/s (mean, 10th and 90th percentile), a share of the frames, radians/s.
COVERAGE = ("speed", "speed_10_percent", "speed_90_percent", "share_off_the_road", "turn_rate")


def options():
    parser = Parser(description=__doc__.splitlines()[0])
    add_options(parser)
    parser.add_argument(
        "--policy",
        choices=["brownian", "agent"],
        default="brownian",
        help="brownian: actions that wander; agent: the whole agent with random weights, as the 2018 code",
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
    from worldmodels.data.policies import RandomAgents
    from worldmodels.task import build_rnn, build_vae, controller_of

    def make_agent():
        vae, rnn, controller = build_vae(CARRACING), build_rnn(CARRACING), controller_of(CARRACING)
        return Agent(vae, rnn, controller, CARRACING.to_action, 1, CARRACING.max_steps)

    return RandomAgents(make_agent, slots)


def play(args, seeds):
    """Play the seeds, write their files, and yield the coverage of each (see COVERAGE)."""
    limit_threads()
    from carracing.env import ACTION_SIZE, MAX_STEPS, CarRacing, to_action
    from worldmodels.data.policies import BrownianPolicy
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

    slots = min(SLOTS, -(-args.episodes // args.workers))
    envs = [Surveyed(full_episode=True, respawn=args.respawn) for _ in range(slots)]
    policy = random_agents(slots) if args.policy == "agent" else BrownianPolicy(ACTION_SIZE, to_action, slots)
    jobs = (Job(seed) for seed in seeds)
    for episode in run_episodes(envs, policy, jobs, MAX_STEPS, record=True):
        survey = np.array(episode.info["survey"][1:])  # without the reset's own step
        speed = survey[:, 0]
        coverage = np.array([speed.mean(), *np.percentile(speed, [10, 90]), *survey[:, 1:].mean(0)])
        save_episode(args.out, episode.job.seed, episode.frames, coverage)
        yield coverage


def main():
    args = options()
    seeds = range(args.seed, args.seed + args.episodes)
    made_with = {"policy": args.policy, "respawn": args.respawn}
    coverage, report = extract(args.out, seeds, args.workers, functools.partial(play, args), made_with)
    mean = dict(zip(COVERAGE, coverage.mean(0).tolist(), strict=True))
    print(
        f"speed {mean['speed']:.0f} m/s (in an episode, 10 % of the frames are below {mean['speed_10_percent']:.0f} "
        f"and 10 % above {mean['speed_90_percent']:.0f})"
    )
    print(
        f"off the road in {mean['share_off_the_road']:.0%} of the frames; turning at {mean['turn_rate']:.2f} radians/s"
    )
    save_report(args.out, report | {"mean": mean})


if __name__ == "__main__":
    run(main)
