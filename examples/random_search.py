"""An optimizer of one's own, with the queue, the log and the checkpoint of train.py: python random_search.py

It evolves Doom's C in the dream of the shipped M. Kill it, run the same command again, and it goes on.
Then: python ../doomrnn/model.py doomreal norender log/doomrnn.random_search.best.json
"""

import numpy as np

from doomrnn.task import DOOM
from worldmodels.evolution import Plan, evolve, player
from worldmodels.parallel.processes import available_cores
from worldmodels.scripts.cli import Parser, positive_int, run
from worldmodels.training.train_controller import training_world

SIGMA, RATE = 0.1, 0.1


class RandomSearch:
    """Steps along random directions, each weighted by how much better its one end scores than the other.

    The checkpoint holds the attributes, and the next ask() depends on nothing else.
    """

    def __init__(self, size, directions=8):
        self.mean, self.shape, self.rng = np.zeros(size), (directions, size), np.random.default_rng(0)

    def ask(self):
        self.directions = self.rng.standard_normal(self.shape)
        return [*(self.mean + SIGMA * self.directions), *(self.mean - SIGMA * self.directions)]

    def tell(self, solutions, costs):
        ahead, behind = np.split(np.array(costs), 2)
        self.mean = self.mean + RATE * (behind - ahead) / np.std(costs) @ self.directions / len(ahead)


def make_player():
    """What each worker calls once: the dreams it plays, and which V and M are in them."""
    world, facts = training_world(DOOM, DOOM.folder / "pretrained", slots=64, temperature=DOOM.temperature)
    return player(world), facts


def main():
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--generations", type=positive_int, default=30, help="how many in all")
    parser.add_argument("--workers", type=positive_int, default=available_cores(), help="processes that play")
    parser.add_argument("--log", default="log", help="folder of the log and of the checkpoint")
    options = parser.parse_args()
    evolve(
        "doomrnn.random_search",
        RandomSearch(DOOM.make_controller().num_params),
        Plan(options.generations, num_episode=((1, 4),), eval_steps=10, eval_episodes=64),
        make_player,
        about={"controller": DOOM.controller, "temperature": DOOM.temperature},
        log=options.log,
        workers=options.workers,
    )


if __name__ == "__main__":
    run(main)
