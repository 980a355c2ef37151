"""An evolution over several hosts, with MPICH and with Open MPI: what comes out, and every way in which it can end."""

import os
import shutil
import sys
from pathlib import Path

import pytest
from hosts import Hosts, end, why_not
from local_evolution import outcome
from scripts import wait_for

WHY_NOT = why_not()
pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))

TESTS = Path(__file__).resolve().parents[1]
SIZE = ("--popsize", 8, "--num_episode", 4, "--eval_episodes", 8, "--eval_steps", 2, "--generations", 4)
EVOLUTION = (sys.executable, TESTS / "quadratic_evolution.py", *SIZE, "--log", "own/log")  # only rank 0 sees its log
NAME = "quadratic.cma.4.8"
START = "run(lambda: evolve_quadratic(settings(*sys.argv[1:])))"


def make_hosts(tmp_path_factory):
    hosts = Hosts(tmp_path_factory.mktemp("hosts"))
    yield hosts
    hosts.close()


hosts = pytest.fixture(make_hosts, scope="module")
mortal_hosts = pytest.fixture(make_hosts)  # of which one may be lost


@pytest.fixture(params=["mpich", "openmpi"])
def mpi(request, monkeypatch):
    """The MPI that mpi4py loads: that of the wheel, or Debian's."""
    if request.param == "openmpi":
        if not shutil.which("mpirun.openmpi"):
            pytest.skip("several hosts: Open MPI is not installed here")
        monkeypatch.setenv("MPI4PY_MPIABI", "openmpi")
    return request.param


@pytest.fixture
def log(hosts):
    """The folder of the log, on host a."""
    folder = hosts.own("a") / "log"
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def mpirun(mpi, folder):
    """An mpirun of the user's for a worker on each host, as documented."""
    if mpi == "mpich":
        (folder / "hostfile").write_text("a:2\nb:1\nc:1\n")
        return [Path(sys.executable).with_name("mpirun"), "--hostfile", "hostfile", "-n", 4]
    (folder / "hostfile").write_text("a slots=2\nb slots=1\nc slots=1\n")
    names = [word for name in ("MPI4PY_MPIABI", "PYTHONPATH") if name in os.environ for word in ("-x", name)]
    return ["mpirun.openmpi", "--allow-run-as-root", *names, "--hostfile", "hostfile", "-n", 4]


@pytest.fixture(scope="module")
def expected(hosts):
    """What three workers on one host make."""
    code, out, err = hosts.run("a", *EVOLUTION, "-n", 3)
    assert (code, err) == (0, ""), out
    return outcome(hosts.own("a") / "log", NAME)


def error_of(hosts, *words, **environment):
    """The one line that a start on host a ends with."""
    code, out, err = hosts.run("a", *EVOLUTION, *words, **environment)
    assert code == 2 and err.startswith("error: ") and len(err.splitlines()) == 1, (code, out, err)
    return err


def test_three_hosts_make_what_one_makes(expected, hosts, log, mpi):
    code, out, err = hosts.run("a", *EVOLUTION, "-n", "a:1,b:1,c:1")
    assert (code, err) == (0, ""), out
    assert "rank 0 on a, workers on a (1), b (1), c (1)" in out
    assert outcome(log, NAME) == expected
    assert log.is_dir() and not any((hosts.own(name) / "log").exists() for name in "bc")


def test_so_they_do_under_an_mpirun_with_a_hostfile(expected, hosts, log, mpi):
    code, out, err = hosts.run("a", *mpirun(mpi, hosts.folder), *EVOLUTION)
    assert code == 0, err
    assert "rank 0 on a, workers on a (1), b (1), c (1)" in out
    assert outcome(log, NAME) == expected


def test_this_host_may_be_named_localhost(expected, hosts, log, mpi):
    code, _, err = hosts.run("a", *EVOLUTION, "-n", "localhost:1,b:1,c:1")
    assert (code, err) == (0, "") and outcome(log, NAME) == expected


def test_it_ends_well_even_if_a_worker_on_another_host_crashes_at_the_very_end(expected, hosts, log, mpi):
    """As a library may while Python ends."""
    code, _, _ = hosts.run("a", *EVOLUTION, "-n", "a:1,b:1", CRASH_RANK=2)
    assert code == 0 and outcome(log, NAME) == expected


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("import what_b_lacks", "own/train.py: ModuleNotFoundError: No module named 'what_b_lacks'"),
        ("from worldmodels.parallel import mpi; mpi.main = None", "rank 2 on b has ended with the error above"),
    ],
)
def test_a_host_on_which_it_does_not_start_is_named(hosts, mpi, line, error):
    for name in "abc":
        words = f"import sys; sys.path.insert(0, {str(TESTS)!r})\n{line if name == 'b' else ''}\n"
        (hosts.own(name) / "train.py").write_text(f"{words}from quadratic_evolution import *\n{START}")
    code, _, err = hosts.run("a", sys.executable, "own/train.py", *SIZE, "--log", "own/log", "-n", "a:1,b:1")
    for name in "abc":
        (hosts.own(name) / "train.py").unlink()
    assert code == 2 and error in err, err


def lose_b(hosts, lose, *command):
    """Start an evolution on host a, lose b in its second generation, and see the others end and go on from there.

    Returns exit code and stderr of the first run.
    """
    log = hosts.own("a") / "log"
    process = hosts.start("a", *command, SILENCE=3, PLAY_SECONDS=0.1)
    wait_for((log / f"{NAME}.hist.json").exists, process)  # one generation is done
    lose(hosts, "b")
    code, _, err = end(process)
    wait_for(lambda: not any("quadratic_evolution" in command for command in hosts.commands("c")))  # they end
    again, out, _ = hosts.run("a", *EVOLUTION, "-n", "a:1,c:2")
    assert again == 0 and "going on after generation" in out
    return code, err


