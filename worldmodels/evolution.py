"""The evolution of C (paper, section 2.4 and A.4), played by many processes.

Each generation asks a strategy for a population, plays some episodes with every candidate and tells the strategy their
mean returns. What a population scores says little about the agent: every `eval_steps` generations the *mean* of the
distribution is played on held-out seeds, and the best of those evaluations is the agent that is kept.
"""

import itertools
import time
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from worldmodels.data import seeds
from worldmodels.evolving.log import Log
from worldmodels.evolving.pace import Pace
from worldmodels.evolving.state import Evaluation, Generation, State, strategy_state
from worldmodels.files.provenance import origin
from worldmodels.parallel import mpi, mpirun, ranks
from worldmodels.rollout import Job, run_episodes
from worldmodels.scripts.cli import UserError
from worldmodels.scripts.progress import FrameProgress, say

PAIRINGS = ("antithetic", "common", "mirrored")
WEIGHT_DECAY = 0.01  # times mean(w^2), off the fitness (the 2018 code added it, and so rewarded large weights)


class Strategy(Protocol):
    """An optimizer of flat parameter vectors (P,). evolving.strategy.CMAES is one.

    It may also have begin(), called once before the first generation, and sigma, a float for the log. Everything that
    its next ask() depends on has to be in its attributes, or in the dict that its own __getstate__ gives and its
    __setstate__ takes: that goes into the checkpoint, which can hold what files/plain.py lists.
    """

    mean: np.ndarray  # (P,), what it takes for the best so far: the agent

    def ask(self):
        """The candidates of a generation: a list of (P,) vectors, the same number each time."""

    def tell(self, solutions, costs):
        """solutions: those of the last ask(); costs: a list of floats, the lower the better."""


@dataclass(frozen=True)
class Plan:
    """How an evolution proceeds. Defaults are the 2018 code's (paper, A.4, but for what is evaluated)."""

    generations: int = 1800  # in all
    num_episode: tuple = ((1, 16),)  # (generation, episodes a candidate from then on), ...
    pairing: str = "antithetic"  # which candidates play the same episodes: one of PAIRINGS
    seed: int = 0  # of the episodes' seeds
    patience: int = 0  # of training episodes; see Job. Evaluations are always played to the end
    eval_steps: int = 25  # generations between evaluations of the mean
    eval_episodes: int = 1024
    average: int = 1  # the mean that is evaluated is that of so many last generations

    def __post_init__(self):
        if self.pairing not in PAIRINGS:
            raise ValueError(f"{self.pairing!r} is no pairing: choose one of {', '.join(PAIRINGS)}")

    def episodes(self, generation):
        """How many episodes a candidate plays in a generation."""
        return [episodes for first, episodes in self.num_episode if first <= generation][-1]


def evolve(name, strategy, plan, make_player, *, log="log", workers=1, about=None, options=None, essential=()):
    """Evolve until plan.generations, from the checkpoint if there is one. Starts its own mpirun where it has to.

    Call it at the end of a script: the script runs once in every rank, and what follows decides no exit code.
    name: of the log's files in the folder `log`. strategy: a Strategy, as it is before its first generation.
    workers: how many processes play, or on which hosts (parallel.hosts.number_or_hosts).
    make_player(): called once in each worker, where heavy modules may be imported; returns (play, facts), see `player`.
        facts goes into run.json, and may not change while the run goes on: fingerprints of V and M.
    about: a dict for run.json, and options, another one, for what it says of this start. essential: names of options
        that may not change from one start to the next.
    """
    mpirun.start(workers)
    about, options = about or {}, options or {}
    fixed = {f"--{option}": options[option] for option in essential}
    mpi.main(lambda queue: lead(queue, Log(log, name), strategy, plan, about, options, fixed), make_player)


def player(world):
    """The `play` of a worker: plays a Share of Jobs in a world, and yields (job.tag, score, steps)."""

    def play(jobs):
        for episode in run_episodes(world, jobs, jobs.advanced):
            yield episode.job.tag, episode.score, episode.steps

    return play


def lead(queue, log, strategy, plan, about, options, essential):
    """Rank 0's part: resume or begin, then advance and evaluate until done. Nobody else reads or writes the log."""
    essential = essential | {"strategy": strategy_name(strategy), "number of parameters": len(strategy.mean)}
    state = log.resume(strategy, essential)
    say(f"{log.name}: {len(strategy.mean)} parameters; workers: {queue.workers}; loading what they need")
    facts = queue.facts()
    if state is None:
        state = begin(strategy, essential)
        log.put_aside()  # nothing can be wrong any more, so a command that fails has moved nothing
    log.check(state, facts)
    start = {"generation": state.generation, **origin(), "options": options, "workers": queue.workers}
    state.starts.append(start)
    log.save_json("run.json", {**about, "num_params": len(strategy.mean), **facts, "starts": state.starts}, indent=1)
    log.save(state)
    pace = Pace(plan)
    while True:
        if evaluation_due(plan, state):
            evaluate(queue, plan, state, pace)
            log.save(state)
        done = state.generation >= plan.generations
        log.draw(state, plan.generations, now=done)
        if done:
            break
        advance(queue, plan, state, pace)
        log.save(state)
    say(f"done: {state.generation} generations, best evaluation {state.best[1]:.2f}: {log.folder / log.name}.best.json")
    queue.stop()


def strategy_name(strategy):
    """What a checkpoint calls it: its `name`, which stays when its class is renamed; without one, that of its class."""
    return getattr(strategy, "name", type(strategy).__name__)


