"""Kill and damage at random, for as long as it is told, and count what came of it:

    python tests/campaign.py --minutes 30 --seed 1 [--task doomrnn] [--keep FOLDER]

First the numbered scripts run undisturbed at a tiny scale. Then, over and over, either a script is killed (-9) once to
three times at random moments and run again, and has to leave what the undisturbed run left; or one of its files is
damaged, and it has to refuse it in one line, to repair it, or not to mind. Exit code 1 if anything else happens. Not a
part of `make test`: it takes as long as one likes, and every run is another one.
"""

import argparse
import collections
import hashlib
import json
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 120  # after which a script counts as hung
VOLATILE = {"seconds", "command", "machine", "wall_seconds", "frames_per_second", "starts", "played", "versions"}
VOLATILE |= {"episodes_before", "played_now", "workers"}


def steps_of(task):
    """name -> (command, the files or folders that it reads, those that it writes), in a folder of its own."""
    evolution = "--popsize 4 --num_episode 2 --eval_steps 1 --eval_episodes 4 --generations 3 --workers 2 --slots 4"
    agent = f"log/{task.split('/')[-1]}.cma.2.4.best.json"
    extra = "doomrnn" if task == "doomrnn" else ""
    steps = {
        "extract": ("extract.py --episodes 5 --workers 2", [], ["record"]),
        "vae_train": ("vae_train.py --steps 30 --batch_size 20", ["record"], ["weights/vae.weights.h5"]),
        "series": ("series.py", ["record", "weights/vae.weights.h5"], ["series"]),
        "rnn_train": (
            "rnn_train.py --steps 12 --batch_size 4 --sequence 10",
            ["series", "weights/vae.weights.h5"],
            ["weights/rnn.weights.h5", "weights/rnn.json", "weights/initial_z.json"],
        ),
        "train": (f"train.py {evolution}", ["weights", "log/checkpoints"], ["log"]),
        "model": (
            f"model.py {extra} norender {agent} --weights weights --episodes 4 --slots 4 --workers 2 --results results",
            ["weights", "log"],
            ["results"],
        ),
    }
    if task == "carracing":
        command = f"generation_script.py --threads 2 --rollouts 3 --controller {agent} --weights weights"
        steps["generation"] = (command, ["expert_rollouts", "log", "weights"], ["expert_rollouts"])
    return steps


class Campaign:
    def __init__(self, task, folder, seed):
        self.task, self.whole, self.random = task, folder / "whole", random.Random(seed)
        self.trial = folder / "trial"
        self.steps, self.durations, self.counts = steps_of(task), {}, collections.Counter()
        self.bad = []

    def start(self, folder, command):
        script, *words = command.split()
        command = [sys.executable, ROOT / self.task / script, *words]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen(command, cwd=folder, text=True, start_new_session=True, **pipes)

    def run(self, folder, command):
        """Returns (exit code, or None if it hung; what it printed)."""
        process = self.start(folder, command)
        try:
            out = process.communicate(timeout=SECONDS)[0]
            return process.returncode, out
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return None, process.communicate()[0]

    def prepare(self):
        self.whole.mkdir(parents=True)
        for name, (command, _, _) in self.steps.items():
            began = time.monotonic()
            code, out = self.run(self.whole, command)
            if code:
                sys.exit(f"{name} does not even run undisturbed:\n{out}")
            self.durations[name] = time.monotonic() - began
            print(f"undisturbed: {name}, {self.durations[name]:.0f} s", flush=True)

    def copy(self):
        shutil.rmtree(self.trial, ignore_errors=True)
        shutil.copytree(self.whole, self.trial)

    def kill(self):
        name = self.random.choice(list(self.steps))
        command, _, written = self.steps[name]
        self.copy()
        for path in written:
            _remove(self.trial / path)
        if name in ("vae_train", "rnn_train"):
            _remove(self.trial / "weights" / "checkpoints" / name.split("_")[0])
        for _ in range(self.random.randint(1, 3)):
            process = self.start(self.trial, command)
            time.sleep(self.random.uniform(0, 1.1 * self.durations[name]))
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
                self.counts["kills"] += 1
            process.communicate(timeout=SECONDS)  # until the workers, which share its output, are gone too
        code, out = self.run(self.trial, command)
        self.counts["killed runs"] += 1
        if code:
            return self.blame(f"{name} after kills: exit code {code}", out)
        if different := [p for p in written if _content(self.trial / p) != _content(self.whole / p)]:
            return self.blame(f"{name} after kills: another result in {different}", out)
        if left := [str(p) for p in self.trial.rglob("*") if ".tmp." in p.name or p.name.endswith(".part")]:
            return self.blame(f"{name} after kills: left {left}", out)
        self.counts["killed runs that came out the same"] += 1
        return None

    def damage(self):
        name = self.random.choice([name for name, (_, read, _) in self.steps.items() if read])
        command, read, written = self.steps[name]
        self.copy()
        files = [file for path in read for file in _files(self.trial / path)]
        victim, kind = self.random.choice(files), self.random.choice(DAMAGES)
        marker = self.trial / "code was run"
        kind(victim, self.random, marker)
        if name != "train":
            for path in set(written) - set(read):
                _remove(self.trial / path)
        code, out = self.run(self.trial, command)
        what = f"{kind.__name__} of {victim.relative_to(self.trial)}, read by {name}"
        self.counts["damaged inputs"] += 1
        if marker.exists():
            self.blame(f"{what}: RAN CODE", out)
        elif code is None:
            self.blame(f"{what}: hung", out)
        elif "Traceback" in out:
            self.blame(f"{what}: traceback", out)
        elif code == 0:
            self.counts["repaired or harmless"] += 1
        elif code == 2 and sum("error:" in line for line in out.splitlines()) == 1:
            self.counts["refused in one line"] += 1
        else:
            self.blame(f"{what}: exit code {code}", out)

    def blame(self, what, out):
        self.counts["bad"] += 1
        self.bad.append(what)
        print(f"BAD: {what}\n    " + "\n    ".join(out.replace("\r", "\n").splitlines()[-6:]), flush=True)


