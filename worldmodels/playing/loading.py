"""The trained parts of an agent, found on disk and checked to belong together."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from worldmodels.controller import KINDS, READS, load_parameters, parameters_fingerprint
from worldmodels.files.reading import load_json
from worldmodels.files.writing import make_folder, save_json
from worldmodels.scripts.cli import UserError

PARTS = {"vae": "V", "rnn": "M"}


class Trained(NamedTuple):
    """C, and the V and M that it was trained with."""

    controller: Any
    params: np.ndarray  # of C, (P,) float32
    folder: Path  # of V and M
    z: str  # one of READS: what C was evolved on
    temperature: float  # of the dreams that C was evolved in, or of the task's
    facts: dict  # which C, V and M these are, for a result's JSON
    vae: Any = None  # V and M are loaded by load_agent alone
    rnn: Any = None


def load_agent(task, path, weights=None, precision="float32"):
    """The Trained agent of a controller's file. precision: V's arithmetic. The others, and errors: as of find_agent."""
    found = find_agent(task, path, weights)
    vae, rnn = load_world_model(task, found.folder, precision)
    return found._replace(vae=vae, rnn=rnn)


def find_agent(task, path, weights=None):
    """As load_agent, but V and M are only checked, for which nothing has to be imported but h5py: where other processes
    will play, theirs are the first seconds that go to TensorFlow.

    path: the controller's file, a `.best.json` or the mean of a run.
    weights: the folder of V and M; if None, they are found by the fingerprints in the .run.json beside the controller.
    Whatever does not match is a UserError: a controller scores nothing with the eyes of another.

    Of <name>.run.json, beside <name>.best.json, these are read; where there is none, or one is not in it, the default:
      controller   one of controller.KINDS; the task's
      z            one of controller.READS; "sample"
      temperature  of the dreams that C learned in; the task's
      vae, rnn     fingerprints of V and M (files/weights.py); any will do, if `weights` is given
    """
    run, controller, params, z, temperature = _load_controller(task, path, weights)
    folder, vae, rnn = _find_world_model(task, run, weights)
    sha256 = {"parameters_sha256": parameters_fingerprint(params), "vae_sha256": vae, "rnn_sha256": rnn}
    return Trained(controller, params, folder, z, temperature, {"controller": controller.kind, **sha256})


def _load_controller(task, path, weights):
    """A controller's file and the note on its run: (note, Controller, params, z, temperature)."""
    run, run_path = load_run(path), _run_path(path)
    if (kind := run.get("controller", task.controller)) not in list(KINDS):  # it may be anything, a list too
        raise UserError(f"{run_path} names no known kind of controller: restore it")
    controller = task.make_controller(kind)
    params, _ = load_parameters(path, controller.num_params)
    if (z := run.get("z", "sample")) not in READS:  # a run.json without it is of before there was a choice
        raise UserError(f"{run_path} does not say whether C reads a sample of z or its mean: restore it")
    if not isinstance(temperature := run.get("temperature", task.temperature), int | float) or not temperature > 0:
        raise UserError(f"{run_path} names no temperature: restore it")
    if not weights and not ("vae" in run and "rnn" in run):
        raise UserError(
            "no .run.json beside the controller says which V and M it goes with: name their folder with --weights"
        )
    return run, controller, params.astype(np.float32), z, temperature


def _run_path(path):
    path = Path(path)
    return path.with_name(path.name.removesuffix(".json").removesuffix(".best") + ".run.json")


def load_run(path):
    """The .run.json beside a controller's file: with which V and M it was trained, and how; {} if there is none."""
    run_path = _run_path(path)
    return load_json(run_path, "the note on the run", dict) if run_path.exists() else {}


def _find_world_model(task, run, weights):
    """The folder of the V and M that a note names, and their fingerprints."""
    reasons = []
    for folder in task.weights_folders(weights):
        try:
            found = fingerprints(folder)
            _check_pair(folder, **found)
        except UserError as error:  # a half-trained pair in weights/ does not take the shipped one away
            reasons.append(str(error))
            continue
        if all(run.get(part, found[part]) == found[part] for part in found):
            return folder, *found.values()
        reasons.append(f"V and M in {folder} are not those that this controller was trained with")
    raise UserError("; ".join(reasons) + ("" if weights else "; or name the folder of V and M with --weights"))


def fingerprints(folder):
    """{"vae": that of V, "rnn": that of M} in a folder. UserError if one is missing or damaged. Nothing is built."""
    from worldmodels.files.weights import fingerprint_of_file

    return {part: fingerprint_of_file(Path(folder) / f"{part}.weights.h5", name) for part, name in PARTS.items()}


def load_world_model(task, folder, precision="float32", rnn_precision="float32"):
    """V and M from a folder, as a pair: UserError if one is missing, does not fit, or M was trained with another V.

    precision: V's arithmetic; rnn_precision: M's.
    """
    from worldmodels.files.weights import fingerprint, load_weights

    folder = Path(folder)
    vae, rnn = task.make_vae(precision), task.make_rnn(rnn_precision)
    load_weights(vae, folder / "vae.weights.h5", "V")
    load_weights(rnn, folder / "rnn.weights.h5", "M")
    _check_pair(folder, fingerprint(vae), fingerprint(rnn))
    return vae, rnn


def _check_pair(folder, vae, rnn):
    """UserError unless the note of rnn_train.py says that these fingerprints go together."""
    note = load_json(folder / "rnn.json", "the note of rnn_train.py on which V goes with M", dict)
    if note.get("rnn") != rnn:
        raise UserError(f"rnn.json in {folder} is not of the M beside it: restore them, or run rnn_train.py again")
    if note.get("vae") != vae:
        raise UserError(
            f"M in {folder} was trained with another V than the one beside it: run series.py and rnn_train.py --restart"
        )


def save_world_model(folder, vae, rnn):
    """Write V and M as a pair that load_world_model takes: so weights from elsewhere (published.py) can be played."""
    from worldmodels.files.weights import fingerprint, save_weights

    folder = make_folder(folder)
    save_weights(vae, folder / "vae.weights.h5")
    save_weights(rnn, folder / "rnn.weights.h5")
    save_json(folder / "rnn.json", {"rnn": fingerprint(rnn), "vae": fingerprint(vae)})


def check_world_model(folder, option="--weights"):
    """UserError if there is no V or no M in the folder that an option names. Needs no Keras, so it is known at once."""
    for name, script in (("vae.weights.h5", "vae_train.py"), ("rnn.weights.h5", "rnn_train.py")):
        if not (path := Path(folder) / name).exists():
            raise UserError(f"there is no {path}: run {script} first, or name a folder that has it with {option}")
