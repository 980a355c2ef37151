"""A game that dies or hangs is replaced, and nobody notices; and nothing is left of a game, in whatever way it ends."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from doom import episode, processes, same, shared_memory, some_actions
from scripts import ENVIRONMENT, TIMEOUT, wait_for

import doomrnn.process
from doomrnn.env import DoomTakeCover
from worldmodels.parallel.processes import alive
from worldmodels.scripts.cli import UserError

SEED, ACTIONS = 2, some_actions(2, 80)
DEATHS = pytest.mark.parametrize(
    ("program", "number"),
    [
        ("vizdoom", signal.SIGKILL),
        ("vizdoom", signal.SIGTERM),
        ("vizdoom", signal.SIGSTOP),
        ("game.py", signal.SIGKILL),  # as the kernel does where memory is short
    ],
)


@pytest.fixture(scope="module")
def undisturbed():
    return episode(DoomTakeCover(), SEED, ACTIONS)


def hit(program, number=signal.SIGKILL, parent=None):
    """Send a signal to the running games' processes. Returns their numbers."""
    found = list(processes(program, parent))
    for pid in found:
        os.kill(pid, number)
    return found


def gone(pids):
    return not any(map(alive, pids))


@pytest.fixture
def impatient(monkeypatch):
    """Makes the next question one that is not waited for long; the others are, for tests may be slow."""
    timers = []

    def impatient():
        monkeypatch.setattr(doomrnn.process, "PATIENCE", 5)
        timers.append(threading.Timer(1, monkeypatch.setattr, (doomrnn.process, "PATIENCE", 60)))
        timers[-1].start()

    yield impatient
    for timer in timers:
        timer.join()


@DEATHS
def test_a_game_that_dies_or_hangs_while_it_starts_is_replaced(undisturbed, impatient, program, number):
    victims = []

    def disturb():
        wait_for(lambda: processes(program), every=0.002)
        time.sleep(0.05)
        victims.extend(hit(program, number))

    thread = threading.Thread(target=disturb)
    thread.start()
    if number == signal.SIGSTOP:
        impatient()
    assert same(episode(DoomTakeCover(), SEED, ACTIONS), undisturbed)
    thread.join()
    assert victims and gone(victims)


@DEATHS
def test_a_game_that_dies_or_hangs_while_it_plays_is_replaced(undisturbed, impatient, program, number):
    env, victims = DoomTakeCover(), []

    def disturb(t):
        if t in (0, 50):
            victims.extend(hit(program, number))
            if number == signal.SIGSTOP:
                impatient()

    assert same(episode(env, SEED, ACTIONS, disturb), undisturbed)
    disturb(0)  # between two episodes
    assert same(episode(env, SEED, ACTIONS), undisturbed)
    assert len(set(victims)) == 3 and gone(victims)


def test_a_vizdoom_killed_in_the_middle_of_a_tic_is_replaced_too(undisturbed):
    """In one of three it dies holding a lock that ViZDoom's library would wait for for ever."""
    env = DoomTakeCover()
    for i in range(8):
        timer = threading.Timer(0.003 * i, hit, ["vizdoom"])
        assert same(episode(env, SEED, ACTIONS, lambda t, timer=timer: t == 20 and timer.start()), undisturbed)
        timer.join()


def test_the_answer_to_a_question_that_was_interrupted_is_not_taken_for_the_next(undisturbed):
    """After a Ctrl-C at a Python prompt one may play on."""
    env = DoomTakeCover()
    env.reset(seed=1)
    hit("vizdoom", signal.SIGSTOP)
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        env.step(ACTIONS[0])
    hit("vizdoom", signal.SIGCONT)
    assert same(episode(env, SEED, ACTIONS), undisturbed)


def test_a_game_that_dies_again_and_again_is_an_error_of_one_line(undisturbed):
    env = DoomTakeCover()
    with pytest.raises(UserError, match=r"^ViZDoom died 3 times in one episode.*$"):
        episode(env, SEED, ACTIONS, lambda t: hit("vizdoom"))
    assert same(episode(env, SEED, ACTIONS), undisturbed)  # the next episode starts anew


def test_a_vizdoom_that_never_starts_is_an_error_of_one_line(monkeypatch):
    monkeypatch.setattr(doomrnn.process, "PROGRAM", "/bin/false")
    with pytest.raises(UserError, match=r"^ViZDoom died 3 times in one episode.*$"):
        DoomTakeCover().reset(seed=0)


