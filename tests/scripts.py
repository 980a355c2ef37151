"""The numbered scripts as a user runs them: as processes, inside some folder, killed, and given wrong things."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from worldmodels.parallel.threads import thread_limits

ROOT = Path(__file__).resolve().parents[1]
SHORT_SCRIPT = ROOT / "tests" / "short.py"
ENVIRONMENT = os.environ | thread_limits()
TIMEOUT = 900  # seconds: for what hangs, not for what is slow on a busy machine
STEPS_BEFORE = {  # what each step says that is missing, in a folder where nothing is
    "vae_train.py": "extract.py",
    "series.py": "extract.py",
    "rnn_train.py": "series.py",
    "train.py": "vae_train.py",
}


class Scripts:
    """The scripts of a task's folder."""

    def __init__(self, task):
        self.folder = ROOT / task

    def start(self, folder, script, *options):
        """Start a script inside a folder. script: a name, or the path of one that lies elsewhere."""
        command = [sys.executable, self.folder / script, *map(str, options)]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, cwd=folder, env=os.environ | thread_limits(), text=True, **pipes)

    def run(self, folder, script, *options, code=0):
        """Run a script inside a folder; returns what it printed. The exit code has to be `code`."""
        process = self.start(folder, script, *options)
        try:
            out, err = process.communicate(timeout=TIMEOUT)
        finally:
            process.kill()
        assert process.returncode == code, f"{script}: exit code {process.returncode}\n{out}\n{err}"
        return out + err

    def error_of(self, folder, script, *options):
        """The one line that a script answers a wrong input with."""
        output = self.run(folder, script, *options, code=2)
        assert "Traceback" not in output
        lines = [line for line in output.splitlines() if "error:" in line]
        assert len(lines) == 1, output
        return lines[0]


def wait_for(condition, process=None, every=0.01):
    """What the condition gives, as soon as it is something; until then the process, if one is given, has to run."""
    deadline = time.monotonic() + TIMEOUT
    while not (found := condition()):
        assert not process or process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(every)
    return found


def kill_when(process, condition):
    """kill -9 a script as soon as the condition holds; it has to be running then."""
    wait_for(condition, process)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()  # returns when its workers, which write to the same pipes, are gone too
