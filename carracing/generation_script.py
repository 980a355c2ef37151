"""8. Expert rollouts: python generation_script.py --threads N  ->  expert_rollouts/rollout_<k>.npz

Each file holds one episode of the trained agent:
  observations (1001, 64, 64, 3): [0] is the reset frame, [t + 1] the one after actions[t]
  actions (1000, 3), rewards (1000,), terminals (1000,) bool: True at the episode's last step and always at index 999
Entries past the end of the episode are zero. Whoever reads the files takes the first True of terminals as the length.
"""

import functools
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

from worldmodels import seeds
from worldmodels.cli import Parser, UserError, non_negative_int, positive_int, run
from worldmodels.files import load_json, load_npz, make_folder, save_json, save_npz
from worldmodels.provenance import versions
from worldmodels.threads import limit_threads, quiet_stderr
from worldmodels.workers import run_in_processes

ROLLOUTS_PER_THREAD = 1000  # as in the fork that made the data of Ke et al. (2019)
SLOTS = 16  # environments in lockstep in each process
LENGTH = 1000
SHAPES = {"observations": (LENGTH + 1, 64, 64, 3), "actions": (LENGTH, 3), "rewards": (LENGTH,), "terminals": (LENGTH,)}


def options():
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--threads", type=positive_int, required=True, help="processes; more than cores works, but gains nothing"
    )
    parser.add_argument(
        "--rollouts", type=positive_int, help=f"how many in all; {ROLLOUTS_PER_THREAD} a thread if not given"
    )
    parser.add_argument("--out", default="expert_rollouts", help="folder for the rollouts and their manifest.json")
    parser.add_argument(
        "--seed", type=non_negative_int, default=seeds.EXPERT.start, help="track of rollout 0; the others follow"
    )
    parser.add_argument(
        "--dtype",
        choices=["uint8", "float64"],
        default="uint8",
        help="float64: every array but terminals is float64, the exact schema of 2019 (98 MB a rollout once loaded); "
        "uint8: observations are uint8, actions float32, rewards float64",
    )
    parser.add_argument(
        "--controller", default="log/carracing.cma.16.64.best.json", help="C; its V and M are found by it"
    )
    parser.add_argument("--weights", help="folder of V and M, if it is neither weights/ nor pretrained/")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32", help="V's arithmetic")
    return parser.parse_args()


def check(args, indices):
    """Read the rollout files that exist and yield (k, summary), with None for a file that is missing or not whole."""
    for k in indices:
        try:
            arrays = load_npz(rollout_path(args, k), SHAPES)
        except UserError:
            yield k, None
            continue
        observations, _, rewards, terminals = arrays
        whole = [array.shape for array in arrays] == list(SHAPES.values())
        whole = whole and observations.dtype == args.dtype and terminals[-1]
        yield k, summary(args, k, rewards, int(np.argmax(terminals)) + 1) if whole else None


def play(args, indices):
    """Play the rollouts with these numbers, write their files, and yield (k, summary) of each."""
    from carracing.task import CARRACING
    from worldmodels.rollout import Job, run_episodes

    agent, params, _ = load(args, SLOTS)
    jobs = (Job(args.seed + k, params, k) for k in indices)
    envs = [CARRACING.make_env() for _ in range(SLOTS)]
    for episode in run_episodes(envs, agent, jobs, LENGTH, record=True):
        k = episode.job.tag
        arrays = rollout_arrays(episode, args.dtype)
        save_npz(rollout_path(args, k), arrays, compress=1)
        yield k, summary(args, k, arrays["rewards"], episode.steps)


def rollout_arrays(episode, dtype):
    """One Episode in the layout of the files, zero past its end. dtype: "uint8" or "float64"."""
    exact = dtype == "float64"
    arrays = {
        "observations": np.zeros(SHAPES["observations"], dtype),
        "actions": np.zeros(SHAPES["actions"], np.float64 if exact else np.float32),
        "rewards": np.zeros(SHAPES["rewards"]),
        "terminals": np.zeros(SHAPES["terminals"], bool),
    }
    arrays["observations"][: episode.steps + 1] = episode.frames.observations
    arrays["actions"][: episode.steps] = episode.frames.actions
    arrays["rewards"][: episode.steps] = episode.frames.rewards
    arrays["terminals"][[episode.steps - 1, LENGTH - 1]] = True
    return arrays