def begin(strategy, essential):
    """The State of a new run."""
    if hasattr(strategy, "begin"):
        strategy.begin()
    strategy_state(strategy)  # a UserError if a checkpoint cannot hold it
    return State(essential, strategy)


def evaluation_due(plan, state):
    """Whether to score the mean now. After the last generation always, so that even a short run leaves a best.json."""
    if state.generation == 0 or (state.evaluations and state.evaluations[-1].generation == state.generation):
        return False
    return state.generation % plan.eval_steps == 0 or state.generation >= plan.generations


def advance(queue, plan, state, pace):
    """One generation: ask, play, tell."""
    began, number = time.monotonic(), state.generation + 1
    solutions = state.strategy.ask()
    params = np.float32(solutions)  # (popsize, P)
    seed_table = training_seeds(plan, number, len(solutions))  # (popsize, episodes)
    jobs = [(seed_table[i, k], params[i]) for i, k in np.ndindex(seed_table.shape)]
    label = f"generation {number}/{plan.generations}"
    scores, steps = play(queue, jobs, label, state, plan.patience)
    returns = scores.reshape(seed_table.shape).mean(1)  # (popsize,)
    state.strategy.tell(solutions, list(-fitness(plan, solutions, returns)))

    state.means = [*state.means, state.strategy.mean.copy()][-plan.average :]

    seconds = time.monotonic() - began
    state.seconds += seconds
    sigma = float(getattr(state.strategy, "sigma", np.sqrt(np.mean(np.var(solutions, axis=0)))))
    mean, low, high, std = (float(f(returns)) for f in (np.mean, np.min, np.max, np.std))
    row = number, round(state.seconds, 1), mean, low, high, std, sigma, float(steps.mean()), int(steps.max())
    state.history.append(Generation(*row))
    pace.add("generation", len(jobs), seconds)
    say(
        f"{label}: mean {mean:.1f}, max {high:.1f}, std {std:.1f}, sigma {sigma:.4f}, "
        f"{steps.sum() / seconds:,.0f} frames/s, {seconds:.1f} s, ETA {pace.eta(state, len(solutions))}"
    )


def training_seeds(plan, generation, popsize):
    """(popsize, episodes) seeds of a generation: a function of plan.seed and the generation alone, so that they come
    back when a generation is played again.
    """
    rng = np.random.default_rng([plan.seed, 2, generation])
    episodes = plan.episodes(generation)
    drawn = rng.integers(seeds.TRAINING.start, seeds.TRAINING.stop, (-(-popsize // 2), episodes))
    if plan.pairing == "common":
        return np.tile(drawn[:1], (popsize, 1))
    if plan.pairing == "mirrored":
        return np.repeat(drawn, 2, axis=0)[:popsize]  # candidates 2i and 2i + 1 share theirs
    return np.concatenate([drawn, drawn])[:popsize]  # candidate i and candidate i + popsize / 2 share theirs


def fitness(plan, solutions, returns):
    """What the candidates are ranked by, (popsize,): their mean returns less a penalty for large weights.

    With mirrored pairs it is how much better than its pair's mean each is: pairs are not compared by their episodes.
    """
    values = returns - WEIGHT_DECAY * np.mean(np.square(solutions), axis=1)
    if plan.pairing == "mirrored":
        pairs = values.reshape(-1, 2)
        values = (pairs - pairs.mean(1, keepdims=True)).ravel()
    return values


def evaluate(queue, plan, state, pace):
    """Score the mean of the distribution on held-out seeds, the same each time; keep it if it is the best so far."""
    began, mean = time.monotonic(), np.mean(state.means[-plan.average :], axis=0)
    jobs = [(seed, np.float32(mean)) for seed in itertools.islice(seeds.EVALUATION, plan.eval_episodes)]
    scores, steps = play(queue, jobs, f"evaluation at generation {state.generation}", state)
    score, std = float(scores.mean()), float(scores.std())
    before = state.history[0].mean if state.best is None else state.best[1]
    if state.best is None or score > state.best[1]:
        state.best = (mean.tolist(), score)
    seconds = time.monotonic() - began
    state.seconds += seconds
    pace.add("evaluation", len(jobs), seconds)
    row = state.generation, round(state.seconds, 1), score, std, before, state.best[1]
    state.evaluations.append(Evaluation(*row))
    say(
        f"evaluation of the mean at generation {state.generation}: {score:.1f} +- {std:.1f} over {len(jobs)} "
        f"held-out episodes, best {state.best[1]:.1f}, {steps.sum() / seconds:,.0f} frames/s, {seconds:.1f} s"
    )
    if std == 0 and len(jobs) > 1:
        say("they all score the same: C can do all that counts, or nothing that it does counts (as if no dream ended)")


def play(queue, pairs, label, state, patience=0):
    """Have every (seed, params) played. Returns scores float64 and steps int64, each in the order of the pairs."""
    scores, steps = np.full(len(pairs), np.nan), np.zeros(len(pairs), np.int64)
    jobs = [Job(int(seed), params, index, patience) for index, (seed, params) in enumerate(pairs)]
    expected = round(state.history[-1].mean_steps) if state.history else None  # frames, as in the last generation
    with FrameProgress(label, len(jobs), expected, bar=ranks.terminal(), leave=False) as progress:
        for index, score, length in queue.run(jobs, progress.advanced):
            scores[index], steps[index] = score, length
            progress.ended(length)
    if not np.isfinite(scores).all():
        raise UserError(f"{label}: an episode's score is not a number; check the weights of V and M")
    return scores, steps
