"""CMA-ES on the parameters of C (paper, section 2.4 and A.4), played by many processes.

Each generation asks for a population, plays some episodes with every candidate and tells the strategy their mean
returns. What a population scores says little about the agent: every --eval_steps generations the *mean* of the
distribution is played on held-out seeds, and the best of those evaluations is the agent that is kept.
"""

import itertools
import sys
import time
import warnings

import numpy as np
from tqdm import tqdm

from worldmodels.controller import load_parameters
from worldmodels.data import seeds
from worldmodels.evolving.log import Log, State
from worldmodels.evolving.options import ESSENTIAL, OPTIMIZERS, check_options, episodes_at, log_name, run_facts
from worldmodels.evolving.whitening import Whitened, transform
from worldmodels.parallel import mpi, mpirun
from worldmodels.rollout import Job, run_episodes
from worldmodels.scripts.cli import UserError
from worldmodels.task import check_world_model, controller_of, load_run

WEIGHT_DECAY = 0.01  # times mean(w^2), off the fitness (the 2018 code added it, and so rewarded large weights)


def episode_player(envs, agent, max_steps):
    """The `play` of a task that runs through the rollout loop: see evolve()."""

    def play(jobs, patience, cap, share):
        for episode in run_episodes(envs[:share], agent, jobs, min(cap or max_steps, max_steps), patience):
            yield episode.job.tag, episode.score, episode.steps

    return play


def evolve_controller(options, task, make_player, essential=(), whitening=None):
    """The main() of a task's train.py: evolve its C for the V and M in options.weights. The rest is as in evolve()."""
    check_world_model(options.weights)
    name = log_name(task.name, options, default_controller=task.controller)
    num_params = controller_of(task, options.controller).num_params
    evolve(options, name, num_params, make_player, essential, whitening)


def evolve(options, name, num_params, make_player, essential=(), whitening=None):
    """Evolve C until --generations, from the checkpoint if there is one. Starts its own mpirun where it has to.

    options: of add_options(), with `controller`; name: of the log; num_params: of C.
    make_player(): called once in each worker, where heavy modules may be imported; returns (play, facts).
        play(jobs, patience, cap, share) plays an iterator of rollout.Job, each with float32 params (num_params,), and
        yields (job.tag, score, steps). cap: the most steps an episode may have, or None. share: an equal share of all
        jobs of the round; whoever starts more at once leaves other workers without any.
        facts: goes into run.json, and may not change while the run goes on: fingerprints of V and M.
    essential: names of the task's own options that may not change from one start to the next.
    whitening(start): called in rank 0 when a run begins, with the parameters that it starts at; returns the matrix of
        the coordinates that CMA-ES is to work in (worldmodels/evolving/whitening.py).
    """
    check_options(options)
    mpirun.start(options.num_worker)
    essential = (*ESSENTIAL, *essential)
    mpi.main(lambda queue: lead(queue, options, name, num_params, essential, whitening), make_player)


class Normal:
    """Standard normal numbers for cma from a generator of its own, which goes into the checkpoint with the strategy."""

    def __init__(self, seed):
        self.generator = np.random.default_rng(seed)

    def __call__(self, *shape):
        return self.generator.standard_normal(shape)


def make_strategy(start, options, matrix=None):
    """CMA-ES, from parameters `start` on: ask() for popsize vectors, tell() their costs (it minimises).

    With --seeds mirrored, vectors 2i and 2i + 1 lie opposite each other at the mean. matrix: of the coordinates to work
    in, see Whitened; the parameters themselves if not given.
    """
    import cma

    mirrored = options.seeds == "mirrored"
    settings = {
        "popsize": options.popsize,
        "CMA_diagonal": OPTIMIZERS[options.optimizer],
        "CMA_cmean": options.mean_rate,
        "AdaptSigma": not options.constant_sigma,
        "CMA_mirrors": options.popsize // 2 if mirrored else 0,
        "CMA_mirrormethod": 0,  # all of them, whatever their fitness
        "randn": Normal([options.seed, 1]),
        "seed": np.nan,  # leave numpy's global generator alone
        "verbose": -9,
        "verb_log": 0,
    }
    if matrix is None:
        return cma.CMAEvolutionStrategy(start, options.sigma_init, settings)
    start = transform(np.linalg.inv(matrix), start)
    return Whitened(cma.CMAEvolutionStrategy(start, options.sigma_init, settings), matrix)


