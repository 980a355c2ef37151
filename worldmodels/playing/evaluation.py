"""Scoring an agent: many episodes on seeds it never trained on, over all cores, with everything noted in a JSON."""

import contextlib
import functools
import os
import time
from pathlib import Path

import numpy as np

from worldmodels.computing.device import note, use
from worldmodels.data.starts import starts_facts
from worldmodels.files import provenance
from worldmodels.files.reading import load_json
from worldmodels.files.writing import make_folder, save_json
from worldmodels.parallel.shards import WHOLE, part_of
from worldmodels.parallel.share import even_share
from worldmodels.parallel.threads import limit_threads
from worldmodels.parallel.workers import run_in_processes
from worldmodels.playing.loading import find_agent
from worldmodels.rollout import Job, run_episodes
from worldmodels.scripts.cli import UserError
from worldmodels.scripts.progress import FrameProgress, say

SAVE_SECONDS = 1  # so much work is lost at most when a run is killed


def evaluate(
    task,
    controller,
    where,
    *,
    dream,
    episodes,
    seed,
    workers,
    slots,
    results,
    shard=WHOLE,
    weights=None,
    precision="float32",
    device="cpu",
    z=None,
    temperature=None,
):
    """Play episodes without showing them; print each score, their mean and standard deviation.

    controller: a file of parameters of C. where: names what the agent sees, in the JSON and its name. dream: whether
    it plays in its dream. The episodes' seeds are `seed` and those that follow. `workers` processes play `slots` of
    them at a time each, or fewer where there is less to play; scores are those of `slots`. results: folder of the JSON
    with all scores. shard: which of the episodes are this process's (shards.py). weights, precision, z, temperature: as
    in load_world. device: with "gpu", this process plays `slots` episodes, whose environments are in the `workers`.
    Returns the path of the JSON; of a shard there is none yet: None.
    """
    limit_threads()
    use(device)
    numbers = part_of(range(seed, seed + episodes), shard)
    make_folder(results)
    found = find_agent(task, controller, weights)  # wrong files are found before any process starts
    if dream:
        temperature = temperature or found.temperature
        where = f"{where}{temperature:g}"
        facts = found.facts | {"temperature": temperature} | starts_facts(found.folder)
    else:
        facts = found.facts | {"precision": precision, "z": z or found.z}
    facts |= note(device)
    path = Path(results) / file_name(task, where, seed, episodes, facts, z)
    decides = {"task": task.name, "world": where, **facts, "slots": slots, "versions": provenance.versions()}
    unfinished = Unfinished(path, shard, decides)
    known = [steps for _, steps in unfinished.results.values()]
    players = 1 if device == "gpu" else min(workers, len(numbers))
    print(f"V and M of {found.folder} play, in {players} {'process' if players == 1 else 'processes'}")
    start = time.monotonic()
    jobs = [Job(number, found.params) for number in numbers]
    world = {"dream": dream, "weights": weights, "precision": precision, "z": z, "temperature": temperature}
    if device == "gpu":
        world["processes"] = workers
    busy = min(slots, even_share(len(jobs), players))
    work = functools.partial(score_jobs, task, controller, busy, world | {"like": slots})
    scores, steps = score_all(jobs, work, 0 if device == "gpu" else workers, unfinished, task.max_steps)
    if shard != WHOLE:
        return unfinished.save()
    seconds = time.monotonic() - start
    mean, std = float(scores.mean()), float(scores.std())  # of the population, as in the 2018 code
    print(f"average_reward {mean:.2f} stdev {std:.2f}", flush=True)
    if dream and (steps == task.max_steps).all():
        print(f"no dream has ended before step {task.max_steps}: this M may not know how episodes end")
    data = {
        **decides,
        "episodes": len(scores),
        "mean": mean,
        "std": std,
        "workers": workers,
        "episodes_before": len(known),  # that a killed run had scored; the times are of the others
        "wall_seconds": round(seconds, 1),
        "frames_per_second": round((float(steps.sum()) - sum(known)) / seconds, 1),
        **provenance.origin(),
        "seeds": [job.seed for job in jobs],
        "scores": scores.tolist(),
        "steps": steps.tolist(),
    }
    save_json(path, data, indent=1)
    unfinished.remove()
    print(f"wrote {path}")
    return path


