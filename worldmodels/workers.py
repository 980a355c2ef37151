"""Work spread over processes of this machine. Each takes its next job from one shared queue, so none idles."""

import multiprocessing
import os
import queue
import signal
import threading

from worldmodels.cli import UserError, explain_os_error


def run_in_processes(work, jobs, workers):
    """Yield the results of work(jobs) as they come, computed by `workers` processes; in no fixed order.

    work: a picklable function that takes an iterator of jobs and yields results. Each process gets the jobs that it was
        quick enough to take.
    A worker's UserError is raised here; a worker that dies otherwise becomes a UserError too. The processes end with
    ours, whatever ends it.
    """
    context = multiprocessing.get_context("spawn")  # a fork of a process that has started TensorFlow hangs
    todo, results = context.Queue(), context.Queue()
    for job in jobs:
        todo.put(job)
    processes = [context.Process(target=_worker, args=(work, todo, results), daemon=True) for _ in range(workers)]
    for process in processes:
        todo.put(None)
        process.start()
    try:
        yield from _gather(processes, results)
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _gather(processes, results):
    running = set(processes)
    while running:
        try:
            kind, value = results.get(timeout=1)
        except queue.Empty:
            for process in [p for p in running if p.exitcode is not None]:
                if process.exitcode or results.empty():
                    raise UserError(
                        f"worker process {process.pid} died (exit code {process.exitcode}), perhaps out of memory: "
                        "run the same command again to go on, with fewer workers if it happens again"
                    ) from None
            continue
        if kind == "error":
            raise UserError(value)
        if kind == "end":
            running.discard(next(p for p in running if p.pid == value))
        else:
            yield value


def _worker(work, todo, results):
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us
    parent = multiprocessing.parent_process()
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()
    try:
        for result in work(iter(todo.get, None)):
            results.put(("result", result))
        results.put(("end", os.getpid()))
    except UserError as error:
        results.put(("error", str(error)))
    except OSError as error:
        results.put(("error", explain_os_error(error)))
    except Exception as error:
        results.put(("error", f"worker process {os.getpid()} failed: {type(error).__name__}: {error}"))
