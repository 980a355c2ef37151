"""Evolution on real MPI ranks: the queue, and every way in which a rank can end."""

import collections
import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from local_evolution import outcome
from proc import children, parent, state_of
from scripts import TIMEOUT, wait_for

from worldmodels.parallel import mpirun
from worldmodels.parallel.processes import available_cores
from worldmodels.scripts.cli import UserError

NAME = "quadratic.cma.4.8"
SCRIPT = [sys.executable, str(Path(__file__).with_name("quadratic_evolution.py"))]
OPENMPI = "--oversubscribe" in mpirun.mpirun_command(os.environ)
SIZE = ["--popsize", "8", "--num_episode", "4", "--eval_episodes", "8", "--eval_steps", "2"]


def start(log, *words, launcher=(), hangup=signal.SIG_DFL, **environment):
    """Start the script. launcher: a command that starts it; hangup: what it finds SIGHUP set to."""
    environment = os.environ | {name: str(value) for name, value in environment.items()}
    return subprocess.Popen(
        [*launcher, *SCRIPT, *SIZE, "--log", str(log), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, hangup),
    )


def shell(words):
    """A launcher: `words` as in a shell, where "$@" stands for the script."""
    return ["sh", "-c", words, "sh"]


def end(process):
    """Returns exit code, stdout, stderr."""
    try:
        out, err = process.communicate(timeout=TIMEOUT)
    finally:
        process.kill()
    return process.returncode, out, err


def played(path, at_least=1):
    """Wait for so many lines of the PLAYED file; returns [(rank, pid, seed)]."""

    def lines():
        return path.read_text().splitlines() if path.exists() else []

    wait_for(lambda: len(lines()) >= at_least)
    return [tuple(map(int, line.split())) for line in lines()]


def running(pid):
    with contextlib.suppress(OSError):
        return state_of(pid) != "Z"
    return False


def wait_until_gone(pids):
    wait_for(lambda: not any(map(running, pids)))


def one_line(err):
    assert len(err.strip().splitlines()) == 1 and "Traceback" not in err, err
    return err.strip()


def test_it_starts_its_own_ranks_more_than_there_are_cores_and_leaves_a_best(tmp_path):
    workers = available_cores() + 1
    code, out, err = end(start(tmp_path, "-n", str(workers), "--generations", "2", PLAYED=tmp_path / "played"))
    assert (code, err) == (0, "")
    assert f"workers: {workers}" in out and "generation 2/2" in out and "ETA" in out
    assert len(json.loads((tmp_path / f"{NAME}.best.json").read_text())[0]) == 20
    assert {rank for rank, _, _ in played(tmp_path / "played")} <= set(range(1, workers + 1))


def test_a_slow_rank_gets_less_work_and_nobody_waits_for_it(tmp_path):
    words = ["-n", "2", "--generations", "1", "--num_episode", "16", "--eval_episodes", "1"]  # 128 episodes, and 1
    code, _, _ = end(start(tmp_path, *words, PLAYED=tmp_path / "played", PLAY_SECONDS=0.01, SLOW_RANK=1))
    assert code == 0
    count = collections.Counter(rank for rank, _, _ in played(tmp_path / "played"))
    assert count.total() == 129
    assert 5 <= count[1] <= 22  # 128 / 11 = 12 would be its fair share; the first jobs come several at a time


def test_a_killed_rank_ends_the_run_by_name_and_the_next_start_goes_on_as_if_nothing_had_been(tmp_path):
    words = ["-n", "2", "--generations", "4"]
    process = start(tmp_path / "killed", *words, PLAYED=tmp_path / "played", PLAY_SECONDS=0.01)
    pid = next(pid for rank, pid, _ in played(tmp_path / "played", at_least=50) if rank == 2)
    memory = [line for line in Path(f"/proc/{pid}/maps").read_text().splitlines() if "/mpich_shm_" in line]
    assert memory or OPENMPI
    assert all(line.endswith("(deleted)") for line in memory)  # so it goes with the ranks, killed or not
    os.kill(pid, signal.SIGKILL)
    code, out, err = end(process)
    assert code == 2
    assert "rank 2 on" in one_line(err) and "signal 9" in err and "run the same command again" in err
    assert "BAD TERMINATION" not in out
    code, out, _ = end(start(tmp_path / "killed", *words))
    assert code == 0 and "going on after generation" in out
    assert end(start(tmp_path / "whole", *words))[0] == 0
    assert outcome(tmp_path / "killed", NAME) == outcome(tmp_path / "whole", NAME)


def test_rank_0_is_reported_as_any_other_rank_where_it_is_told_to_end(tmp_path):
    process = start(tmp_path, "-n", "1", PLAYED=tmp_path / "played", PLAY_SECONDS=0.01)
    watcher = parent(played(tmp_path / "played")[0][1])
    (watcher_of_0,) = set(children(parent(watcher))) - {watcher}
    os.kill(*children(watcher_of_0), signal.SIGTERM)  # as Open MPI does with every process, where it has lost a host
    code, _, err = end(process)
    assert code == 2
    assert "rank 0 on" in one_line(err) and "signal 15" in err and "run the same command again" in err


def test_an_exception_in_a_worker_ends_the_run_with_its_rank_and_its_error(tmp_path):
    code, _, err = end(start(tmp_path, "-n", "2", FAIL_RANK=2))
    assert code == 2
    assert "rank 2 on" in one_line(err) and "ValueError: the wheel fell off (quadratic_evolution.py" in err


def test_a_rank_that_crashes_when_all_is_done_and_written_spoils_nothing(tmp_path):
    assert end(start(tmp_path, "-n", "2", "--generations", "1", CRASH_RANK=2))[::2] == (0, "")


