"""Whatever its streams are, and whoever tells it to end, a script ends as Unix programs do. With real processes."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
WRITES_A_FILE = """
with quiet_stderr(), open("file", "w") as file:
    subprocess.run(["sh", "-c", "echo a child; echo a child >&2"])
    print("a word", flush=True)
    file.write("data")
raise UserError("it failed")
"""
WAITS = """
try:
    print("waiting", flush=True)
    sys.stdin.readline()
finally:
    print("cleaned up")
"""


def start(folder, body, redirect="", hangup=signal.SIG_DFL, **streams):
    """Start a script with such a main(). redirect: as in a shell; hangup: what it finds SIGHUP set to."""
    source = (
        "import subprocess, sys\n"
        "from worldmodels.scripts.streams import quiet_stderr\n"
        "from worldmodels.scripts.cli import UserError, run\n"
        f"def main():\n{textwrap.indent(body, '    ')}\nrun(main)\n"
    )
    return subprocess.Popen(
        ["sh", "-c", f'exec "$@" {redirect}', "sh", sys.executable, "-c", source],
        cwd=folder,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": ""},
        preexec_fn=lambda: signal.signal(signal.SIGHUP, hangup),
        **(PIPES | streams),
    )


@pytest.mark.parametrize(
    ("redirect", "out", "err"),
    [
        ("", "a child\na word\n", "error: it failed\n"),
        (">&-", "", "error: it failed\n"),
        ("2>&-", "a child\na word\n", ""),
        ("<&- >&- 2>&-", "", ""),
    ],
)
def test_a_stream_that_is_closed_when_it_starts_loses_its_words_and_nothing_else(tmp_path, redirect, out, err):
    process = start(tmp_path, WRITES_A_FILE, redirect)
    assert process.communicate(timeout=60) == (out, err)
    assert process.returncode == 2
    assert (tmp_path / "file").read_text() == "data"


def test_a_closed_output_ends_it_without_a_word(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    process = start(tmp_path, 'print("a word")', stdout=writer)
    os.close(writer)
    assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == 141


def test_an_output_on_a_full_disk_is_an_error(tmp_path):
    process = start(tmp_path, 'print("a word")', "> /dev/full")
    assert process.communicate(timeout=60)[1].startswith("error: the disk is full")
    assert process.returncode == 2


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_it_after_its_clean_up(tmp_path, number, code):
    process = start(tmp_path, WAITS)
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(number)
    assert process.communicate(timeout=60)[0] == "cleaned up\n"
    assert process.returncode == code


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_that_comes_while_c_calls_python_ends_it_too(tmp_path, number, code):
    lost = f"import ctypes, signal\nctypes.CFUNCTYPE(None)(lambda: signal.raise_signal({number:d}))()\n"
    process = start(tmp_path, lost + WAITS)
    assert process.wait(timeout=60) == code
    out, err = process.communicate()
    assert out.endswith("cleaned up\n") and "ignored" not in err


def test_with_nohup_it_outlives_its_terminal(tmp_path):
    process = start(tmp_path, WAITS, hangup=signal.SIG_IGN)
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGHUP)
    assert process.communicate("\n", timeout=60) == ("cleaned up\n", "")
    assert process.returncode == 0
