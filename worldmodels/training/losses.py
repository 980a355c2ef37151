"""Losses of a training as rows of a CSV file and as scalars for TensorBoard."""

import contextlib
import csv
import os
import socket
import time
from pathlib import Path

from worldmodels.files.reading import reading
from worldmodels.files.writing import atomic_path, make_folder
from worldmodels.scripts.cli import UserError, explain_os_error


class Losses:
    """The file `path` and, if given, TensorBoard's folder, from step `step` on. names: of the model's metrics."""

    def __init__(self, path, tensorboard, step, names):
        self.path = path
        self.fields = ["step", *names, *(f"held_out_{name}" for name in names)]
        rows = self._rows_until(step) if step and path.exists() else []  # what came later is done again
        with atomic_path(path) as temporary, open(temporary, "w", newline="") as file:
            writer = csv.DictWriter(file, self.fields, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        self.events = Events(Path(tensorboard) / path.name.removesuffix(".losses.csv"), step) if tensorboard else None

    def _rows_until(self, step):
        with (
            reading(self.path, "the table of losses", "move it away"),
            open(self.path, newline="", errors="replace") as file,
        ):
            rows = [row for row in csv.DictReader(file) if (row.get("step") or "").isdecimal()]
            return [row for row in rows if int(row["step"]) <= step]

    def write(self, step, losses):
        """losses: {metric: number}. UserError if they cannot be written."""
        with _append(self.path, newline="") as file:
            row = {name: f"{value:.6g}" for name, value in losses.items()}
            csv.DictWriter(file, self.fields).writerow({"step": step} | row)
        if self.events:
            self.events.write(step, losses)


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
