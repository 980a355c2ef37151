"""What can be said of hosts, and of mpirun's words, without any: the rest is in cluster/."""

import argparse
import os
import socket
import sys

import pytest

from worldmodels.parallel.crew import Member, muster
from worldmodels.parallel.hosts import number_or_hosts, reached, with_leader
from worldmodels.parallel.processes import available_cores
from worldmodels.parallel.relay import Relay
from worldmodels.scripts.cli import UserError


def test_workers_are_a_number_or_hosts():
    assert number_or_hosts("8") == 8
    assert number_or_hosts("a:8, 10.0.0.2") == (("a", 8), ("10.0.0.2", None))


@pytest.mark.parametrize("text", ["0", "-1", "", "a:", ":8", "a,,b", "a:0", "a:two", "a b", "-x"])
def test_what_is_neither_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError):
        number_or_hosts(text)


def test_this_host_needs_no_ssh_and_has_as_many_workers_as_cores(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(sys, "argv", [__file__])
    assert reached([("localhost", None), ("127.0.0.1", 3)]) == [("localhost", available_cores()), ("127.0.0.1", 3)]


def test_what_a_host_prints_before_does_not_matter(tmp_path, monkeypatch):
    """As a .bashrc does, which bash reads for a command that comes through ssh."""
    ssh = tmp_path / "ssh"
    ssh.write_text('#!/bin/sh\necho Welcome\nfor command; do :; done\nexec sh -c "$command"\n')
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(sys, "argv", [__file__])
    monkeypatch.setattr(sys, "orig_argv", [sys.executable, "-c", "pass"])
    assert reached([("elsewhere", None)]) == [("elsewhere", available_cores())]
    monkeypatch.setattr(sys, "argv", [tmp_path / "train.py"])
    with pytest.raises(UserError, match=f"^host elsewhere has no {tmp_path}/train.py: "):
        reached([("elsewhere", None)])


def test_rank_0_is_here():
    assert with_leader([("b", 3), ("localhost", 2)]) == [(socket.gethostname(), 3), ("b", 3)]
    assert with_leader([("localhost", 2)]) == [("localhost", 3)]
    assert with_leader([("b", 3)]) == [(socket.gethostname(), 1), ("b", 3)]


def test_where_the_ranks_are_is_said_and_hosts_of_other_code_are_refused(capsys):
    crew = [Member("a", {0, 1}, {"rnn.py": 1}), Member("a", {0}, {"rnn.py": 1}), Member("b", {0}, {"rnn.py": 1})]
    muster(crew)
    muster([*crew, crew[2]])
    assert capsys.readouterr().out.splitlines() == [
        "rank 0 on a, workers on a (1), b (1)",
        "rank 0 on a, workers on a (1), b (2)",
        "b has more workers (2) than cores (1)",
    ]
    with pytest.raises(UserError, match=r"a and c run different code: numpy, rnn\.py; bring both"):
        muster([*crew, Member("c", {0}, {"rnn.py": 2, "numpy": "2.4"})])


MPICH = b"""\x1b[0mgeneration 1
\rhalf a bar\rConnection to b closed by remote host.\r
error: rank 2 on b was killed
error: rank 1 on a was killed
[mpiexec@a] control_cb: assert (!closed) failed

=====================================================================================
=   BAD TERMINATION OF ONE OF YOUR APPLICATION PROCESSES
=====================================================================================
YOUR APPLICATION TERMINATED WITH THE EXIT STRING: Killed (signal 9)
"""
OPENMPI = b"""generation 1

generation 2
[0.1 0.2
 0.3]
======================================================================
[1, 2]
--------------------------------------------------------------------------
ORTE was unable to reliably start one or more daemons.

This usually is caused by:
--------------------------------------------------------------------------
[a:00077] 1 more process has sent help message
Traceback"""


OF_A_USER = b"[0.1 0.2\n 0.3]\n" + b"=" * 70 + b"\n[1, 2]\n"


@pytest.mark.parametrize(
    ("said", "passed", "own"),
    [
        (MPICH, b"\x1b[0mgeneration 1\nerror: rank 2 on b was killed\n", "Connection to b closed by remote host."),
        (
            OPENMPI,
            b"generation 1\n\ngeneration 2\n" + OF_A_USER + b"Traceback",
            "ORTE was unable to reliably start one or more daemons.",
        ),
    ],
)
def test_what_mpirun_says_is_kept_from_what_the_ranks_say(tmp_path, said, passed, own):
    (tmp_path / "said").write_bytes(said)
    with open(tmp_path / "passed", "wb") as out, open(tmp_path / "said", "rb") as stream:
        relay = Relay(stream, out.fileno())
        relay.join()
    assert (tmp_path / "passed").read_bytes() == passed
    assert relay.own[0] == own and relay.reported == (b"error: " in said)


def test_a_bar_that_has_not_ended_its_line_is_passed_on_at_once():
    (read, write), (out, passed) = os.pipe(), os.pipe()
    with open(read, "rb") as stream:
        relay = Relay(stream, passed)
        os.write(write, b"\r 10 %")
        assert os.read(out, 100) == b"\r 10 %"
        os.write(write, b"\r 20 %")
        assert os.read(out, 100) == b"\r 20 %"
        os.close(write)
        relay.join()