def rollout_path(args, k):
    return Path(args.out) / f"rollout_{k}.npz"


def summary(args, k, rewards, steps):
    """What the manifest says of one rollout. finished: the lap was closed before the last frame."""
    return {
        "seed": args.seed + k,
        "score": round(float(rewards.sum()), 3),
        "steps": steps,
        "finished": bool(steps < LENGTH and rewards[steps - 1] > -100),
        "bytes": rollout_path(args, k).stat().st_size,
    }


def identity(args, facts):
    """What decides the content of the rollouts; a folder holds rollouts of one identity only."""
    return {"seed": args.seed, "dtype": args.dtype, **facts}


def open_folder(args, facts):
    """Write the folder's manifest, or check that what is there was made in the same way. Returns its path."""
    manifest = Path(args.out) / "manifest.json"
    made_with = identity(args, facts)
    if manifest.exists():
        before = load_json(manifest, "the manifest of the rollouts")["made_with"]
        different = [name for name in made_with if before.get(name) != made_with[name]]
        if different:
            raise UserError(
                f"the rollouts in {args.out} were made with another {' and '.join(different)}: choose another --out"
            )
    elif any(manifest.parent.glob("rollout_*.npz")):
        raise UserError(
            f"{args.out} holds rollouts but no manifest.json that says how they were made: choose another --out"
        )
    else:
        save_json(manifest, {"made_with": made_with, "complete": False}, indent=1)
    return manifest


def gather(work, indices, args, label):
    """Run work over the threads with a progress bar; returns {k: summary}."""
    found = {}
    with tqdm(total=len(indices), unit="rollout", desc=label) as progress:
        for k, rollout in run_in_processes(functools.partial(work, args), indices, min(args.threads, len(indices))):
            if rollout is not None:
                found[k] = rollout
            progress.update()
    return found


def main():
    args = options()
    total = args.rollouts or args.threads * ROLLOUTS_PER_THREAD
    make_folder(args.out)
    manifest = open_folder(args, load(args, 1)[2])  # wrong weights are found here, before any process starts
    there = [k for k in range(total) if rollout_path(args, k).exists()]
    rollouts = gather(check, there, args, "checking") if there else {}
    missing = [k for k in range(total) if k not in rollouts]
    if there:
        print(f"{len(rollouts)} of {total} rollouts are in {args.out} already, {len(there) - len(rollouts)} damaged")
    start = time.monotonic()
    made = gather(play, missing, args, "playing") if missing else {}
    seconds = time.monotonic() - start
    rollouts |= made
    write_manifest(manifest, args, [rollouts[k] for k in range(total)])
    if made:
        frames = sum(rollout["steps"] for rollout in made.values())
        print(f"played {frames} frames in {seconds:.0f} s: {frames / seconds:.0f} frames/s, start-up included")


def load(args, slots):
    """The Agent, its parameters, and the hashes of V, M and C."""
    limit_threads()
    with quiet_stderr():
        from carracing.task import CARRACING
        from worldmodels.task import load_agent

        return load_agent(CARRACING, args.controller, slots, args.weights, args.precision)


def write_manifest(path, args, rollouts):
    """The manifest of all rollouts, and the lines that say the same on the terminal."""
    scores = np.array([rollout["score"] for rollout in rollouts])
    finished = sum(rollout["finished"] for rollout in rollouts)
    size = sum(rollout["bytes"] for rollout in rollouts)
    made_with = load_json(path, "the manifest of the rollouts")["made_with"]
    totals = {"mean": scores.mean(), "std": scores.std(), "finished": finished, "bytes": size}
    data = {"made_with": made_with, "complete": True, "versions": versions(), **totals, "rollouts": rollouts}
    save_json(path, data, indent=1)
    print(f"{len(rollouts)} rollouts in {args.out}: score {scores.mean():.1f} +- {scores.std():.1f}")
    print(f"{finished} finished the lap before frame {LENGTH}; {size / 1e6:.1f} MB")


if __name__ == "__main__":
    run(main)
