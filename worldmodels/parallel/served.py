"""Environments in processes of their own, served by one agent: for a GPU, which wants large batches."""

import contextlib
import multiprocessing
from multiprocessing.connection import wait

import numpy as np

from worldmodels.data.episodes import FRAME
from worldmodels.parallel.workers import deaf_to_ctrl_c
from worldmodels.rollout import Playing
from worldmodels.scripts.cli import UserError, explain


class ServedEnvironments:
    """A rollout.World like rollout.Environments, whose environments step at the same time.

    make_env(): an environment; picklable. slots: of all processes together. agent, max_steps: as of Environments.
    Nothing is recorded, and nobody watches.

    The agent acts for those slots whose observation has come, as soon as they are half of all that play. So it computes
    while the processes step, and an environment that takes its time to reset keeps nobody waiting. Observations come
    through memory that all share, all else through pipes.
    UserError if an environment fails, or its process dies.
    """

    def __init__(self, make_env, agent, slots, max_steps, processes):
        self.agent, self.slots, self.max_steps = agent, slots, max_steps
        self.playing, self.played = {}, 0  # slot -> Playing
        self.ready, self.actions = set(), {}  # slots to act for; slot -> the action that it is taking
        context = multiprocessing.get_context("spawn")
        memory = context.RawArray("B", slots * int(np.prod(FRAME)))
        self.observations = _as_frames(memory)
        self.pipes = []
        with deaf_to_ctrl_c():  # the processes stay so: they end with us
            for first in range(min(processes, slots)):
                pipe, theirs = context.Pipe()
                arguments = make_env, range(first, slots, processes), memory, theirs
                context.Process(target=_serve, args=arguments, daemon=True).start()
                theirs.close()
                self.pipes.append(pipe)

    def start(self, slot, job):
        self.playing[slot] = Playing(job, self.max_steps)
        self.agent.start(slot, job)
        _send(self.pipes[slot % len(self.pipes)], [(slot, job.seed)])

    def advance(self):
        """By a step of at least half of the episodes."""
        ended = []
        while 2 * len(self.ready) < len(self.playing):
            for pipe in wait(self.pipes):
                for slot, *result in _answers(pipe):
                    if episode := self._stepped(slot, result):
                        ended.append((slot, episode))
        if self.ready:
            self._act(np.array(sorted(self.ready)))
        return ended

    def _act(self, slots):
        self.ready.clear()
        self.played += len(slots)
        self.actions |= zip(slots.tolist(), self.agent.act(slots, self.observations[slots]), strict=True)
        for number, pipe in enumerate(self.pipes):
            if theirs := slots[slots % len(self.pipes) == number].tolist():
                _send(pipe, [(slot, self.actions[slot]) for slot in theirs])

    def _stepped(self, slot, result):
        """Take the result of a step, or [] of a reset. Returns the Episode if it has ended with it, else None."""
        if result and (episode := self.playing[slot].add(self.actions[slot], self.observations[slot], *result)):
            del self.playing[slot]
            return episode
        self.ready.add(slot)
        return None


def _send(pipe, message):
    try:
        pipe.send(message)
    except OSError:  # the process has ended: its last words, if any, are in the pipe
        while True:
            _answers(pipe)


def _answers(pipe):
    """What a process has to say next. UserError if it failed or is gone."""
    try:
        answers = pipe.recv()
    except (EOFError, OSError):
        raise UserError("an environment's process died, perhaps out of memory: run the same command again") from None
    if isinstance(answers, str):
        raise UserError(f"an environment failed: {answers}")
    return answers


def _as_frames(memory):
    return np.frombuffer(memory, np.uint8).reshape(-1, *FRAME)


def _serve(make_env, slots, memory, pipe):
    """A process's part: take steps with actions and reset with seeds, until the other end of the pipe is closed."""
    observations = _as_frames(memory)
    try:
        envs = {slot: make_env() for slot in slots}
        while True:
            answers = []
            for slot, what in pipe.recv():
                if isinstance(what, np.ndarray):
                    observations[slot], *result = envs[slot].step(what)
                else:
                    (observations[slot], _), result = envs[slot].reset(seed=what), []
                answers.append((slot, *result))
            pipe.send(answers)
    except (EOFError, ConnectionError):
        pass
    except Exception as error:
        with contextlib.suppress(OSError):
            pipe.send(explain(error))
