"""How well a generation of the car's evolution spreads over up to 1,024 workers, and what rank 0 can serve.

    python benchmarks/scale.py messages     # rank 0's time: real ranks, whose players answer at once
    python benchmarks/scale.py generation   # a small generation, really played by 2 workers
    python benchmarks/scale.py steps        # what a step of n episodes costs: in batches that shrink, and in full ones
    python benchmarks/scale.py simulate     # that generation on a virtual clock, then large ones on 16 to 1,024 workers

virtual_ranks.py says what is real in the simulation. A message takes what `messages` measured, a network's own time
left out; a step takes what `steps` measured; an episode is as long as one that was recorded. Times are CPU seconds, so
other work on the machine changes them less.
"""

import os
import tempfile
import time

import numpy as np
from backends import RESULTS
from virtual_ranks import NOBODY, simulate

from worldmodels.controller import load_parameters, parameters_fingerprint
from worldmodels.data.seeds import TEST
from worldmodels.evolution import Plan, advance, begin, play, player, training_seeds
from worldmodels.evolving.log import Log
from worldmodels.evolving.pace import Pace
from worldmodels.evolving.strategy import CMAES
from worldmodels.files.provenance import origin
from worldmodels.files.reading import load_json
from worldmodels.files.writing import save_json
from worldmodels.parallel import mpi, mpirun
from worldmodels.parallel.threads import limit_threads
from worldmodels.rollout import Job
from worldmodels.scripts.cli import Parser, run

PARAMETERS = 867  # of the car's C
SLOTS = 32  # of a worker
SIZES = (1, 2, 4, 6, 8, 12, 16, 24, 32)  # episodes under way


class Counted:
    """A communicator that counts rank 0's messages, in and out, and the CPU seconds that it looks for one in vain."""

    def __init__(self, comm):
        self.comm, self.size, self.messages, self.waited, self.in_vain = comm, comm.size, 0, 0.0, None

    def iprobe(self, *what):
        now = time.process_time()
        if self.in_vain:
            self.waited += now - self.in_vain
        found = self.comm.iprobe(*what)
        self.in_vain = None if found else now
        return found

    def send(self, *message):
        self.messages += 1
        self.comm.send(*message)

    def recv(self, **source):
        self.messages += 1
        return self.comm.recv(**source)


def measure_messages(queue):
    """CPU seconds of rank 0 for a message, and from one generation to the next."""
    queue.facts()
    queue.comm = Counted(queue.comm)
    episodes = [(seed, np.zeros(PARAMETERS, np.float32)) for seed in range(64 * 16 * 4)]
    start = time.process_time()
    play(queue, episodes, "messages", NOBODY)
    seconds, messages = time.process_time() - start - queue.comm.waited, queue.comm.messages
    queue.stop()
    found = {"workers": queue.workers, "episodes": len(episodes), "messages": messages}
    found |= {"seconds": seconds / messages, "per_second": messages / seconds}
    save("messages", found | {"between_generations": {popsize: measure_between(popsize) for popsize in (64, 256)}})


def answer_at_once():
    """The make_player of measure_messages."""
    return lambda jobs: ((job.tag, 0.0, 900) for job in jobs), {}


class Answers:
    """A queue that costs nothing."""

    def run(self, jobs, advanced):
        return (
            (job.tag, score, 900) for job, score in zip(jobs, np.random.default_rng(0).random(len(jobs)), strict=True)
        )


def measure_between(popsize, generations=5):
    """CPU seconds of rank 0 from one generation to the next: ask, tell, and the checkpoint."""
    plan, strategy = Plan(), CMAES(np.zeros(PARAMETERS), 0.1, popsize, seed=1)
    with tempfile.TemporaryDirectory() as folder:
        log, state, pace = Log(folder, "scale"), begin(strategy, {}), Pace(plan)
        start = time.process_time()
        for _ in range(generations):
            advance(Answers(), plan, state, pace)
            log.save(state)
        return (time.process_time() - start) / generations


def make_car():
    """The make_player of measure_generation: sends with each result the steps and frames of its batches so far."""
    from mpi4py import MPI

    world, facts = car()
    steps, advance_world = 0, world.advance

    def count():
        nonlocal steps
        steps += 1
        return advance_world()

    world.advance = count
    return lambda jobs: ((*result, MPI.COMM_WORLD.rank, steps, world.played) for result in player(world)(jobs)), facts


def car():
    from carracing.task import CARRACING
    from worldmodels.training.train_controller import training_world

    return training_world(CARRACING, CARRACING.folder / "pretrained", slots=SLOTS)


def measure_generation(queue, popsize=64, episodes=2, patience=100):
    """A first generation like that of step 5 in recipes/laptop.sh, but with the shipped V and M, a drawn z and float32:
    its episodes' lengths, and the steps of the batches.
    """
    queue.facts()
    candidates = np.float32(CMAES(np.zeros(PARAMETERS), 0.1, popsize, seed=1).ask())
    seeds = training_seeds(Plan(num_episode=((1, episodes),), pairing="common", seed=1), 1, popsize)
    jobs = [Job(int(seeds[i, k]), candidates[i], i * episodes + k, patience) for i, k in np.ndindex(seeds.shape)]
    lengths, workers = [0] * len(jobs), {}
    for tag, _, length, rank, *counts in queue.run(jobs, lambda frames: None):
        lengths[tag], workers[rank] = length, counts
    queue.stop()
    steps, frames = zip(*workers.values(), strict=True)
    found = {"popsize": popsize, "episodes": episodes, "patience": patience, "slots": SLOTS, "lengths": lengths}
    save("generation", found | {"batch_steps_of_workers": steps, "frames_of_workers": frames})


