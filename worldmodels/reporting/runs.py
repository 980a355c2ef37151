"""What runs have left in folders: trainings of V and M, evolutions, scores of tests, pictures and videos."""

import fnmatch
import itertools
import os
from pathlib import Path
from typing import NamedTuple

from worldmodels.controller import fingerprint_in_file
from worldmodels.evolving.log import read_log
from worldmodels.evolving.state import checkpoint_path
from worldmodels.files.locking import locked
from worldmodels.files.reading import load_json, reading
from worldmodels.scripts.cli import UserError
from worldmodels.training.losses import TABLE, curves_of, read_rows


class Note(NamedTuple):
    """What the note beside a run says of how it was made."""

    planned: int | None = None  # how many steps or generations it was to have
    made_with: tuple = ()  # of (what, text)
    episodes: tuple = ()  # of an evolution: that candidates had played after each generation
    began: bool = False  # of an evolution: from an agent, not from 0


class Checkpoint(NamedTuple):
    """Whether a run can be gone on with, and whether a process is at it now."""

    there: bool
    locked: bool


class Training(NamedTuple):
    """A training of V or M."""

    label: str
    curves: dict  # see training.losses.curves_of; empty if no step has been noted yet
    note: Note
    checkpoint: Checkpoint


class Evolution(NamedTuple):
    """An evolution of C."""

    label: str
    history: list  # of evolving.state.Generation
    evaluations: list  # of evolving.state.Evaluation
    best: str | None  # the fingerprint of the best C
    note: Note
    checkpoint: Checkpoint

    @property
    def task(self):
        return Path(self.label).name.split(".")[0]


class Test(NamedTuple):
    """The scores of an agent on episodes it was not trained on."""

    label: str
    task: str
    world: str
    parameters: str  # fingerprint of C's
    z: str
    mean: float
    std: float
    scores: list


class Found(NamedTuple):
    """All that is in some folders."""

    trainings: list
    evolutions: list
    tests: list
    pictures: list  # paths of V's reconstructions
    videos: list  # paths
    problems: list  # a line about each file that is damaged

    def __bool__(self):
        """Whether there is a run: pictures and videos alone are none."""
        return any((self.trainings, self.evolutions, self.tests))


def find(folders):
    """The Found of folders and of all that is below them. UserError if one is not there."""
    paths = sorted({path for folder in folders for path in _files(folder)})
    problems = []

    def load(pattern, function):
        matching = [path for path in paths if fnmatch.fnmatch(path.name, f"*{pattern}")]
        return [found for path in matching if (found := attempt(problems, function, path, problems))]

    return Found(
        trainings=load(TABLE, load_training),
        evolutions=load(".hist.json", load_evolution),
        tests=load(".seed*.json", load_test),
        pictures=load("_reconstructions.png", lambda path, _: path),
        videos=load(".mp4", lambda path, _: path) + load(".gif", lambda path, _: path),
        problems=problems,
    )


def _files(folder):
    if not Path(folder).is_dir():
        raise UserError(f"there is no folder {folder}: name one in which something was trained")
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(root) / name for name in names if not name.startswith("."))


def attempt(problems, function, *values):
    """function(*values), or None and a line more in `problems` if it raises a UserError."""
    try:
        return function(*values)
    except UserError as error:
        problems.append(str(error))
    return None


def label(path):
    """A path as seen from where the user stands, if it is below."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def load_training(path, problems):
    """The Training whose table of losses is at `path`."""
    name = path.name.removesuffix(TABLE)
    curves = curves_of(read_rows(path))
    note = _note(path.with_name(f"{name}.run.json"), problems, _training_note)
    folder = path.parent / "checkpoints" / name
    checkpoint = Checkpoint((folder / "checkpoint.npz").exists(), locked(folder / "lock"))
    return Training(label(path.with_name(name)), curves, note, checkpoint)


def load_evolution(path, problems):
    """The Evolution whose rows are in the `.hist.json` at `path`."""
    name = path.name.removesuffix(".hist.json")
    history, evaluations = read_log(path)
    note = _note(path.with_name(f"{name}.run.json"), problems, _evolution_note, len(history))
    best = path.with_name(f"{name}.best.json")
    fingerprint = attempt(problems, fingerprint_in_file, best) if best.exists() else None
    file = checkpoint_path(path.parent, name)
    checkpoint = Checkpoint(file.exists(), locked(file.with_suffix(".lock")))
    return Evolution(label(path.with_name(name)), history, evaluations, fingerprint, note, checkpoint)


def load_test(path, _):
    """The Test in a JSON of model.py."""
    with reading(path, "the scores of a test", "remove it"):
        data = load_json(path, "the scores of a test", dict, "remove it")
        texts = (str(data[name]) for name in ("task", "world", "parameters_sha256"))
        scores = [float(score) for score in data["scores"]]
        if not scores:
            raise ValueError("it has no scores")
        return Test(label(path), *texts, data.get("z", "sample"), float(data["mean"]), float(data["std"]), scores)


def _note(path, problems, read, *values):
    """read(the content of the note at `path`, *values); an empty Note if there is none, or if it is damaged."""

    def load():
        with reading(path, "the note on a run"):
            return read(load_json(path, "the note on a run", dict), *values)

    return (path.exists() and attempt(problems, load)) or Note()


def _training_note(note):
    settings = [(word.replace("_", " "), str(value)) for word, value in note["settings"].items()]
    return Note(int(note["starts"][-1]["steps"]), (*settings, *_starts(note["starts"], "step")))


def _evolution_note(note, generations):
    starts = note.get("starts") or [{"generation": 0, **note}]  # the first logs note one start
    options = starts[-1]["options"]
    made_with = (*_agent(note), *_starts(starts, "generation"))
    if not options:  # an optimizer of one's own has its own
        return Note(made_with=made_with)
    return Note(int(options["generations"]), made_with, _episodes(options, generations), bool(options["init"]))


def _episodes(options, generations):
    """How many episodes candidates had played after each generation."""
    plan = options.get("schedule") or options["num_episode"]  # the first logs have them under two names
    plan = plan if isinstance(plan, list) else [[1, plan]]
    played = ([count for first, count in plan if first <= number][-1] for number in range(1, generations + 1))
    return tuple(itertools.accumulate(int(options["popsize"]) * count for count in played))


def _agent(note):
    """What an evolution's note says of the agent."""
    facts = [("C", f"{note['controller']}, {note['num_params']:,} parameters, --z {note.get('z', 'sample')}")]
    facts += [(name, note[part][:12]) for name, part in (("V", "vae"), ("M", "rnn")) if part in note]
    if "temperature" in note:
        facts.append(("dreams at temperature", f"{note['temperature']:g}"))
    return facts


def _starts(starts, unit):
    """What a note says of each start of a run, and of the machine and the packages of the last one."""
    facts = [(f"from {unit} {start[unit]:,} on", start["command"]) for start in starts]
    last = starts[-1]
    workers = f"; workers: {last['workers']}" if "workers" in last else ""
    versions = ", ".join(f"{name} {version}" for name, version in last["versions"].items())
    return [*facts, ("machine", last["machine"] + workers), ("versions", versions)]
