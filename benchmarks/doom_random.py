"""What players that see nothing score in Doom Take Cover, and in dreams of the shipped M.

    python benchmarks/doom_random.py

Three players play the same seeds. One draws a fresh action at every tic. One holds each for 1 to 10 tics; V and M learn
from episodes of this kind. The third walks to and fro: most fireballs fly to where the player was when they were
thrown.

A hit takes 21 to 168 of the player's health of 100, so about half the hits kill. The dream has no health, and M hardly
any sign of it: so the time until the first hit in the game counts as a world, too.
"""

import contextlib
import tempfile

import numpy as np
from backends import RESULTS
from tqdm import tqdm

from worldmodels.data.seeds import TEST
from worldmodels.files.provenance import origin
from worldmodels.files.writing import save_json
from worldmodels.parallel.processes import available_cores
from worldmodels.parallel.workers import run_in_processes
from worldmodels.scripts.cli import Parser, positive_int, run

RESULT = RESULTS / "doom_random.json"
LONGEST = {"fresh": 1, "held 1 to 10 tics": 10}  # the longest that an action is held
PLAYERS = (*LONGEST, "to and fro")
TURN = 90  # tics: the best of 15, 30, 60, 90, 120 and 150 on 24 to 40 evaluation seeds
DREAMS = {f"dream at {temperature}": temperature for temperature in (0.5, 1.0, 1.15, 1.3)}
UNTIL_HIT = "game, until a hit"
PLAYED = ("game", *DREAMS)
WORLDS = ("game", UNTIL_HIT, *DREAMS)


def make_env(name):
    if name == "game":
        from doomrnn.env import DoomTakeCover

        return DoomTakeCover()
    from doomrnn.dream_env import DoomDream
    from doomrnn.task import DOOM

    return DoomDream(DREAMS[name], DOOM.folder / "pretrained")


class Health:
    """Plays episodes of the game once more, to see when the player is hurt."""

    def __init__(self):
        import vizdoom

        from doomrnn.env import RESOLUTION
        from doomrnn.game import set_up

        self.game, self.health = vizdoom.DoomGame(), vizdoom.GameVariable.HEALTH
        set_up(self.game, RESOLUTION)
        self.game.add_available_game_variable(self.health)
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):  # where ViZDoom leaves one
            self.game.init()

    def first_hit(self, env):
        """The first tic that hurt the player in the episode that a DoomTakeCover has just played; 2,100 if none did."""
        self.game.set_seed(env._seed)
        self.game.new_episode()
        before = self.game.get_game_variable(self.health)
        for tic, buttons in enumerate(env._actions, 1):
            self.game.make_action(buttons)
            if self.game.get_game_variable(self.health) < before:
                return tic
        return len(env._actions)


class ToAndFro:
    """A policy for one slot: TURN tics to the right, TURN to the left, and so on."""

    def start(self, slot, job):
        self.tics = 0

    def act(self, slots, observations):
        """-> actions (n, 1) float32."""
        side = -1 if self.tics // TURN % 2 else 1
        self.tics += 1
        return np.full((len(slots), 1), side, np.float32)


def play(jobs):
    """Yields the scores of each (world, player, seed): {(world, player, seed): score}; the game gives two."""
    from doomrnn.task import DOOM
    from worldmodels.data.policies import HeldActions
    from worldmodels.rollout import Environments, Job, run_episodes

    envs, health = {}, Health()
    for world, player, seed in jobs:
        if world not in envs:
            envs[world] = make_env(world)
        policy = HeldActions(DOOM, longest=LONGEST[player]) if player in LONGEST else ToAndFro()
        (episode,) = run_episodes(Environments([envs[world]], policy, DOOM.max_steps), [Job(seed)])
        scores = {(world, player, seed): episode.score}
        if world == "game":
            scores[UNTIL_HIT, player, seed] = health.first_hit(envs[world])
        yield scores


def main():
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--episodes", type=positive_int, default=100, help="episodes of each player in each world")
    parser.add_argument("--workers", type=positive_int, default=available_cores(), help="processes")
    compare(**vars(parser.parse_args()))


def compare(*, episodes, workers):
    seeds = TEST[:episodes]
    jobs = [(world, player, seed) for world in PLAYED for player in PLAYERS for seed in seeds]
    played = run_in_processes(play, jobs, min(workers, len(jobs)))
    scores = {}
    for of_one in tqdm(played, total=len(jobs), unit="episode"):
        scores |= of_one
    worlds = {world: {} for world in WORLDS}
    for world in WORLDS:
        for player in PLAYERS:
            own = np.array([scores[world, player, seed] for seed in seeds])
            worlds[world][player] = {"mean": own.mean(), "std": own.std(), "scores": own.tolist()}
            print(f"{world:17} {player:18} {own.mean():.0f} +- {own.std():.0f} over {len(own)} episodes")
    save_json(RESULT, {**origin(), "worlds": worlds, "seeds": list(seeds)}, indent=1)


if __name__ == "__main__":
    run(main)