class Unfinished:
    """The episodes that a killed run has scored, in a file beside its result: the same command goes on after them.

    path: of the result. shard: each has a file of its own; the whole goes on after all of them. decides: all that
    scores depend on. A file that was made with anything else, or is damaged, does not count.
    """

    def __init__(self, path, shard, decides):
        part = "" if shard == WHOLE else f".{shard.start + 1}_of_{shard.step}"
        self.path = path.with_suffix(f"{part}.unfinished")
        self.decides, self.results = decides, {}  # {seed: (score, steps)}
        self.known, self.saved = 0, time.monotonic()  # how many results are in the file, and since when
        self.shards = []  # the files of shards that count
        if self.path.exists():
            self._read(self.path)
        if not part:
            of_shards = sorted(path.parent.glob(f"{path.stem}.[0-9]*_of_*.unfinished"))  # not .bfloat16.1_of_2
            self.shards = [file for file in of_shards if self._read(file)]
        if self.results:
            self.known = len(self.results)
            print(f"going on after {len(self.results)} episodes that an earlier run has scored")

    def _read(self, file):
        """Take over what a file holds. Returns whether it counts."""
        with contextlib.suppress(UserError, KeyError, TypeError, ValueError):
            data = load_json(file, "what an earlier run has scored", dict)
            if data["decides"] == self.decides:
                self.results |= {seed: (float(score), int(steps)) for seed, score, steps in data["episodes"]}
                return True
        print(f"{file} does not count: it is damaged, or was made with other options or versions")
        return False

    def add(self, seed, score, steps):
        self.results[seed] = score, steps
        self.save_now_and_then()

    def save_now_and_then(self):
        """Many episodes may end at once, and then none for long: so call it also when none has."""
        if len(self.results) > self.known and time.monotonic() - self.saved > SAVE_SECONDS:
            self.save()

    def save(self):
        episodes = [(seed, *result) for seed, result in self.results.items()]
        save_json(self.path, {"decides": self.decides, "episodes": episodes})
        self.known, self.saved = len(self.results), time.monotonic()

    def remove(self):
        for file in [self.path, *self.shards]:
            file.unlink(missing_ok=True)


def score_all(jobs, work, workers, unfinished, longest):
    """Scores float64 and steps int64 of all jobs, in their order, in which they are printed too.

    work, workers: as of run_in_processes; a worker's part is score_jobs. unfinished: knows the seeds that need no
        playing. longest: the most frames that an episode may have.
    """
    results, printed = unfinished.results, 0
    missing = [job for job in jobs if job.seed not in results]
    with FrameProgress("playing", len(missing), longest) as progress:

        def advanced(frames):
            progress.advanced(frames)
            unfinished.save_now_and_then()

        played = run_in_processes(work, missing, min(workers, len(missing)), advanced)
        while True:
            while printed < len(jobs) and jobs[printed].seed in results:
                score, steps = results[jobs[printed].seed]
                say(f"episode {printed + 1}, seed {jobs[printed].seed}: {score:.1f} after {steps} frames")
                printed += 1
            if (result := next(played, None)) is None:
                break
            unfinished.add(*result)
            progress.ended(result[2])
    scores, steps = zip(*(results[job.seed] for job in jobs), strict=True)
    return np.array(scores, np.float64), np.array(steps, np.int64)


def score_jobs(task, controller, slots, world, jobs):
    """A worker's part: play the jobs of the queue, yield (seed, score, steps). world: arguments of load_world."""
    from worldmodels.playing.worlds import load_world

    world, _ = load_world(task, controller, slots, **world)
    for episode in run_episodes(world, jobs, jobs.advanced):
        yield episode.job.seed, float(episode.score), episode.steps


def file_name(task, where, seed, episodes, facts, z):
    """task.where.seed<first>.<episodes>.<hash of C>[.backend][.precision][.device][.z].json: the unusual is named."""
    how = os.environ.get("KERAS_BACKEND"), facts.get("precision"), facts.get("device"), z
    unusual = [name for name in how if name not in (None, "float32", "tensorflow")]
    return ".".join([task.name, where, f"seed{seed}", str(episodes), facts["parameters_sha256"][:8], *unusual, "json"])
