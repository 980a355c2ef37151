"""Making a folder of expert rollouts (expert.py): by several processes, killed and gone on with."""

import functools
import threading
import time

import numpy as np
from tqdm import tqdm

from worldmodels.data import seeds
from worldmodels.data.card import write_card
from worldmodels.data.expert import DTYPES, Manifest, check_rollout, env_options, rollout_arrays, rollout_path, summary
from worldmodels.files.writing import make_folder, save_npz
from worldmodels.parallel import shards
from worldmodels.parallel.processes import available_cores
from worldmodels.parallel.share import even_share
from worldmodels.parallel.threads import limit_threads
from worldmodels.parallel.workers import run_in_processes
from worldmodels.playing.loading import find_agent
from worldmodels.rollout import Job, run_episodes
from worldmodels.scripts import precision
from worldmodels.scripts.cli import UserError, positive_int, seed
from worldmodels.scripts.progress import FrameProgress

SLOTS = 32  # of the batch in which an episode is computed: another size may sum in another order, and so change it
ROLLOUTS_PER_WORKER = 1000  # as in the fork that made the data of Ke et al. (2019)
WORTH_A_WORD = 1.5  # seconds of getting ready after which we say what we are doing


def add_options(parser, task):
    """The options of every task's generation_script.py."""
    add, size = parser.add_argument, 8 * 64 * 64 * 3 * (task.max_steps + 1)
    add("--workers", "--threads", dest="workers", type=positive_int, required=True,
        help="processes; at most as many as there are cores are started")  # fmt: skip
    add("--rollouts", type=positive_int, help=f"how many in all; {ROLLOUTS_PER_WORKER} a process if not given")
    add("--out", default="expert_rollouts", help="folder for the rollouts, their manifest.json and README.md")
    add("--seed", type=seed, default=seeds.EXPERT.start, help="of rollout 0; the others follow")
    add("--dtype", choices=DTYPES, default="uint8",
        help="uint8: observations are uint8, actions float32, rewards float64; float64: every array but terminals is "
        f"float64, the exact schema of 2019 ({size / 1e6:.0f} MB a rollout once loaded)")  # fmt: skip
    add("--controller", default=task.shipped, required=not task.shipped, help="C; its V and M are found by it")
    add("--weights", help="folder of V and M, if it is neither weights/ nor pretrained/")
    precision.add_option(parser)
    shards.add_option(parser)


def parse_options(parser):
    """The options of the command line, a dict for `generate`."""
    options = vars(parser.parse_args())
    options["rollouts"] = options["rollouts"] or options["workers"] * ROLLOUTS_PER_WORKER
    return options


def generate(
    task,
    *,
    controller,
    workers,
    rollouts,
    out,
    seed,
    dtype,
    weights,
    precision,
    colors="plain",
    shard=shards.WHOLE,
):
    """Have the agent of a controller's file play `rollouts` episodes, and write them into the folder `out`.

    seed: of rollout 0; the others follow. dtype: of DTYPES. weights, precision: as in load_agent. colors: of the
    observations that are written; any but "plain" are what the environment's observe(colors) gives, while the agent
    plays with the plain ones. shard: which of the rollouts are this process's (shards.py). Files that are there and
    whole stay as they are.
    """
    limit_threads()
    numbers = shards.part_of(range(rollouts), shard)
    make_folder(out)
    agent = find_agent(task, controller, weights)  # wrong files are found before anything starts
    made_with = {"seed": seed, "dtype": dtype, "colors": colors, **agent.facts, "precision": precision, "z": agent.z}
    manifest = Manifest(out, made_with, shard != shards.WHOLE)
    there = [k for k in numbers if rollout_path(out, k).exists()]
    if folders := [k for k in there if not rollout_path(out, k).is_file()]:
        raise UserError(f"{rollout_path(out, folders[0])} is no file: remove it, or choose another --out")
    workers = min(workers, available_cores())
    found = check_all(task, out, dtype, seed, there, workers) if there else {}
    found = {k: rollout for k, rollout in found.items() if manifest.agrees(k, rollout)}
    if there:
        damaged = f", {len(there) - len(found)} damaged" if len(there) > len(found) else ""
        print(f"{len(found)} of the {len(numbers)} rollouts asked for are in {out} already{damaged}", flush=True)
    jobs = [Job(seed + k, agent.params, k) for k in numbers if k not in found]
    pace = None
    if jobs:
        workers, start = min(workers, len(jobs)), time.monotonic()
        work = functools.partial(generate_jobs, task, controller, weights, precision, out, dtype, colors)
        get_ready(task, env_options(made_with))
        made = generate_all(task, work, jobs, workers)
        found |= made
        frames = sum(rollout["steps"] for rollout in made.values())
        pace = {"frames": frames, "seconds": round(time.monotonic() - start, 1), "processes": workers}
    rollouts = [found[k] for k in numbers]
    if shard == shards.WHOLE:
        data = manifest.finish(rollouts, pace)
        write_card(task, out, data, anew=bool(jobs))
        rollouts = data["rollouts"]
        print(f"{out}/README.md describes the rollouts")
    report(task, out, rollouts, pace)


