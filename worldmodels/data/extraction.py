"""Step 1 of a task: episodes of random play as files `<number>.npz`, played by several processes, killed and gone on.

With --controller a trained agent plays, and gets further into the task than a random player: V and M learn on from the
episodes of both, and C from dreams of the better M (paper, section 5: iterative training).

A file holds obs uint8 (T, 64, 64, 3), action float16 (T, A), the action taken on seeing that obs, and coverage, a few
numbers of the task's that say what the episode shows. `coverage.json` in the folder says how they were made.
File k is the first episode that is long enough (Task.shortest_episode) among the seeds k, k + STRIDE, k + 2 STRIDE, ...
"""

import argparse
import functools
import os
import time

import numpy as np
from tqdm import tqdm

from worldmodels.data.episodes import FRAME
from worldmodels.data.policies import NoisyAgent
from worldmodels.data.seeds import TRAINING
from worldmodels.files.provenance import origin
from worldmodels.files.reading import load_json, load_npz, reading
from worldmodels.files.writing import make_folder, save_json, save_npz
from worldmodels.parallel import shards
from worldmodels.parallel.processes import available_cores
from worldmodels.parallel.threads import limit_threads
from worldmodels.parallel.workers import run_in_processes
from worldmodels.playing.loading import find_agent
from worldmodels.rollout import Environments, Job, run_episodes
from worldmodels.scripts.cli import UserError, non_negative_float, positive_int, seed

STRIDE = 10**7  # from one of a file's seeds to the next
TRIES = 100  # all below 2^30, the end of the seeds that are for training (seeds.py)
END = object()
AGENT_SLOTS = 16  # episodes that a process plays at a time


def share(text):
    if (value := non_negative_float(text)) >= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not at least 0 and below 1")
    return value


def add_options(parser):
    """The options of every task's extract.py."""
    add = parser.add_argument
    add("--episodes", type=positive_int, default=10000, help="how many episodes (paper: 10,000)")
    add("--workers", type=positive_int, default=available_cores(), help="processes")
    add("--out", default="record", help="folder for the episodes")
    add("--seed", type=seed, default=0, help="number and seed of the first episode; the others follow")
    add("--controller", metavar="FILE", help="C of a trained agent, which plays with noise on its parameters, in place "
        "of the random player; its V and M are found by it")  # fmt: skip
    add("--weights", help="folder of that agent's V and M, if it is neither weights/ nor pretrained/")
    add("--noise", type=non_negative_float, default=1.0,
        help="the most noise on that agent's C, in standard deviations of its parameters")  # fmt: skip
    add("--explore", type=share, default=0.0,
        help="share of the frames in which it plays random actions, each held for 1 to 10 frames")  # fmt: skip
    shards.add_option(parser)


def extract(
    task,
    make_policy,
    survey,
    describe,
    made_with,
    *,
    episodes,
    workers,
    out,
    seed,
    shard,
    controller=None,
    weights=None,
    noise=1.0,
    explore=0.0,
    make_env=None,
):
    """Play what is not in the folder `out` yet, with a progress bar, and say at the end what the episodes show.

    make_policy(): the random player, an agent of one slot. make_env: if not the task's. survey(episode): its coverage,
        an array (K,). These three have to be picklable.
    describe(coverage): of all episodes, (N, K) -> lines to print, and a dict for coverage.json.
    controller: the file of a C to play with, in place of the random player. weights: as in load_agent. noise: the most
        on C's parameters, in standard deviations of them; explore: the share of random actions (policies.NoisyAgent).
    made_with: a dict that says how; UserError if the folder's episodes were made in another way.
    shard: which of the episodes are this call's (shards.py); what they show is said by the call that has all.
    """
    numbers = range(seed, seed + episodes)
    limit = TRAINING.stop if task.shortest_episode == 1 else STRIDE
    if numbers.stop > limit:
        raise UserError(f"--seed and --episodes together reach too far: at most {limit:,} are for random rollouts")
    numbers = shards.part_of(numbers, shard)
    slots = 1  # of a random player nothing is batched
    if not controller and (weights or noise != 1 or explore):
        raise UserError("--weights, --noise and --explore are of an agent: name its C with --controller")
    if controller:
        agent, slots = find_agent(task, controller, weights), AGENT_SLOTS
        make_policy = functools.partial(NoisyAgent, task, controller, weights, slots, noise, explore)
        made_with = made_with | {"policy": "trained agent with noise", "z": agent.z, **agent.facts}
        if noise != 1:  # said only then: folders from before there was a choice can still be gone on with
            made_with["noise"] = noise
        if explore:
            made_with["explore"] = explore
        limit_threads()
    make_folder(out)
    _check_same(out, made_with)
    covered = {number: coverage for number in numbers if (coverage := _coverage_of(out, number)) is not None}
    missing = [number for number in numbers if number not in covered]
    if covered:
        print(f"{len(covered)} of {len(numbers)} episodes are in {out} already")
    start = time.monotonic()
    rows = list(covered.values())
    work = functools.partial(extract_numbers, task, make_env, make_policy, slots, survey, out)
    with tqdm(total=len(numbers), initial=len(covered), unit="episode") as progress:
        for coverage in run_in_processes(work, missing, min(workers, len(missing))):
            rows.append(coverage)
            progress.update()
    if shard != shards.WHOLE:
        return
    if len({len(row) for row in rows}) > 1:
        raise UserError(f"{out}: its episodes say different things of what they show. Remove it, or use another --out")
    lines, mean = describe(np.array(rows))
    print(*lines, sep="\n")
    which = {"seed": seed, "episodes": len(numbers)}
    if not missing and which.items() <= _report(out).items():
        return  # what it says of the call that played them, and how long that took, stays true
    report = {"made_with": made_with, **origin(), **which, "played_now": len(missing)}
    save_json(_report_path(out), report | {"wall_seconds": round(time.monotonic() - start, 1), "mean": mean}, indent=1)