@pytest.mark.parametrize("lose", [Hosts.crash, Hosts.unplug])
def test_a_host_that_goes_away_ends_the_run_by_name_and_the_others_go_on(expected, mortal_hosts, mpi, lose):
    code, err = lose_b(mortal_hosts, lose, *EVOLUTION, "-n", "a:1,b:1,c:1")
    assert code == 2 and len(err.splitlines()) == 1, err
    assert err.startswith("error: ") and " b " in err and "run the same command again" in err
    assert outcome(mortal_hosts.own("a") / "log", NAME) == expected


def test_it_ends_under_an_mpirun_with_a_hostfile_too_and_the_others_go_on(expected, mortal_hosts, mpi):
    code, _ = lose_b(mortal_hosts, Hosts.crash, *mpirun(mpi, mortal_hosts.folder), *EVOLUTION)
    assert code  # the words are mpirun's
    assert outcome(mortal_hosts.own("a") / "log", NAME) == expected


def test_a_host_that_cannot_be_reached_is_named(hosts, mpi):
    assert "host d cannot be reached: ssh: Could not resolve hostname d" in error_of(hosts, "-n", "a:1,d:1,b:1")


def test_a_folder_that_is_not_on_all_hosts_is_named(hosts, mpi):
    here = hosts.own("a") / "here"
    here.mkdir(exist_ok=True)
    enter = ("sh", "-c", 'cd own/here && exec "$@"', "sh")
    code, out, err = hosts.run("a", *enter, *EVOLUTION, "-n", "a:1,b:1")
    assert (code, out) == (2, "") and len(err.splitlines()) == 1
    assert f"error: host b has no {hosts.folder}/own/here" in err and "shared or copied" in err


def test_different_code_is_named(hosts, mpi):
    for name in "ab":
        shutil.copytree(TESTS.parent / "worldmodels", hosts.own(name) / "worldmodels")
        shutil.copy(TESTS / "quadratic_evolution.py", hosts.own(name))
    changed = hosts.own("b") / "worldmodels" / "rnn.py"
    changed.write_text(changed.read_text() + "\n")
    code, _, err = hosts.run("a", sys.executable, "own/quadratic_evolution.py", "--log", "own/log", "-n", "a:1,b:1")
    for name in "ab":
        shutil.rmtree(hosts.own(name) / "worldmodels")
    assert code == 2 and len(err.splitlines()) == 1
    assert "error: a and b run different code: worldmodels/rnn.py; bring both to the same version" in err


def test_different_weights_are_named(hosts, mpi):
    for name, content in {"a": "of V", "b": "of another V"}.items():
        (hosts.own(name) / "vae").write_text(content)
    error = error_of(hosts, "-n", "a:1,b:1", VAE="own/vae")
    assert "rank 1 on a" in error and "rank 2 on b" in error and "of another V" in error


def test_hosts_get_as_many_workers_as_they_have_cores_and_more_are_remarked_on(hosts, log):
    code, out, _ = hosts.run("a", *EVOLUTION, "-n", "b,c")  # hosts of one core
    assert code == 0 and "rank 0 on a, workers on b (1), c (1)" in out and "cores" not in out
    code, out, _ = hosts.run("a", *EVOLUTION, "-n", "b:1,c:3")
    assert code == 0 and "c has more workers (3) than cores (1)" in out


def test_v_m_and_c_play_on_two_hosts_as_on_one_and_a_host_without_v_and_m_is_named(hosts, log, mpi):
    size = ("--popsize", 4, "--num_episode", 1, "--generations", 1, "--eval_episodes", 1, "--patience", 5, "--slots", 2)
    train = [sys.executable, TESTS / "short.py", "train", *size]
    shutil.copytree(TESTS.parent / "carracing" / "pretrained", hosts.own("a") / "weights")
    code, out, err = hosts.run("a", *train, "--weights", "own/weights", "--log", "own/log", "-n", 2)
    assert (code, err) == (0, ""), out
    one = outcome(log, "carracing.cma.1.4")
    shutil.rmtree(log)
    code, out, err = hosts.run("a", *train, "--weights", "own/weights", "--log", "own/log", "-n", "a:1,b:1")
    assert code == 2 and len(err.splitlines()) == 1
    assert "there is no own/weights/" in err and "(says rank 2 on b)" in err
    shutil.copytree(TESTS.parent / "carracing" / "pretrained", hosts.own("b") / "weights")
    code, out, err = hosts.run("a", *train, "--weights", "own/weights", "--log", "own/log", "-n", "a:1,b:1")
    assert (code, err) == (0, ""), out
    assert outcome(log, "carracing.cma.1.4") == one
    shutil.rmtree(log)
    launch = mpirun(mpi, hosts.folder)
    code, out, err = hosts.run("a", *launch, *train, "--weights", "own/weights", "--log", "own/log")
    assert code and "there is no own/weights/" in err and "on c)" in err
    shutil.copytree(TESTS.parent / "carracing" / "pretrained", hosts.own("c") / "weights")
    code, out, err = hosts.run("a", *launch, *train, "--weights", "own/weights", "--log", "own/log")
    assert code == 0, err
    assert outcome(log, "carracing.cma.1.4") == one
    for name in "abc":
        shutil.rmtree(hosts.own(name) / "weights")
