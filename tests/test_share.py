"""Jobs shared among processes: each takes what it is quick enough to take, and none hoards."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from scripts import TIMEOUT, wait_for

from worldmodels.parallel.share import Share, even_share
from worldmodels.parallel.workers import run_in_processes
from worldmodels.scripts.cli import UserError

SHARED_MEMORY = Path("/dev/shm")


def test_nothing_is_given_to_who_holds_its_share():
    share = Share("abcd", 2)
    assert [next(share) for _ in range(4)] == ["a", "b", None, None]
    share.finished()
    assert [next(share) for _ in range(2)] == ["c", None]
    share.finished()
    share.finished()
    assert next(share) == "d"
    with pytest.raises(StopIteration):
        next(share)


def test_frames_are_told_now_and_then_and_none_twice(monkeypatch):
    clock, told = [0.0], []
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    share = Share("ab", 2, told.append)
    for _ in range(25):
        clock[0] += 0.3
        share.advanced(32)
    assert sum(told) + share.frames == 25 * 32 and len(told) == 6


@pytest.mark.parametrize(("jobs", "processes", "most"), [(8, 2, 4), (9, 2, 5), (3, 8, 1), (1, 1, 1)])
def test_an_even_share_deals_all_jobs_out(jobs, processes, most):
    assert even_share(jobs, processes) == most


def take_all_there_is(jobs):
    """Starts whatever it is given, as a loop with many slots does; yields (process, how many it held at once)."""
    more = True
    while more:
        held = 0
        for job in jobs:
            if job is None:
                break
            held += 1
        else:
            more = False
        yield from [(os.getpid(), held)] * held


def test_every_job_is_done_and_no_process_holds_more_than_its_share():
    results = list(run_in_processes(take_all_there_is, list(range(10)), 2))
    assert len(results) == 10 and {pid for pid, _ in results}.isdisjoint({os.getpid()})
    assert max(held for _, held in results) <= 5


def hang(jobs):
    for job in jobs:
        time.sleep(TIMEOUT)
        yield job


def test_what_a_run_left_that_was_killed_with_all_its_processes_is_removed_by_the_next():
    """Nobody is left to remove its queues' semaphores then, not even Python's resource tracker."""
    code = "from test_share import *; list(run_in_processes(hang, [1], 1))"
    killed = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parent, start_new_session=True)
    left = f"sem.worldmodels-{killed.pid}-*"
    wait_for(lambda: list(SHARED_MEMORY.glob(left)), killed)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert list(SHARED_MEMORY.glob(left))
    list(run_in_processes(take_all_there_is, [1], 1))
    assert not list(SHARED_MEMORY.glob(left))


def fail(jobs):
    for job in jobs:
        if job == "the user's mistake":
            raise UserError("choose another")
        if job == "a bug":
            raise ValueError("of two\nlines")
        os._exit(int(job))
    yield


@pytest.mark.parametrize(
    ("job", "message"),
    [("the user's mistake", "^choose another$"), ("a bug", "failed: ValueError: of two lines"), (3, "exit code 3")],
)
def test_a_process_that_fails_is_one_line(job, message):
    with pytest.raises(UserError, match=message) as error:
        list(run_in_processes(fail, [job], 1))
    assert "\n" not in str(error.value)