def test_a_temporary_folder_where_nothing_may_run_is_an_error_of_one_line(monkeypatch):
    monkeypatch.setattr(Path, "chmod", lambda *_: None)  # the script stays a plain file
    with pytest.raises(UserError, match="set TMPDIR"):
        DoomTakeCover().reset(seed=0)


PLAY = """
import sys
import numpy as np
from worldmodels.scripts.cli import run
from doomrnn.env import DoomTakeCover
def main():
    env = DoomTakeCover()
    env.reset(seed=0)
    print("playing", flush=True)
    if sys.argv[1] == "close":
        input()
        return env.close()
    while True:
        *_, ended, _, _ = env.step(np.zeros(1))
        if ended:
            env.reset()
run(main)
"""


@pytest.fixture
def start_playing(tmp_path):
    """Starts a process, in a session of its own, inside tmp_path/here and with tmp_path/temporary for its files."""
    (tmp_path / "here").mkdir()
    (tmp_path / "temporary").mkdir()
    started = []

    def start(how="endlessly"):
        environment = ENVIRONMENT | {"TMPDIR": str(tmp_path / "temporary")}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        command = [sys.executable, "-c", PLAY, how]
        process = subprocess.Popen(command, cwd=tmp_path / "here", env=environment, start_new_session=True, **pipes)
        started.append(process)
        return process

    yield start
    for process in started:  # of a test that has failed
        process.kill()


def all_that_is_left(tmp_path):
    return [path for path in tmp_path.rglob("*") if path.name not in ("here", "temporary")]


def starting(process):
    """Wait until the ViZDoom of a process has started; returns its shared memory, of which there is some by now."""
    ((_, words),) = wait_for(lambda: processes("vizdoom", process.pid).items(), process, every=0.002)
    return shared_memory(words)


def kill_all(process):
    """Our process and its game's at once, as `killall -9 python` does."""
    players = processes("game.py", process.pid)
    for pid in (process.pid, *players):
        os.kill(pid, signal.SIGKILL)


WAYS = {
    "closed": (lambda process: process.stdin.write("\n"), 0),
    "killed": (lambda process: process.kill(), -signal.SIGKILL),
    "killed with its game": (kill_all, -signal.SIGKILL),
    "interrupted": (lambda process: os.killpg(process.pid, signal.SIGINT), 130),  # as Ctrl-C does
    "ended": (lambda process: os.killpg(process.pid, signal.SIGTERM), 143),
}


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_left_of_a_game(start_playing, tmp_path, way):
    """Neither files nor shared memory nor a process."""
    end, code = WAYS[way]
    process = start_playing("close" if way == "closed" else "endlessly")
    memory = starting(process)
    assert process.stdout.readline() == "playing\n"
    end(process)
    output, _ = process.communicate(timeout=TIMEOUT)  # returns when the game, which has the same output, is gone too
    assert process.returncode == code and output == {130: "interrupted: run the same command again\n"}.get(code, "")
    assert all_that_is_left(tmp_path) == [] and not any(path.exists() for path in memory)


@pytest.mark.parametrize("way", ["interrupted", "ended"])
def test_nothing_is_left_of_a_game_that_was_about_to_start(start_playing, tmp_path, way):
    end, code = WAYS[way]
    process = start_playing()
    memory = starting(process)
    end(process)
    process.communicate(timeout=TIMEOUT)
    assert process.returncode == code
    assert all_that_is_left(tmp_path) == [] and not any(path.exists() for path in memory)


@pytest.mark.parametrize("way", ["killed", "killed with its game"])
def test_what_is_left_of_a_start_that_was_killed_goes_with_the_next_start(start_playing, tmp_path, monkeypatch, way):
    process = start_playing()
    memory = starting(process)
    WAYS[way][0](process)
    process.communicate(timeout=TIMEOUT)
    assert all_that_is_left(tmp_path) and any(path.exists() for path in memory)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    DoomTakeCover().reset(seed=0)
    assert all_that_is_left(tmp_path) == [] and not any(path.exists() for path in memory)


def test_the_next_start_leaves_alone_what_a_living_process_is_starting(start_playing, tmp_path, monkeypatch):
    process = start_playing()
    memory = starting(process)
    os.kill(process.pid, signal.SIGSTOP)  # so that it does not get any further
    before = all_that_is_left(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    DoomTakeCover().reset(seed=0)
    assert set(before) <= set(all_that_is_left(tmp_path)) and any(path.exists() for path in memory)
    os.kill(process.pid, signal.SIGCONT)
    assert process.stdout.readline() == "playing\n"
    process.kill()
    process.communicate(timeout=TIMEOUT)