def check_all(task, out, dtype, seed, numbers, workers):
    """{k: summary} of those of the files with these numbers that are whole."""
    work, found = functools.partial(check, task, out, dtype, seed), {}
    with tqdm(total=len(numbers), unit="rollout", desc="checking") as progress:
        for k, rollout in run_in_processes(work, numbers, min(workers, len(numbers))):
            found |= {k: rollout} if rollout else {}
            progress.update()
    return found


def check(task, out, dtype, seed, numbers):
    """A worker's part: read the files with these numbers; yield (k, summary), with None for one that is not whole."""
    for k in numbers:
        yield k, check_rollout(task, rollout_path(out, k), dtype, seed + k)


def generate_all(task, work, jobs, workers):
    """Have processes play all jobs, with a bar. Returns {k: summary}.

    work: generate_jobs, but for its last two arguments.
    """
    loading = "process loads" if workers == 1 else "processes load"
    print(f"{len(jobs):,} rollouts to play: {workers} {loading} V and M", flush=True)
    work, made = functools.partial(work, min(SLOTS, even_share(len(jobs), workers))), {}
    with FrameProgress("playing", len(jobs), task.max_steps) as progress:
        for k, rollout in run_in_processes(work, jobs, workers, progress.advanced):
            made[k] = rollout
            progress.ended(rollout["steps"])
    return made


def get_ready(task, options):
    """Begin an episode: what has to be compiled for it is compiled here once, and all processes find it."""
    words = f"getting {task.name} ready; what has to be compiled is kept for the next time"
    timer = threading.Timer(WORTH_A_WORD, functools.partial(print, words, flush=True))
    timer.start()
    try:
        env = task.make_env(**options)
        env.reset(seed=0)
        env.close()
    finally:
        timer.cancel()


def generate_jobs(task, controller, weights, precision, out, dtype, colors, slots, jobs):
    """A worker's part: play the jobs, whose tags number the files, write these, and yield (k, summary) of each.

    slots: as many as it may hold jobs.
    """
    from worldmodels.playing.worlds import load_world

    world, _ = load_world(task, controller, slots, dream=False, weights=weights, precision=precision, like=SLOTS)
    world.record = True if colors == "plain" else lambda env: env.observe(colors)
    for episode in run_episodes(world, jobs, jobs.advanced):
        path = rollout_path(out, episode.job.tag)
        save_npz(path, rollout_arrays(task, episode.frames, dtype), compress=1)
        yield episode.job.tag, summary(task, path, episode.job.seed, episode.frames.rewards)


def report(task, out, rollouts, pace):
    scores = np.array([rollout["score"] for rollout in rollouts])
    finished, size = (sum(rollout[key] for rollout in rollouts) for key in ("finished", "bytes"))
    print(f"{len(rollouts)} rollouts in {out}: score {scores.mean():.1f} +- {scores.std():.1f}")
    print(f"{finished} {task.goal}; {size / 1e6:.1f} MB")
    if pace:
        rate = f"{pace['frames'] / pace['seconds']:.0f} frames/s, start-up included"
        print(f"played {pace['frames']} frames in {pace['seconds']:.0f} s: {rate}")
