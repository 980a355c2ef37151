"""Each process keeps to one thread, numpy too, although it is loaded before anything can say so."""

import os
import subprocess
import sys

import pytest

from worldmodels.parallel.processes import available_cores
from worldmodels.parallel.threads import thread_limits

THREADS = """
import numpy, threadpoolctl
from worldmodels.parallel.threads import limit_threads
count = lambda: max(pool["num_threads"] for pool in threadpoolctl.threadpool_info())
print(count())
limit_threads()
print(count())
"""


@pytest.mark.skipif(available_cores() == 1, reason="threads: this machine has one core")
def test_numpy_is_held_to_one_thread_after_it_was_loaded():
    free = {name: value for name, value in os.environ.items() if name not in thread_limits()}
    done = subprocess.run([sys.executable, "-c", THREADS], env=free, capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert before > 1 and after == 1