def flip_a_bit(path, rng, _):
    data = bytearray(path.read_bytes() or b"\0")
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def cut_short(path, rng, _):
    path.write_bytes(path.read_bytes()[: rng.randrange(max(1, path.stat().st_size))])


def noise(path, rng, _):
    path.write_bytes(rng.randbytes(rng.randrange(1, 5000)))


def folder(path, _, __):
    path.unlink()
    path.mkdir()


def named_pipe(path, _, __):
    path.unlink()
    os.mkfifo(path)


def hostile(path, _, marker):
    class Touch:
        def __reduce__(self):
            return os.system, (f"touch '{marker}'",)

    if path.suffix == ".npz":
        np.savez(path, *[np.array([Touch()], object)] * 2)
    else:
        path.write_bytes(pickle.dumps(Touch()))


def odd_content(path, rng, _):
    """A file of the right format with something wrong in it."""
    if path.suffix == ".json":
        words = ["NaN", "1e999", "9" * 400, '"text"', "null", "[]", "{}", "-1", "true"]
        numbers = path.read_text().replace("[", "[ ").replace("]", " ]").split(" ")
        places = [i for i, word in enumerate(numbers) if word.strip(",\n").replace(".", "").lstrip("-").isdigit()]
        if places:
            place = rng.choice(places)
            numbers[place] = rng.choice(words) + "," * numbers[place].endswith(",")
        path.write_text(" ".join(numbers))
    elif path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as data:
            arrays = dict(data)
        name = rng.choice(list(arrays))
        changes = [lambda a: a[:1], lambda a: a.astype(str), lambda a: np.full(a.shape, np.nan), lambda a: a[..., None]]
        arrays[name] = rng.choice(changes)(np.atleast_1d(arrays[name]))
        np.savez(path, **arrays)
    elif path.suffix == ".h5":
        with h5py.File(path, "r+") as file:
            name = rng.choice(list(file))
            shape = file[name].shape
            del file[name]
            if rng.random() < 0.5:
                file.create_dataset(name, (10**6, 10**6), "f4")  # 4 TB
            else:
                file[name] = np.full(shape, b"text")


DAMAGES = [flip_a_bit, flip_a_bit, cut_short, noise, folder, named_pipe, hostile, odd_content, odd_content]


def _files(path):
    if path.is_file():
        return [path]
    return sorted(
        file for file in path.rglob("*") if file.is_file() and file.suffix != ".lock" and ".png" not in file.name
    )


def _remove(path):
    shutil.rmtree(path, ignore_errors=True)
    if path.is_file():
        path.unlink()


def _content(path):
    """What a file or folder holds, without times and places: two runs that did the same have the same."""
    return {
        str(file.relative_to(path.parent)): _digest(file) for file in _files(path) if "checkpoints" not in file.parts
    }


def _digest(file):
    if file.suffix == ".json":
        return json.dumps(_lasting(json.loads(file.read_text())), sort_keys=True)
    if file.suffix == ".npz":
        with np.load(file) as data:
            return {name: hashlib.sha256(data[name].tobytes()).hexdigest() for name in data}
    if file.suffix == ".h5":
        with h5py.File(file) as data:
            return {name: hashlib.sha256(data[name][()].tobytes()).hexdigest() for name in data}
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _lasting(data):
    if isinstance(data, dict):
        return {key: _lasting(value) for key, value in data.items() if key not in VOLATILE}
    if isinstance(data, list) and len(data) > 2 and isinstance(data[0], list) and isinstance(data[0][0], int):
        return [[row[0], *row[2:]] for row in data]  # a history: its second column is seconds
    return data


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--task", default="carracing", choices=("carracing", "doomrnn", "examples/pole"))
    parser.add_argument("--keep", type=Path, help="folder to work in; if not given, one in /tmp that is removed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="campaign-") as temporary:
        campaign = Campaign(options.task, options.keep or Path(temporary), options.seed)
        campaign.prepare()
        until = time.monotonic() + 60 * options.minutes
        while time.monotonic() < until:
            campaign.random.choice([campaign.kill, campaign.damage, campaign.damage])()
            print(", ".join(f"{count} {name}" for name, count in campaign.counts.items()), flush=True)
    print(f"seed {options.seed}: " + ("all as it should be" if not campaign.bad else "\n".join(campaign.bad)))
    sys.exit(bool(campaign.bad))


if __name__ == "__main__":
    main()
