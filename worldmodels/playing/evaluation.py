"""Scoring an agent: many episodes on seeds it never trained on, over all cores, with everything noted in a JSON."""

import contextlib
import functools
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

from worldmodels.data import seeds
from worldmodels.files import provenance
from worldmodels.files.reading import load_json
from worldmodels.files.writing import make_folder, save_json
from worldmodels.parallel.threads import available_cores, limit_threads, quiet_stderr
from worldmodels.parallel.workers import run_in_processes
from worldmodels.scripts import precision
from worldmodels.scripts.cli import UserError, positive_int, seed

EPISODES = 100  # what the paper's scores are taken over
SAVE_SECONDS = 1  # so much work is lost at most when a run is killed
RESULTS = Path(__file__).resolve().parents[2] / "results"


def add_options(parser):
    """The options of every task's model.py that concern scores."""
    add = parser.add_argument
    add("controller", metavar="FILE", help="parameters of C (<name>.best.json); its V and M are found by it")
    add("--episodes", type=positive_int, help=f"how many; if not given, {EPISODES} for norender and 1 for render")
    first = seeds.TEST.start  # of a range that training never uses
    add("--seed", type=seed, default=first, help="of the first episode; the others follow")
    add("--workers", type=positive_int, default=available_cores(), help="norender: processes; no score depends on it")
    add(
        "--slots",
        type=positive_int,
        default=32,
        help="episodes in lockstep in each process; with fewer, few episodes are played faster",
    )
    add("--weights", metavar="DIR", help="folder of V and M, if it is neither weights/ nor pretrained/")
    precision.add_option(parser)
    add("--z", choices=("sample", "mean"),
        help="what C reads of V's N(mu, sigma^2): a draw or mu; if not given, what it was evolved on")  # fmt: skip
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
    path = Path(options.results) / file_name(task, options, where, facts["parameters_sha256"])
    decides = {"task": task.name, "world": where, **facts, "slots": options.slots, "versions": provenance.versions()}
    unfinished = Unfinished(path.with_suffix(".unfinished"), decides)
    known = [steps for _, steps in unfinished.results.values()]
    start = time.monotonic()
    scores, steps = play_all(task, options, play, unfinished)
    seconds = time.monotonic() - start
    mean, std = float(scores.mean()), float(scores.std())  # of the population, as in the 2018 code
    print(f"average_reward {mean:.2f} stdev {std:.2f}", flush=True)
    data = {
        **decides,
        "episodes": len(scores),
        "mean": mean,
        "std": std,
        "workers": options.workers,
        "episodes_before": len(known),  # that a killed run had scored; the times are of the others
        "wall_seconds": round(seconds, 1),
        "frames_per_second": round((float(steps.sum()) - sum(known)) / seconds, 1),
        **provenance.origin(),
        "seeds": list(_seeds(options)),
        "scores": scores.tolist(),
        "steps": steps.tolist(),
    }
    save_json(path, data, indent=1)
    unfinished.path.unlink(missing_ok=True)
    print(f"wrote {path}")
    return path


class Unfinished:
    """The episodes that a killed run has scored, in a file beside its result: the same command goes on after them.

    decides: all that scores depend on. A file that was made with anything else, or is damaged, is written over.
    """

    def __init__(self, path, decides):
        self.path, self.decides, self.results = path, decides, {}  # {seed: (score, steps)}
        self.saved = time.monotonic()
        with contextlib.suppress(UserError, KeyError, TypeError, ValueError):
            data = load_json(path, "what an earlier run has scored", dict)
            if data["decides"] == decides:
                self.results = {seed: (float(score), int(steps)) for seed, score, steps in data["episodes"]}
                print(f"going on after {len(self.results)} episodes that an earlier run has scored")

    def add(self, seed, score, steps):
        self.results[seed] = score, steps
        if time.monotonic() - self.saved > SAVE_SECONDS:
            episodes = [(seed, *result) for seed, result in self.results.items()]
            save_json(self.path, {"decides": self.decides, "episodes": episodes})
            self.saved = time.monotonic()


def play_all(task, options, play, unfinished):
    """Scores float64 and steps int64 of all episodes, in the order of their seeds, in which they are printed too.

    play: a worker's part, of the signature of play_environments. unfinished: knows the episodes that need no playing.
    """
    order, results, printed = _seeds(options), unfinished.results, 0
    missing = [seed for seed in order if seed not in results]
    workers = min(options.workers, len(missing))
    played = run_in_processes(functools.partial(play, task, options, workers), missing, workers)
    with tqdm(total=len(order), initial=len(order) - len(missing), unit="episode") as progress:
        while True:
            while printed < len(order) and order[printed] in results:
                score, steps = results[order[printed]]
                tqdm.write(f"episode {printed + 1}, seed {order[printed]}: {score:.1f} after {steps} frames")
                printed += 1
            if (result := next(played, None)) is None:
                break
            unfinished.add(*result)
            progress.update()
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

        world, graph, params, _ = load_dreamer(task, options)
    from worldmodels.rollout import Job

    jobs = (Job(seed, params) for seed in queue)
    for job, steps in run_dreams(world, graph, jobs, options.slots, task.max_steps):
        yield job.seed, float(steps), steps


def load(task, options, slots):
    """The Agent, its parameters and the facts about both, as the options say (worldmodels.task.load_agent)."""
    with quiet_stderr():
        from worldmodels.task import load_agent

        return load_agent(task, options.controller, slots, options.weights, options.precision, options.z)


def _seeds(options):
    return range(options.seed, options.seed + options.episodes)


def file_name(task, options, where, sha256):
    """task.where.seed<first>.<episodes>.<hash of C's parameters>[.precision].json"""
    rough = [] if options.precision == "float32" else [options.precision]
    return ".".join([task.name, where, f"seed{options.seed}", str(options.episodes), sha256[:8], *rough, "json"])
