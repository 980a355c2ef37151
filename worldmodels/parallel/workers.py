"""Work spread over processes of this machine. Each takes its next job from one shared queue, so none idles."""

import contextlib
import multiprocessing
import os
import queue
import signal
import threading
import time
from pathlib import Path

from worldmodels.parallel.processes import left_behind
from worldmodels.parallel.share import Share, even_share
from worldmodels.parallel.threads import limit_threads
from worldmodels.scripts.cli import UserError, explain

_kept = []  # the last queue of jobs: let go by its own thread as Python ends, it would leave a semaphore half removed


def run_in_processes(work, jobs, workers, advanced=None):
    """Yield the results of work(jobs) as they come, computed by `workers` processes; in no fixed order.

    work: a picklable function that takes an iterator of jobs (a Share) and yields one result for each. A process gets
        the jobs that it was quick enough to take, and holds no more than an even share of them at once.
    workers: if 0, work is done in this process.
    advanced(frames): called now and then, if given, with the frames that a process has played since (Share.advanced).
    A worker's UserError is raised here; a worker that dies otherwise becomes a UserError too. The processes end with
    ours, whatever ends it.
    """
    if not jobs:
        return
    if workers == 0:
        share = Share(jobs, len(jobs), advanced)
        for result in work(share):
            yield result
            share.finished()
        return
    limit_threads()  # the processes inherit it
    _mark_semaphores()
    context = multiprocessing.get_context("spawn")  # a fork of a process that has started TensorFlow hangs
    todo, results = context.Queue(), context.Queue()
    todo.cancel_join_thread()  # on the way out, nobody is left to take the jobs that are still in it
    _kept[:] = [todo]
    for job in jobs:
        todo.put(job)
    arguments = work, todo, results, even_share(len(jobs), workers)
    processes = [context.Process(target=_worker, args=arguments, daemon=True) for _ in range(workers)]
    try:
        with deaf_to_ctrl_c():
            for process in processes:
                todo.put(None)
                process.start()
        yield from _gather(processes, results, advanced)
    finally:
        for process in processes:
            if process.pid:
                process.terminate()
                process.join()


def _mark_semaphores():
    """Have the queues' semaphores carry our number; remove those of runs that were killed with all their processes."""
    for path in Path("/dev/shm").glob("sem.worldmodels-*"):
        if left_behind(path.name):
            path.unlink(missing_ok=True)
    multiprocessing.current_process()._config["semprefix"] = f"/worldmodels-{os.getpid()}"


@contextlib.contextmanager
def deaf_to_ctrl_c():
    """A context in which processes are started that end when we do.

    A Ctrl-C goes to the whole group. They inherit the mask, and never see it; what comes meanwhile waits for the end of
    the block.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _gather(processes, results, advanced):
    running, looked = set(processes), time.monotonic()
    while running:
        kind = None
        with contextlib.suppress(queue.Empty):
            kind, value = results.get(timeout=1)
        if kind == "error":
            raise UserError(value)
        if kind == "end":
            running.discard(next(p for p in running if p.pid == value))
        elif kind == "result":
            yield value
        elif kind == "frames" and advanced:
            advanced(value)
        if kind is None or time.monotonic() - looked > 1:
            looked = time.monotonic()
            _check_alive(running, results)


def _check_alive(running, results):
    for process in running:
        # One that ended well has said so, but its last words may still be on their way.
        if process.exitcode or (process.exitcode == 0 and results.empty()):
            raise UserError(
                f"worker process {process.pid} died (exit code {process.exitcode}), perhaps out of memory: "
                "run the same command again to go on, with fewer workers if it happens again"
            )


def _worker(work, todo, results, limit):
    parent = multiprocessing.parent_process()
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()
    try:
        jobs = Share(iter(todo.get, None), limit, lambda frames: results.put(("frames", frames)))
        for result in work(jobs):
            results.put(("result", result))
            jobs.finished()
        results.put(("end", os.getpid()))
    except (UserError, OSError) as error:
        results.put(("error", explain(error)))
    except Exception as error:
        results.put(("error", f"worker process {os.getpid()} failed: {explain(error)}"))
