"""What random players score in Doom Take Cover: the first rows of the results table.

    python benchmarks/doom_random.py

The same seeds for two players: one draws a fresh action at every tic, the other, whose episodes V and M learn from,
holds each for 1 to 10 tics.
"""

from pathlib import Path

import numpy as np
from tqdm import tqdm

from worldmodels.cli import Parser, positive_int, run
from worldmodels.files import save_json
from worldmodels.provenance import origin
from worldmodels.seeds import TEST
from worldmodels.threads import available_cores, limit_threads
from worldmodels.workers import run_in_processes

RESULT = Path(__file__).resolve().parents[1] / "results" / "doom_random.json"
LONGEST = {"fresh": 1, "held 1 to 10 tics": 10}  # the longest that an action is held


def play(players_and_seeds):
    """Yields (player, seed, score) of each (player, seed)."""
    limit_threads()
    from doomrnn.doomreal import ACTION_SIZE, MAX_STEPS, DoomTakeCover
    from worldmodels.policies import HeldActions
    from worldmodels.rollout import Job, run_episodes

    envs = [DoomTakeCover()]
    for player, seed in players_and_seeds:
        policy = HeldActions(ACTION_SIZE, 1, LONGEST[player])
        for episode in run_episodes(envs, policy, [Job(seed)], MAX_STEPS):
            yield player, seed, episode.score


def main():
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--episodes", type=positive_int, default=200, help="episodes of each player")
    parser.add_argument("--workers", type=positive_int, default=available_cores(), help="processes")
    args = parser.parse_args()
    seeds = TEST[: args.episodes]
    jobs = [(player, seed) for player in LONGEST for seed in seeds]
    played = run_in_processes(play, jobs, min(args.workers, len(jobs)))
    scores = {(player, seed): score for player, seed, score in tqdm(played, total=len(jobs), unit="episode")}
    players = {}
    for player in LONGEST:
        own = np.array([scores[player, seed] for seed in seeds])
        players[player] = {"mean": own.mean(), "std": own.std(), "scores": own.tolist()}
        print(f"{player:18} {own.mean():.0f} +- {own.std():.0f} over {len(own)} episodes")
    save_json(RESULT, {**origin(), "players": players, "seeds": list(seeds)}, indent=1)


if __name__ == "__main__":
    run(main)
