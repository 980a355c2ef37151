"""Scoring an agent: many episodes on seeds it never trained on, over all cores, with everything noted in a JSON."""

import functools
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

from worldmodels import provenance, seeds
from worldmodels.cli import positive_int, seed
from worldmodels.files import make_folder, save_json
from worldmodels.threads import available_cores, limit_threads, quiet_stderr
from worldmodels.workers import run_in_processes

EPISODES = 100  # what the paper's scores are taken over
RESULTS = Path(__file__).resolve().parent.parent / "results"


def add_options(parser):
    """The options of every task's model.py that concern scores."""
    add = parser.add_argument
    add("controller", metavar="FILE", help="parameters of C (<name>.best.json); its V and M are found by it")
    add("--episodes", type=positive_int, help=f"how many; if not given, {EPISODES} for norender and 1 for render")
    first = seeds.TEST.start  # of a range that training never uses
    add("--seed", type=seed, default=first, help="of the first episode; the others follow")
    add("--workers", type=positive_int, default=available_cores(), help="norender: processes; no score depends on it")
    add("--slots", type=positive_int, default=16, help="episodes in lockstep in each process")
    add("--weights", metavar="DIR", help="folder of V and M, if it is neither weights/ nor pretrained/")
    add("--precision", choices=("float32", "bfloat16"), default="float32", help="V's arithmetic")
    add("--results", metavar="DIR", default=RESULTS, help="norender: folder for the JSON with all scores")


def evaluate(task, options, where):
    """Play options.episodes episodes without showing them; print each score, their mean and standard deviation.

    where: names what the agent sees, in the JSON and its name. Returns the path of the JSON.
    """
    limit_threads()
    make_folder(options.results)
    *_, facts = load(task, options, slots=1)  # finds missing or wrong files before any process starts
    return _score(task, options, where, play_environments, facts)


def evaluate_dream(task, options):
    """The same in the dream, at options.temperature."""
    limit_threads()
    make_folder(options.results)
    with quiet_stderr():
        from worldmodels.dream import load_dreamer

        *_, facts = load_dreamer(task, options)
    return _score(task, options, f"dream{facts['temperature']:g}", play_dreams, facts)


def _score(task, options, where, play, facts):
    start = time.monotonic()
    scores, steps = play_all(task, options, play)
    seconds = time.monotonic() - start
    mean, std = float(scores.mean()), float(scores.std())  # of the population, as in the 2018 code
    print(f"average_reward {mean:.2f} stdev {std:.2f}", flush=True)
    data = {
        "task": task.name,
        "world": where,
        "episodes": len(scores),
        "mean": mean,
        "std": std,
        **facts,
        "slots": options.slots,
        "workers": options.workers,
        "wall_seconds": round(seconds, 1),
        "frames_per_second": round(float(steps.sum()) / seconds, 1),
        "command": provenance.command(),
        "machine": provenance.machine(),
        "versions": provenance.versions(),
        "seeds": list(_seeds(options)),
        "scores": scores.tolist(),
        "steps": steps.tolist(),
    }
    path = Path(options.results) / file_name(task, options, where, facts["parameters_sha256"])
    save_json(path, data, indent=1)
    print(f"wrote {path}")
    return path


def play_all(task, options, play):
    """Scores float64 and steps int64 of all episodes, in the order of their seeds, in which they are printed too.

    play: a worker's part, of the signature of play_environments.
    """
    order = _seeds(options)
    workers = min(options.workers, len(order))
    results, printed = {}, 0
    with tqdm(total=len(order), unit="episode") as progress:
        for seed, *result in run_in_processes(functools.partial(play, task, options, workers), order, workers):
            results[seed] = result
            progress.update()
            while printed < len(order) and order[printed] in results:
                score, steps = results[order[printed]]
                tqdm.write(f"episode {printed + 1}, seed {order[printed]}: {score:.1f} after {steps} frames")
                printed += 1
    scores, steps = zip(*(results[seed] for seed in order), strict=True)
    return np.array(scores, np.float64), np.array(steps, np.int64)


def play_environments(task, options, workers, queue):
    """A worker's part: play the seeds of the queue, yield (seed, score, steps).

    The agent's batches always have options.slots rows, however few environments there are: so nothing depends on the
    number of workers, and with many workers none takes more episodes than its share.
    """
    from worldmodels.rollout import Job, run_episodes

    agent, params, _ = load(task, options, options.slots)
    share = -(-options.episodes // workers)
    envs = [task.make_env() for _ in range(min(options.slots, share))]
    jobs = (Job(seed, params) for seed in queue)
    for episode in run_episodes(envs, agent, jobs, task.max_steps):
        yield episode.job.seed, float(episode.score), episode.steps


def play_dreams(task, options, workers, queue):
    """A worker's part in the dream: as play_environments."""
    with quiet_stderr():
        from worldmodels.dream import load_dreamer, run_dreams
    from worldmodels.rollout import Job

    world, graph, params, _ = load_dreamer(task, options)
    jobs = (Job(seed, params) for seed in queue)
    for job, steps in run_dreams(world, graph, jobs, options.slots, task.max_steps):
        yield job.seed, float(steps), steps


def load(task, options, slots):
    """The Agent, its parameters and the facts about both, as the options say (worldmodels.task.load_agent)."""
    with quiet_stderr():
        from worldmodels.task import load_agent

        return load_agent(task, options.controller, slots, options.weights, options.precision)


def _seeds(options):
    return range(options.seed, options.seed + options.episodes)


def file_name(task, options, where, sha256):
    """task.where.seed<first>.<episodes>.<hash of C's parameters>[.precision].json"""
    precision = [] if options.precision == "float32" else [options.precision]
    return ".".join([task.name, where, f"seed{options.seed}", str(options.episodes), sha256[:8], *precision, "json"])
