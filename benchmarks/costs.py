"""What a step of a task takes in memory and leaves on disk: its numbered scripts, run for real at small scale.

    python benchmarks/costs.py [--task carracing]

Batches, sequences, precision and slots are those of the recipes. More episodes would take no more memory: there are
enough of them for V to stream frames, and for all slots to be taken. What a step leaves on disk grows with them where
`episodes` says how many there were. Memory is the largest resident set (VmHWM) of the script's largest process, which
is a worker where it has any, with the games of Doom that it plays (RssAnon: what they do not share).
"""

import contextlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from backends import RESULTS

from worldmodels.files.provenance import origin
from worldmodels.files.reading import load_json
from worldmodels.files.writing import save_json
from worldmodels.scripts.cli import Parser, UserError, run

PATH = RESULTS / "benchmark_costs.json"
SECONDS = 0.2  # from one look at the processes to the next


class Step(NamedTuple):
    what: str
    command: str
    episodes: int | None = None  # that it leaves files of


CARRACING = [
    Step("random rollouts", "extract.py --workers 1 --episodes 60", 60),
    Step("V", "vae_train.py --precision bfloat16 --steps 30"),
    Step("the series", "series.py --precision bfloat16", 60),
    Step("M", "rnn_train.py --precision bfloat16 --batch_size 64 --sequence 200 --steps 5"),
    Step("M, the paper's batches", "rnn_train.py --steps 2 --out paper/rnn.weights.h5"),
    Step("C", "train.py -n 1 --precision bfloat16 --z mean --popsize 16 --num_episode 2 --patience 100 "
        "--generations 1 --eval_steps 1 --eval_episodes 32"),
    Step("the score", "model.py norender {shipped} --workers 1 --episodes 32 --results results"),
    Step("expert rollouts", "generation_script.py --workers 1 --rollouts 32", 32),
]  # fmt: skip
DOOM = [
    Step("random rollouts", "extract.py --workers 1 --episodes 180", 180),
    Step("an agent's rollouts", "extract.py --controller {shipped} --workers 1 --episodes 32 --out agent", 32),
    Step("V", "vae_train.py --precision bfloat16 --steps 30"),
    Step("the series", "series.py --precision bfloat16", 180),
    Step("M", "rnn_train.py --precision bfloat16 --batch_size 32 --sequence 100 --steps 5"),
    Step("M, the paper's batches", "rnn_train.py --steps 2 --out paper/rnn.weights.h5"),
    Step("C", "train.py -n 1 --popsize 4 --num_episode 16 --generations 1 --eval_steps 1 --eval_episodes 64"),
    Step("the score in the game", "model.py doomreal norender {shipped} --workers 1 --episodes 32 "
        "--results results"),
    Step("the score in the dream", "model.py doomrnn norender {shipped} --workers 1 --episodes 32 "
        "--results results"),
    Step("expert rollouts", "generation_script.py --workers 1 --rollouts 32", 32),
]  # fmt: skip


def processes():
    """{pid: what /proc says of it} of this machine: its "PPid", its sizes, and whether it is the `player` of a game."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
            found[int(folder.name)] = status | {"player": "game.py" in (folder / "cmdline").read_text()}
    return found


def memory(script):
    """{pid: bytes} of the process `script` and of all that it has started, each with the games that it plays."""
    found, sums = processes(), {}
    for pid, status in found.items():
        line = [pid]  # and its ancestors
        while line[-1] in found and line[-1] != script:
            line.append(int(found[line[-1]]["PPid"]))
        if line[-1] == script:
            players = [int(found[member]["PPid"]) for member in line if found[member]["player"]]
            size = status.get("RssAnon" if players else "VmHWM", "0 kB")  # one that is ending has none
            owner = players[-1] if players else pid
            sums[owner] = sums.get(owner, 0) + 1024 * int(size.split()[0])
    return sums


def measure(task, step, folder):
    """Run a step in a folder. Returns what it took, for the JSON."""
    before = size_of(folder)
    words = [word.format(shipped=task.shipped) for word in step.command.split()]
    script = subprocess.Popen([sys.executable, task.folder / words[0], *words[1:]], cwd=folder)
    peaks = {}
    try:
        while script.poll() is None:
            for pid, size in memory(script.pid).items():
                peaks[pid] = max(size, peaks.get(pid, 0))
            time.sleep(SECONDS)
    finally:  # if we are killed
        script.terminate()
        script.wait()
    if script.returncode:
        raise UserError(f"{words[0]} ended with code {script.returncode}")
    largest = max(peaks, key=peaks.get)
    taken = {"memory_bytes": peaks[largest], "of": "the script" if largest == script.pid else "a worker"}
    return {**step._asdict(), **taken, "disk_bytes": size_of(folder) - before}


def size_of(folder):
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())


def main():
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=("carracing", "doomrnn"), help="if not given, both")
    only = parser.parse_args().task
    from carracing.task import CARRACING as CAR
    from doomrnn.task import DOOM as GAME

    result = load_json(PATH, "the other task's costs") if PATH.exists() else {}
    for task, steps in ((CAR, CARRACING), (GAME, DOOM)):
        if only in (None, task.name):
            with tempfile.TemporaryDirectory() as folder:
                result[task.name] = {**origin(), "steps": [measure(task, step, folder) for step in steps]}
            save_json(PATH, result, indent=1)
            for row in result[task.name]["steps"]:
                in_memory, on_disk = row["memory_bytes"] / 1e9, row["disk_bytes"] / 1e6
                print(f"{task.name:9} {row['what']:22} {in_memory:4.1f} GB {on_disk:6.1f} MB")


if __name__ == "__main__":
    run(main)
