"""8. Expert rollouts: python generation_script.py --threads N  ->  expert_rollouts/rollout_<k>.npz

Each file holds one episode of the trained agent; worldmodels/data/expert.py describes its arrays.
"""

from carracing.task import CARRACING
from worldmodels.data import seeds
from worldmodels.data.expert import DTYPES
from worldmodels.data.generation import generate
from worldmodels.parallel import shards
from worldmodels.scripts import precision
from worldmodels.scripts.cli import Parser, positive_int, run, seed

ROLLOUTS_PER_WORKER = 1000  # as in the fork that made the data of Ke et al. (2019)


def main():
    parser = Parser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--workers", "--threads", dest="workers", type=positive_int, required=True,
        help="processes; at most as many as there are cores are started")  # fmt: skip
    add("--rollouts", type=positive_int, help=f"how many in all; {ROLLOUTS_PER_WORKER} a process if not given")
    add("--out", default="expert_rollouts", help="folder for the rollouts and their manifest.json")
    add("--seed", type=seed, default=seeds.EXPERT.start, help="track of rollout 0; the others follow")
    add("--dtype", choices=DTYPES, default="uint8",
        help="uint8: observations are uint8, actions float32, rewards float64; float64: every array but terminals is "
        "float64, the exact schema of 2019 (98 MB a rollout once loaded)")  # fmt: skip
    add("--controller", default=CARRACING.shipped, help="C; its V and M are found by it")
    add("--weights", help="folder of V and M, if it is neither weights/ nor pretrained/")
    precision.add_option(parser)
    shards.add_option(parser)
    options = vars(parser.parse_args())
    options["rollouts"] = options["rollouts"] or options["workers"] * ROLLOUTS_PER_WORKER
    generate(CARRACING, **options)


if __name__ == "__main__":
    run(main)