def measure_steps(repeats=4, steps=20):
    """CPU seconds of a step of n episodes, by how batches are made, and of a reset: the least of some measurements."""
    from carracing.task import CARRACING

    (world, _), (params, _) = car(), load_parameters(CARRACING.shipped, PARAMETERS)
    world.start(0, Job(0, np.float32(params)))  # loads the compiled renderer
    shrinking = [world.agent.programs.of(n)[0] for n in range(1, SLOTS + 1)]
    resets, cost = [], {"shrinking": {}, "full": {}}
    for n in SIZES * repeats:
        world.playing.clear()
        start = time.process_time()
        for slot in range(n):
            world.start(slot, Job(slot, np.float32(params)))
        resets.append((time.process_time() - start) / n)
        for kind, rows in (("shrinking", shrinking), ("full", shrinking[-1:] * SLOTS)):
            world.agent.programs.rows = dict(enumerate(rows, 1))
            world.advance()
            start = time.process_time()
            for _ in range(steps):
                world.advance()
            cost[kind][n] = min(cost[kind].get(n, np.inf), (time.process_time() - start) / steps)
    save("steps", {"rows": shrinking, "step": cost, "reset": min(resets)})


def shipped_lengths():
    """Of the 100 episodes over which the shipped agent was scored."""
    from carracing.task import CARRACING

    params, _ = load_parameters(CARRACING.shipped, PARAMETERS)
    (path,) = RESULTS.glob(f"carracing.ours.seed{TEST.start}.100.{parameters_fingerprint(params)[:8]}.json")
    return load_json(path, "the agent's result")["steps"]


def populations(recorded):
    """{name: episodes' lengths by candidate, of 64 and of 256}: drawn from those that were recorded, 16 a candidate."""
    rng, shipped = np.random.default_rng(0), np.array(shipped_lengths())
    young = np.reshape(recorded["lengths"], (-1, recorded["episodes"]))
    for popsize in (256, 64):
        candidates = young[rng.permutation(popsize) % len(young)]
        yield "young", popsize, rng.permuted(np.repeat(candidates, 8, axis=1), axis=1)
        grown = rng.choice(shipped, (popsize, 16))
        yield "trained", popsize, grown
    long = rng.random(grown.shape) < 0.01
    yield "trained, 1 % of them 3 times as long", popsize, np.where(long, 3 * grown, grown)


def simulate_all():
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # threads that take turns do so fastest on one core
    data = load_json(RESULTS / "scale.json", "what the other parts have measured")
    recorded, costs, messages = data["generation"], data["steps"], data["messages"]
    kinds = {kind: np.interp(np.arange(SLOTS + 1), SIZES, list(cost.values())) for kind, cost in costs["step"].items()}
    for cost in kinds.values():
        cost[SLOTS] = min(cost[SLOTS] for cost in kinds.values())  # the same batch
    common = {"slots": SLOTS, "reset": costs["reset"], "message": messages["seconds"]}
    two = {"real": recorded["batch_steps_of_workers"], "simulated": {}}
    for speed in (0.8, 0.9, 1, 1.1, 1.25):  # of the first worker: on a machine with other work no two are equally fast
        played = simulate(recorded["lengths"], 2, kinds["full"].item, first=speed, **common)
        two["simulated"][speed] = played["batch_steps"]
    print("steps of the batch of 2 workers:", two)
    rows = []
    for name, popsize, lengths in populations(recorded):
        between = messages["between_generations"][str(popsize)]
        for workers in (16, 64, 256, 1024):
            for kind, cost in kinds.items():
                row = simulate(lengths.ravel().tolist(), workers, cost.item, between=between, **common)
                del row["batch_steps"]
                rows.append({"lengths": name, "popsize": popsize, "workers": workers, "batches": kind, **row})
                print(
                    *(f"{value:.3f}" if isinstance(value, float) else value for value in rows[-1].values()), flush=True
                )
    save("simulate", {"two_workers": two, "generations": rows})


def save(part, content):
    """Put a part into results/scale.json, and leave the others as they are."""
    path = RESULTS / "scale.json"
    before = load_json(path, "the other parts") if path.exists() else {}
    save_json(path, before | {part: {**origin(), **content}}, indent=1)


def main():
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=("messages", "generation", "steps", "simulate"))
    part = parser.parse_args().part
    if part == "messages":
        mpirun.start(1)  # a core for each of the two: with more ranks than cores, they wait for one another
        mpi.main(measure_messages, answer_at_once)
    elif part == "generation":
        mpirun.start(2)
        mpi.main(measure_generation, make_car)
    else:
        limit_threads()
        {"steps": measure_steps, "simulate": simulate_all}[part]()


if __name__ == "__main__":
    run(main)