def training_seeds(options, generation):
    """(popsize, episodes) seeds of a generation: a function of --seed and the generation alone, so that they come back
    when a generation is played again.
    """
    rng = np.random.default_rng([options.seed, 2, generation])
    popsize, episodes = options.popsize, episodes_at(options, generation)
    drawn = rng.integers(seeds.TRAINING.start, seeds.TRAINING.stop, (-(-popsize // 2), episodes))
    if options.seeds == "common":
        return np.tile(drawn[:1], (popsize, 1))
    if options.seeds == "mirrored":
        return np.repeat(drawn, 2, axis=0)[:popsize]  # candidates 2i and 2i + 1 share theirs
    return np.concatenate([drawn, drawn])[:popsize]  # candidate i and candidate i + popsize / 2 share theirs


def fitness(options, solutions, returns):
    """What the candidates are ranked by, (popsize,): their mean returns less a penalty for large weights.

    With --seeds mirrored it is how much better than its pair's mean each is: pairs are not compared by their episodes.
    """
    values = returns - WEIGHT_DECAY * np.mean(np.square(solutions), axis=1)
    if options.seeds == "mirrored":
        pairs = values.reshape(-1, 2)
        values = (pairs - pairs.mean(1, keepdims=True)).ravel()
    return values


def evaluation_due(options, state):
    """Whether to score the mean now. After the last generation always, so that even a short run leaves a best.json."""
    if state.generation == 0 or (state.evaluations and state.evaluations[-1][0] == state.generation):
        return False
    return state.generation % options.eval_steps == 0 or state.generation >= options.generations


def lead(queue, options, name, num_params, essential=ESSENTIAL, whitening=None):
    """Rank 0's part of evolve(); nobody else reads or writes the log. queue: mpi.Queue."""
    warnings.filterwarnings("ignore", module="cma")  # of plots that we do not draw
    log = Log(options.log, name)
    essential = {option: getattr(options, option) for option in essential}
    state = log.resume(essential)
    if state is None:
        start = load_parameters(options.init, num_params)[0] if options.init else np.zeros(num_params)
    say(f"{name}: {num_params} parameters, {queue.workers} workers, which are loading what they need")
    facts = queue.facts()
    if state is None:
        if options.init:
            check_start(options.init, facts)
        state = State(essential, make_strategy(start, options, whitening and whitening(start)))
        log.put_aside()  # nothing can be wrong any more, so a command that fails has moved nothing
    log.check(state, facts)
    state.starts.append({"generation": state.generation} | run_facts(options, queue.workers))
    about = {
        "controller": options.controller,
        "z": options.z,
        "num_params": num_params,
        **facts,
        "starts": state.starts,
    }
    log.save_json("run.json", about, indent=1)
    log.save(state)
    pace = Pace(options)
    while True:
        if evaluation_due(options, state):
            evaluate(queue, options, state, pace)
            log.save(state)
        if state.generation >= options.generations:
            break
        advance(queue, options, state, pace)
        log.save(state)
    say(f"done: {state.generation} generations, best evaluation {state.best[1]:.2f}: {log.folder / name}.best.json")
    queue.stop()


def check_start(path, facts):
    """UserError if the controller to start from was trained with another V or M than the workers have loaded."""
    run = load_run(path)
    if other := [part for part in ("vae", "rnn") if part in run and part in facts and run[part] != facts[part]]:
        names = " and ".join({"vae": "V", "rnn": "M"}[part] for part in other)
        raise UserError(f"{path} was trained with another {names} than --weights holds: name the folder of its own")


def advance(queue, options, state, pace):
    """One generation: ask, play, tell."""
    began, number = time.monotonic(), state.generation + 1
    solutions = state.strategy.ask()
    params = np.float32(solutions)  # (popsize, P)
    seed_table = training_seeds(options, number)  # (popsize, episodes)
    jobs = [(seed_table[i, k], params[i]) for i, k in np.ndindex(seed_table.shape)]
    cap = int(2 * state.history[-1][7]) if options.cap_time and state.history else None
    label = f"generation {number}/{options.generations}"
    scores, steps = play(queue, jobs, label, patience=options.patience, cap=cap)
    returns = scores.reshape(seed_table.shape).mean(1)  # (popsize,)
    state.strategy.tell(solutions, list(-fitness(options, solutions, returns)))

    state.means = [*state.means, state.strategy.mean.copy()][-options.average :]

    seconds = time.monotonic() - began
    state.generation, state.seconds = number, state.seconds + seconds
    rms = float(np.sqrt(np.mean(np.square(state.strategy.result.stds))))
    mean, low, high, std = (float(f(returns)) for f in (np.mean, np.min, np.max, np.std))
    row = (number, round(state.seconds, 1), mean, low, high, std, rms, float(steps.mean()) + 1, int(steps.max()) + 1)
    state.history.append(row)
    pace.add(len(jobs), seconds)
    say(
        f"{label}: mean {mean:.1f}, max {high:.1f}, std {std:.1f}, sigma {rms:.4f}, "
        f"{steps.sum() / seconds:,.0f} frames/s, {seconds:.1f} s, ETA {pace.eta(state)}"
    )


def evaluate(queue, options, state, pace):
    """Score the mean of the distribution on held-out seeds, the same each time; keep it if it is the best so far.

    With --average it is the average of the last generations' means.
    """
    began, mean = time.monotonic(), np.mean(state.means, axis=0)
    jobs = [(seed, np.float32(mean)) for seed in itertools.islice(seeds.EVALUATION, options.eval_episodes)]
    scores, steps = play(queue, jobs, f"evaluation at generation {state.generation}", patience=0, cap=None)
    score = float(scores.mean())
    before = state.history[0][2] if state.best is None else state.best[1]  # as in 2018, first against generation 1
    if state.best is None or score > state.best[1]:
        state.best = [mean.tolist(), score]
    seconds = time.monotonic() - began
    state.seconds += seconds
    pace.add(len(jobs), seconds)
    row = (
        "improvement",
        score - before,
        "curr",
        score,
        "prev",
        before,
        "best",
        state.best[1],
        "std",
        float(scores.std()),
    )
    state.evaluations.append((state.generation, round(state.seconds, 1), *row))
    say(
        f"evaluation of the mean at generation {state.generation}: {score:.1f} +- {scores.std():.1f} over {len(jobs)} "
        f"held-out episodes, best {state.best[1]:.1f}, {steps.sum() / seconds:,.0f} frames/s, {seconds:.1f} s"
    )


def play(queue, pairs, label, **settings):
    """Have every (seed, params) played. Returns scores float64 and steps int64, each in the order of the pairs."""
    scores, steps = np.full(len(pairs), np.nan), np.zeros(len(pairs), np.int64)
    jobs = [Job(int(seed), params, index) for index, (seed, params) in enumerate(pairs)]
    bar = tqdm(total=len(jobs), desc=label, unit="episode", leave=False, mininterval=1, disable=not mpirun.terminal())
    with bar:
        for index, score, length in queue.run(jobs, share=-(-len(jobs) // queue.workers), **settings):
            scores[index], steps[index] = score, length
            bar.update()
    if not np.isfinite(scores).all():
        raise UserError(f"{label}: an episode's score is not a number; check the weights of V and M")
    return scores, steps


class Pace:
    """How long it will still take, from the seconds an episode took lately."""

    def __init__(self, options):
        self.options, self.seconds_per_episode = options, None

    def add(self, episodes, seconds):
        new = seconds / episodes
        old = self.seconds_per_episode or new
        self.seconds_per_episode = 0.7 * old + 0.3 * new

    def eta(self, state):
        options = self.options
        left = range(state.generation + 1, options.generations + 1)
        episodes = sum(options.popsize * episodes_at(options, generation) for generation in left)
        evaluations = -(-options.generations // options.eval_steps) - state.generation // options.eval_steps
        seconds = int((episodes + evaluations * options.eval_episodes) * self.seconds_per_episode)
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def say(line):
    tqdm.write(line)
    sys.stdout.flush()
