"""Making a folder of expert rollouts (expert.py): by several processes, killed and gone on with."""

import functools
import time

import numpy as np
from tqdm import tqdm

from worldmodels.data.expert import Manifest, check_rollout, rollout_arrays, rollout_path, summary
from worldmodels.files.writing import make_folder, save_npz
from worldmodels.parallel.shards import WHOLE, part_of
from worldmodels.parallel.threads import available_cores, limit_threads
from worldmodels.parallel.workers import run_in_processes
from worldmodels.rollout import Job, run_episodes
from worldmodels.scripts.cli import UserError

SLOTS = 32  # rows in each process's batch; another number would sum in another order, and so change the rollouts


def generate(task, *, controller, workers, rollouts, out, seed, dtype, weights, precision, shard=WHOLE):
    """Have the agent of a controller's file play `rollouts` episodes, and write them into the folder `out`.

    seed: of rollout 0; the others follow. dtype: of DTYPES. weights, precision: as in load_agent. Files that are there
    and whole stay as they are. shard: which of the rollouts are this process's (shards.py).
    """
    limit_threads()
    numbers = part_of(range(rollouts), shard)
    make_folder(out)
    from worldmodels.playing.loading import load_agent

    trained = load_agent(task, controller, weights, precision)  # wrong weights are found before any process starts
    made_with = {"seed": seed, "dtype": dtype, **trained.facts(), "precision": precision, "z": trained.z}
    manifest = Manifest(out, made_with)
    there = [k for k in numbers if rollout_path(out, k).exists()]
    if folders := [k for k in there if not rollout_path(out, k).is_file()]:
        raise UserError(f"{rollout_path(out, folders[0])} is no file: remove it, or choose another --out")
    workers = min(workers, available_cores())
    found = gather(functools.partial(check, task, out, dtype, seed), there, workers, "checking") if there else {}
    found = {k: rollout for k, rollout in found.items() if manifest.agrees(k, rollout)}
    if there:
        damaged = f", {len(there) - len(found)} damaged" if len(there) > len(found) else ""
        print(f"{len(found)} of the {len(numbers)} rollouts asked for are in {out} already{damaged}")
    missing = [k for k in numbers if k not in found]
    start, made, pace = time.monotonic(), {}, None
    if missing:
        jobs = [Job(seed + k, trained.params, k) for k in missing]
        work = functools.partial(play, task, controller, weights, precision, out, dtype)
        made = gather(work, jobs, workers, "playing")
        seconds, frames = time.monotonic() - start, sum(rollout["steps"] for rollout in made.values())
        pace = {"frames": frames, "seconds": round(seconds, 1), "processes": min(workers, len(missing))}
    found |= made
    found = [found[k] for k in numbers]
    report(task, out, manifest.finish(found, pace) if shard == WHOLE else found)
    if made:
        print(f"played {frames} frames in {seconds:.0f} s: {frames / seconds:.0f} frames/s, start-up included")


def check(task, out, dtype, seed, indices):
    """A worker's part: read the files with these numbers; yield (k, summary), with None for one that is not whole."""
    for k in indices:
        yield k, check_rollout(task, rollout_path(out, k), dtype, seed + k)


def play(task, controller, weights, precision, out, dtype, jobs):
    """A worker's part: play the jobs, whose tags number the files, write these, and yield (k, summary) of each."""
    from worldmodels.playing.worlds import load_world

    world, _ = load_world(task, controller, SLOTS, dream=False, weights=weights, precision=precision)
    world.record = True
    for episode in run_episodes(world, jobs):
        path, arrays = rollout_path(out, episode.job.tag), rollout_arrays(task, episode, dtype)
        save_npz(path, arrays, compress=1)
        yield episode.job.tag, summary(task, path, episode.job.seed, arrays["rewards"], episode.steps)


def gather(work, jobs, workers, label):
    """Run work in processes with a progress bar; returns {k: summary} of the whole files."""
    found = {}
    with tqdm(total=len(jobs), unit="rollout", desc=label) as progress:
        for k, rollout in run_in_processes(work, jobs, min(workers, len(jobs))):
            if rollout is not None:
                found[k] = rollout
            progress.update()
    return found


def report(task, out, rollouts):
    scores = np.array([rollout["score"] for rollout in rollouts])
    finished, size = (sum(rollout[key] for rollout in rollouts) for key in ("finished", "bytes"))
    print(f"{len(rollouts)} rollouts in {out}: score {scores.mean():.1f} +- {scores.std():.1f}")
    print(f"{finished} finished before frame {task.max_steps}; {size / 1e6:.1f} MB")
