"""8. Expert rollouts: python generation_script.py --threads N  ->  expert_rollouts/rollout_<k>.npz

Each file holds one episode of the trained agent; carracing/expert.py describes its arrays.
"""

import functools
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

from carracing.expert import LENGTH, Manifest, check_rollout, rollout_arrays, rollout_path, summary
from worldmodels.data import seeds
from worldmodels.files.writing import make_folder, save_npz
from worldmodels.parallel.threads import available_cores, limit_threads
from worldmodels.parallel.workers import run_in_processes
from worldmodels.playing import evaluation
from worldmodels.scripts import precision
from worldmodels.scripts.cli import Parser, positive_int, run, seed

ROLLOUTS_PER_THREAD = 1000  # as in the fork that made the data of Ke et al. (2019)
SLOTS = 32  # rows in each process's batch; another number would sum in another order, and so change the rollouts
SHIPPED = Path(__file__).resolve().parent / "pretrained" / "carracing.cma.16.64.best.json"


def options():
    parser = Parser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--threads", type=positive_int, required=True, help="processes; at most as many as there are cores are started")
    add("--rollouts", type=positive_int, help=f"how many in all; {ROLLOUTS_PER_THREAD} a thread if not given")
    add("--out", default="expert_rollouts", help="folder for the rollouts and their manifest.json")
    add("--seed", type=seed, default=seeds.EXPERT.start, help="track of rollout 0; the others follow")
    add(
        "--dtype",
        choices=["uint8", "float64"],
        default="uint8",
        help="uint8: observations are uint8, actions float32, rewards float64; float64: every array but terminals is "
        "float64, the exact schema of 2019 (98 MB a rollout once loaded)",
    )
    add("--controller", default=SHIPPED, help="C; its V and M are found by it")
    add("--weights", help="folder of V and M, if it is neither weights/ nor pretrained/")
    precision.add_option(parser)
    return parser.parse_args()


def load(args, slots):
    """The Agent, its parameters, and the hashes of V, M and C."""
    limit_threads()
    from carracing.task import CARRACING

    return evaluation.load(CARRACING, args, slots)


def check(args, share, indices):
    """Read the rollout files with these numbers; yield (k, summary), with None for a file that is not whole."""
    for k in indices:
        yield k, check_rollout(rollout_path(args.out, k), args.dtype, args.seed + k)


def play(args, share, indices):
    """Play the rollouts with these numbers, write their files, and yield (k, summary) of each."""
    from carracing.task import CARRACING
    from worldmodels.rollout import Job, run_episodes

    agent, params, _ = load(args, SLOTS)
    jobs = (Job(args.seed + k, params, k) for k in indices)
    envs = [CARRACING.make_env() for _ in range(min(SLOTS, share))]
    for episode in run_episodes(envs, agent, jobs, LENGTH, record=True):
        path = rollout_path(args.out, episode.job.tag)
        arrays = rollout_arrays(episode, args.dtype)
        save_npz(path, arrays, compress=1)
        yield episode.job.tag, summary(path, episode.job.seed, arrays["rewards"], episode.steps)


def processes(args, indices):
    return min(args.threads, available_cores(), len(indices))


def gather(work, args, indices, label):
    """Run work in processes with a progress bar; returns {k: summary} of the whole files."""
    found, count = {}, processes(args, indices)
    work = functools.partial(work, args, -(-len(indices) // max(1, count)))
    with tqdm(total=len(indices), unit="rollout", desc=label) as progress:
        for k, rollout in run_in_processes(work, indices, count):
            if rollout is not None:
                found[k] = rollout
            progress.update()
    return found


def main():
    args = options()
    total = args.rollouts or args.threads * ROLLOUTS_PER_THREAD
    make_folder(args.out)
    facts = load(args, 1)[2]  # wrong weights are found here, before any process starts
    manifest = Manifest(args.out, {"seed": args.seed, "dtype": args.dtype, **facts})
    there = [k for k in range(total) if rollout_path(args.out, k).exists()]
    rollouts = gather(check, args, there, "checking") if there else {}
    if there:
        damaged = f", {len(there) - len(rollouts)} damaged" if len(there) > len(rollouts) else ""
        print(f"{len(rollouts)} of the {total} rollouts asked for are in {args.out} already{damaged}")
    missing = [k for k in range(total) if k not in rollouts]
    start = time.monotonic()
    made = gather(play, args, missing, "playing") if missing else {}
    seconds = time.monotonic() - start
    frames = sum(rollout["steps"] for rollout in made.values())
    pace = {"frames": frames, "seconds": round(seconds, 1), "processes": processes(args, missing)} if made else None
    rollouts |= made
    report(args, manifest.finish([rollouts[k] for k in range(total)], pace))
    if made:
        print(f"played {frames} frames in {seconds:.0f} s: {frames / seconds:.0f} frames/s, start-up included")


def report(args, rollouts):
    scores = np.array([rollout["score"] for rollout in rollouts])
    finished, size = (sum(rollout[key] for rollout in rollouts) for key in ("finished", "bytes"))
    print(f"{len(rollouts)} rollouts in {args.out}: score {scores.mean():.1f} +- {scores.std():.1f}")
    print(f"{finished} finished the lap before frame {LENGTH}; {size / 1e6:.1f} MB")


if __name__ == "__main__":
    run(main)
