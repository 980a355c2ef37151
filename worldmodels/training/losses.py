"""Losses of a training as rows of a CSV file, as a picture, and as scalars for TensorBoard."""

import contextlib
import csv
import os
import re
import socket
import time
from pathlib import Path

from worldmodels.files.reading import LARGEST, reading
from worldmodels.files.writing import atomic_path, make_folder
from worldmodels.reporting.curves import losses_figure
from worldmodels.reporting.pictures import save_picture
from worldmodels.scripts.cli import UserError, explain_os_error

TABLE = ".losses.csv"


class Losses:
    """The file `path` and, if given, TensorBoard's folder, from step `step` on. names: of the model's metrics."""

    def __init__(self, path, tensorboard, step, names):
        self.path = path
        self.fields = ["step", *names, *(f"held_out_{name}" for name in names)]
        before = read_rows(path) if step and path.exists() else []
        rows = [row for row in before if int(row["step"]) <= step]  # what came later is done again
        with atomic_path(path) as temporary, open(temporary, "w", newline="") as file:
            writer = csv.DictWriter(file, self.fields, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        run = Path(path.parent.name) / path.name.removesuffix(TABLE)
        self.events = Events(Path(tensorboard) / run, step) if tensorboard else None

    def write(self, step, losses):
        """losses: {metric: number}. UserError if they cannot be written."""
        with _append(self.path, newline="") as file:
            row = {name: f"{value:.6g}" for name, value in losses.items()}
            csv.DictWriter(file, self.fields).writerow({"step": step} | row)
        if self.events:
            self.events.write(step, losses)

    def draw(self, steps):
        """Draw the curves so far, beside the table. steps: how many the training will have."""
        name = self.path.name.removesuffix(TABLE)
        path = self.path.with_name(f"{name}.curves.png")
        save_picture(path, lambda: losses_figure(name, curves_of(read_rows(self.path)), steps))


def read_rows(path):
    """The rows of a table of losses, as dicts of texts. What is no whole row is left out: a run may be writing it."""
    with reading(path, "the table of losses", "move it away"), open(path, newline="", errors="replace") as file:
        rows = csv.DictReader(line for line in file if line.endswith("\n"))
        return [row for row in rows if re.fullmatch(r"\d{1,15}", row.get("step") or "")]


def curves_of(rows):
    """{name of a column: (steps, values)} of `read_rows`, without what is no number."""
    curves = {}
    for row in rows:
        for name, text in row.items():
            with contextlib.suppress(TypeError, ValueError):
                if name != "step" and abs(value := float(text)) < LARGEST:
                    steps, values = curves.setdefault(name, ([], []))
                    steps.append(int(row["step"]))
                    values.append(value)
    return curves


class Events:
    """Scalars in a folder for TensorBoard. They need no TensorFlow: the backend may be another one."""

    def __init__(self, folder, step):
        from tensorboard.compat.proto import event_pb2, summary_pb2

        self.event, self.summary = event_pb2.Event, summary_pb2.Summary
        name = f"events.out.tfevents.{time.time():.0f}.{socket.gethostname()}.{os.getpid()}"
        self.path = make_folder(folder) / name
        self._add(file_version="brain.Event:2")
        restarted = event_pb2.SessionLog(status=event_pb2.SessionLog.START)  # later points of a killed run are hidden
        self._add(step=step, session_log=restarted)

    def write(self, step, losses):
        values = [self.summary.Value(tag=name, simple_value=float(value)) for name, value in losses.items()]
        self._add(step=step, summary=self.summary(value=values))

    def _add(self, **content):
        from tensorboard.summary.writer.record_writer import RecordWriter

        event = self.event(wall_time=time.time(), **content)
        with _append(self.path, "b") as file:
            RecordWriter(file).write(event.SerializeToString())


@contextlib.contextmanager
def _append(path, mode="", **options):
    """Open a file for one more entry; a UserError says why it cannot be written."""
    try:
        with open(path, f"a{mode}", **options) as file:
            yield file
    except OSError as error:
        raise UserError(f"cannot write {path}: {explain_os_error(error)}") from error
