"""The job scripts of examples/slurm, submitted as they are to a real Slurm."""

import concurrent.futures
import json
import os
import signal
import socket
import sys
from pathlib import Path

import pytest
from local_evolution import outcome
from scripts import wait_for
from slurm import Slurm, why_not

WHY_NOT = why_not()
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))

TESTS = Path(__file__).resolve().parents[1]
SCRIPTS = TESTS.parent / "examples" / "slurm"
SIZE = ("--popsize", 8, "--num_episode", 4, "--eval_episodes", 8, "--eval_steps", 2, "--generations", 4)
NAME = "quadratic.cma.4.8"
SHORT = """
import sys
sys.path.insert(0, {tests!r})
from short import {name}, run
if __name__ == "__main__":
    run({name}.main)
"""


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    slurm = Slurm(tmp_path_factory.mktemp("slurm"))
    yield slurm
    slurm.close()


@pytest.fixture
def folder(tmp_path):
    """The folder of a task whose evolution costs nothing, and whose episodes have 100 frames."""
    (tmp_path / "train.py").symlink_to(TESTS / "quadratic_evolution.py")
    for name in ("extract", "generation_script"):
        (tmp_path / f"{name}.py").write_text(SHORT.format(tests=str(TESTS), name=name))
    return tmp_path


def submit(slurm, folder, script, *words, options=(), **environment):
    """Submit a script and wait for its end; returns whether that is a good one, and the output. options: of sbatch."""
    code, out = slurm.run("sbatch", "--wait", *options, SCRIPTS / script, *words, folder=folder, **environment)
    return code == 0, out + "".join(path.read_text() for path in sorted(folder.glob("slurm-*.out")))


@pytest.fixture(scope="module")
def expected(slurm, tmp_path_factory):
    """What an evolution without Slurm makes."""
    log = tmp_path_factory.mktemp("plain")
    code, out = slurm.run(sys.executable, TESTS / "quadratic_evolution.py", *SIZE, "-n", 2, "--log", log)
    assert code == 0, out
    return outcome(log, NAME)


def test_an_evolution_is_what_it_is_without_slurm(slurm, folder, expected):
    ended_well, out = submit(slurm, folder, "evolve.sh", *SIZE, options=["--ntasks", 4])
    assert ended_well and "workers: 3" in out, out
    assert outcome(folder / "log", NAME) == expected


def test_a_rank_that_is_killed_ends_the_job_by_name(slurm, folder):
    played = folder / "played"
    slow = {"PLAY_SECONDS": 0.05, "PLAYED": played}
    with concurrent.futures.ThreadPoolExecutor() as pool:
        job = pool.submit(submit, slurm, folder, "evolve.sh", *SIZE, options=["--ntasks", 3], **slow)
        lines = wait_for(lambda: played.exists() and [line for line in played.open() if line.startswith("2 ")])
        os.kill(int(lines[0].split()[1]), signal.SIGKILL)
        ended_well, out = job.result()
    assert not ended_well and f"error: rank 2 on {socket.gethostname()} was killed (signal 9" in out


def test_a_job_that_is_put_back_into_the_queue_goes_on_from_its_checkpoint(slurm, folder, expected):
    job = [SCRIPTS / "evolve.sh", *SIZE]
    number = slurm.run("sbatch", "--parsable", "--ntasks", 3, *job, folder=folder, PLAY_SECONDS=0.1)[1].strip()
    wait_for((folder / "log" / f"{NAME}.hist.json").exists)
    assert slurm.run("scontrol", "requeue", number) == (0, "")
    output = folder / f"slurm-{number}.out"
    wait_for(lambda: "done: 4 generations" in output.read_text())
    assert output.read_text().count("workers: 2; loading what they need") == 2
    assert "going on after generation" in output.read_text() and outcome(folder / "log", NAME) == expected


@pytest.mark.parametrize("mpi", ["none", "pmi2"])
def test_at_a_nodes_prompt_it_starts_its_own_ranks(slurm, folder, expected, mpi):
    code, out = slurm.run("srun", f"--mpi={mpi}", "--ntasks", 1, "python", "train.py", *SIZE, "-n", 2, folder=folder)
    assert code == 0 and "workers: 2" in out, out
    assert outcome(folder / "log", NAME) == expected


def test_srun_without_its_option_is_told(slurm, folder):
    code, out = slurm.run("srun", "--ntasks", 2, "python", "train.py", folder=folder)
    assert code and "MPI has started only 1 rank" in out and "srun --mpi=pmi2" in out and "Traceback" not in out


def test_job_arrays_fill_one_folder(slurm, folder, untrained):
    """Random rollouts, and expert rollouts."""
    array = ["--array", "1-2", "--cpus-per-task", 1]
    ended_well, out = submit(slurm, folder, "extract.sh", "--episodes", 5, options=array)
    assert ended_well, out
    assert len(list((folder / "record").glob("*.npz"))) == 5
    code, out = slurm.run("python", "extract.py", "--episodes", 5, folder=folder)
    assert code == 0 and "5 of 5 episodes are in record already" in out
    words = ["--controller", untrained.best, "--weights", untrained.weights, "--rollouts", 3]
    ended_well, out = submit(slurm, folder, "expert_rollouts.sh", *words, options=array)
    assert ended_well, out
    assert len(list((folder / "expert_rollouts").glob("*.npz"))) == 3
    code, out = slurm.run("python", "generation_script.py", "--threads", 1, *words, folder=folder)
    assert code == 0 and "3 of the 3 rollouts asked for are in expert_rollouts already" in out
    assert json.loads((folder / "expert_rollouts" / "manifest.json").read_text())["complete"]