def test_a_rank_that_has_fallen_silent_ends_the_run_by_name(tmp_path):
    silence = {"SILENCE": 2, "PLAYED": tmp_path / "played", "PLAY_SECONDS": 0.01}
    process = start(tmp_path, "-n", "2", **silence)
    os.kill(next(pid for rank, pid, _ in played(tmp_path / "played", 20) if rank == 2), signal.SIGSTOP)
    code, _, err = end(process)
    assert code == 2
    assert "rank 2 on" in one_line(err) and "has sent nothing for" in err and "run the same command again" in err


def test_a_rank_may_take_longer_for_an_episode_than_the_silence_that_means_it_is_lost(tmp_path):
    words = ["-n", "2", "--generations", "1", "--popsize", "4", "--num_episode", "1", "--eval_episodes", "1"]
    assert end(start(tmp_path, *words, SILENCE=1, PLAY_SECONDS=3))[0] == 0


def test_an_error_of_rank_0_is_one_line(tmp_path):
    assert end(start(tmp_path, "-n", "1", "--generations", "1"))[0] == 0
    code, _, err = end(start(tmp_path, "-n", "1", "--sigma_init", "0.5"))
    assert code == 2 and "sigma_init" in one_line(err)


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGKILL, -9)],
)
def test_the_ranks_end_with_the_process_that_started_them(tmp_path, number, code):
    process = start(tmp_path, "-n", "2", PLAYED=tmp_path / "played", PLAY_SECONDS=0.01)
    pids = {pid for _, pid, _ in played(tmp_path / "played", at_least=40)}
    process.send_signal(number)
    returned, _, err = end(process)
    assert returned == code
    if number == signal.SIGINT:
        assert "interrupted" in one_line(err)
    wait_until_gone(pids)


def test_they_end_when_nobody_reads_its_output_any_more(tmp_path):
    process = start(tmp_path, "-n", "2", PLAYED=tmp_path / "played", PLAY_SECONDS=0.01)
    assert any("generation 1/" in line for line in process.stdout)
    process.stdout.close()
    pids = {pid for _, pid, _ in played(tmp_path / "played")}
    code, _, err = end(process)
    assert (code, err) == (141, "")
    wait_until_gone(pids)
    code, out, _ = end(start(tmp_path, "-n", "2", "--generations", "1"))
    assert code == 0 and "done: " in out


def test_with_nohup_it_outlives_its_terminal(tmp_path):
    words = ["-n", "1", "--generations", "2"]
    process = start(tmp_path, *words, hangup=signal.SIG_IGN, PLAYED=tmp_path / "played", PLAY_SECONDS=0.01)
    played(tmp_path / "played")
    process.send_signal(signal.SIGHUP)
    code, out, _ = end(process)
    assert code == 0 and "done: " in out


def test_it_needs_no_open_stream_no_home_and_no_tmpdir(tmp_path):
    closed, nowhere = shell('exec "$@" <&- >&- 2>&-'), tmp_path / "nowhere"
    words = ["-n", "1", "--generations", "1"]
    assert end(start(tmp_path, *words, launcher=closed, HOME=nowhere, TMPDIR=nowhere)) == (0, "", "")
    assert (tmp_path / f"{NAME}.best.json").exists()


def test_a_disk_that_is_full_everywhere_is_an_error_of_one_line(tmp_path):
    code, out, err = end(start(tmp_path, "-n", "1", launcher=shell('ulimit -f 0; exec "$@"')))
    assert (code, out) == (2, "") and "error: No usable temporary directory" in one_line(err)


def test_what_a_killed_run_left_behind_goes_with_the_next_one(tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    slow = {"TMPDIR": temporary, "PLAYED": tmp_path / "played", "PLAY_SECONDS": 0.1}
    killed = start(tmp_path / "a", "-n", "1", **slow)
    played(tmp_path / "played")
    killed.kill()
    end(killed)
    left = set(temporary.glob("worldmodels-*"))
    slow["PLAYED"] = tmp_path / "played_again"  # ranks of the killed run may still be writing the first
    other = start(tmp_path / "b", "-n", "1", **slow)
    played(tmp_path / "played_again")
    assert left and not left & set(temporary.glob("worldmodels-*"))
    assert end(start(tmp_path / "c", "-n", "1", "--generations", "1", TMPDIR=temporary))[0] == 0
    assert list(temporary.glob("worldmodels-*"))  # that of the other run, which goes on
    other.terminate()
    assert end(other)[0] == 143 and not list(temporary.glob("worldmodels-*"))


def test_it_runs_under_an_mpirun_of_the_users(tmp_path):
    command = mpirun.mpirun_command(os.environ)
    code, out, _ = end(start(tmp_path, "--generations", "1", launcher=[*command, "-n", "3"]))
    assert code == 0 and "workers: 2" in out
    code, _, err = end(start(tmp_path, launcher=[*command, "-n", "1"]))
    assert code == 2 and "at least 2" in err
    code, _, err = end(start(tmp_path, launcher=[*command, "-n", "3"], FAIL_RANK=1))
    assert code == 2 and "ValueError: the wheel fell off" in err


def test_without_an_mpirun_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="pip install mpi4py mpich"):
        mpirun.mpirun_command(os.environ)


def test_an_mpirun_of_another_mpi_is_refused(tmp_path, monkeypatch):
    ours = subprocess.run([mpirun.mpirun_command(os.environ)[0], "--version"], capture_output=True, text=True).stdout
    other = tmp_path / "mpirun"
    other.write_text(f"#!/bin/sh\necho '{'HYDRA' if 'Open MPI' in ours else 'mpirun (Open MPI) 5.0'}'\n")
    other.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="of another MPI"):
        mpirun.mpirun_command(os.environ)