def extract_numbers(task, make_env, make_policy, slots, survey, folder, numbers):
    """A worker's part: play the files' episodes, `slots` at a time, write them, and yield the coverage of each."""
    envs = [(make_env or task.make_env)() for _ in range(slots)]
    space = envs[0].observation_space
    if (space.shape, space.dtype) != (FRAME, np.uint8):
        raise UserError(f"the environment's observations are {space}, not {FRAME} uint8: mend env.py")
    world, numbers, again = Environments(envs, make_policy(), task.max_steps, record=True), iter(numbers), []
    while True:
        for episode in run_episodes(world, _jobs(numbers, again)):
            job = episode.job
            if episode.steps >= task.shortest_episode:
                coverage = survey(episode)
                save_episode(folder, job.tag, episode.frames, coverage)
                yield coverage
            elif job.seed == job.tag + STRIDE * (TRIES - 1):
                raise UserError(f"none of {TRIES} episodes for file {job.tag} had {task.shortest_episode} frames")
            else:
                again.append(job._replace(seed=job.seed + STRIDE))
        if not again:  # or the last ones were too short
            return


def _jobs(numbers, again):
    """The next tries of files whose episodes were too short, then the first tries of the next numbers."""
    while True:
        if again:
            yield again.pop()
        elif (number := next(numbers, END)) is END:
            return
        else:
            yield None if number is None else Job(number, tag=number)


def save_episode(folder, number, frames, coverage):
    """frames: a rollout's Frames, of which the last observation is left out: no action follows it."""
    arrays = {"obs": frames.observations[:-1], "action": frames.actions.astype(np.float16), "coverage": coverage}
    save_npz(_episode_path(folder, number), arrays, compress=1)


def _episode_path(folder, number):
    return os.path.join(folder, f"{number}.npz")


def _report_path(folder):
    return os.path.join(folder, "coverage.json")


def _report(folder):
    return load_json(_report_path(folder), "what the episodes were made with", dict)


def _coverage_of(folder, number):
    """The coverage of an episode that is there already, or None: it is missing, damaged, or of another program."""
    path = _episode_path(folder, number)
    try:
        with reading(path, "an episode"):
            (coverage,) = load_npz(path, ["coverage"])
            if coverage.ndim != 1 or not np.isfinite(coverage).all():
                raise ValueError("its coverage is no list of numbers")
            return coverage
    except UserError:
        return None


def _check_same(folder, made_with):
    path = _report_path(folder)
    names = os.listdir(folder)  # before we look for the report: another process may be beginning with both
    if not os.path.exists(path):
        if any(name.endswith(".npz") and not name.startswith(".") for name in names):
            raise UserError(f"{folder} holds episodes but no {path} that says how they were made: choose another --out")
        return save_json(path, {"made_with": made_with})
    before = _report(folder).get("made_with")
    if before != made_with:
        raise UserError(f"the episodes in {folder} were made with {before}, not {made_with}: choose another --out")
