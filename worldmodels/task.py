"""What the library needs to know of a task, and its agent: V, M and C found, checked and put together."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from worldmodels.controller import KINDS, Controller, load_parameters
from worldmodels.files.reading import load_json
from worldmodels.files.writing import make_folder, save_json
from worldmodels.scripts.cli import UserError
from worldmodels.scripts.precision import PRECISIONS


@dataclasses.dataclass(frozen=True)
class Task:
    """A task's sizes, as in the paper's tables, its controller and its environment."""

    name: str
    folder: Path  # the scripts' folder, where weights/, pretrained/ and log/ are looked for
    z_size: int
    hidden_size: int
    action_size: int
    end_logit: bool  # M also predicts the end of the episode, and reads a restart flag
    controller: str  # the kind the paper uses for this task
    controller_bias: bool
    max_steps: int
    to_action: Callable  # C's outputs (n, A) -> actions (n, A)
    shortest_episode: int  # frames: random rollouts that end sooner are not learned from
    make_env: Callable  # (render_mode=None) -> a Gymnasium environment with 64x64 observations

    def weights_folders(self, weights=None):
        """Where to look for V and M: in `weights` if given, else in weights/ (one's own) and pretrained/ (shipped)."""
        return [Path(weights)] if weights else [self.folder / "weights", self.folder / "pretrained"]


def controller_of(task, kind=None):
    """The task's controller, or one of another kind."""
    return Controller(kind or task.controller, task.z_size, task.hidden_size, task.action_size, task.controller_bias)


def build_vae(task, precision="float32"):
    from worldmodels.vae import VAE

    return VAE(task.z_size, dtype=PRECISIONS[precision])


def build_rnn(task, precision="float32"):
    from worldmodels.rnn import MDNRNN

    sizes = task.z_size, task.action_size, task.hidden_size
    return MDNRNN(*sizes, done=task.end_logit, dtype=PRECISIONS[precision])


def load_world_model(task, folder, precision="float32"):
    """V and M from a folder, as a pair: UserError if one is missing, does not fit, or M was trained with another V."""
    from worldmodels.files.weights import fingerprint, load_weights

    vae, rnn = build_vae(task, precision), build_rnn(task)
    load_weights(vae, Path(folder) / "vae.weights.h5", "V")
    load_weights(rnn, Path(folder) / "rnn.weights.h5", "M")
    note = load_json(Path(folder) / "rnn.json", "the note of rnn_train.py on which V goes with M", dict)
    if note.get("rnn") != fingerprint(rnn):
        raise UserError(f"rnn.json in {folder} is not of the M beside it: restore them, or run rnn_train.py again")
    if note.get("vae") != fingerprint(vae):
        raise UserError(
            f"M in {folder} was trained with another V than the one beside it: run series.py and rnn_train.py --restart"
        )
    return vae, rnn


def save_world_model(folder, vae, rnn):
    """Write V and M as a pair that load_world_model takes: so weights from elsewhere (published.py) can be played."""
    from worldmodels.files.weights import fingerprint, save_weights

    folder = make_folder(folder)
    save_weights(vae, folder / "vae.weights.h5")
    save_weights(rnn, folder / "rnn.weights.h5")
    save_json(folder / "rnn.json", {"rnn": fingerprint(rnn), "vae": fingerprint(vae)})


def check_world_model(folder):
    """UserError if there is no V or no M in a folder. Needs no Keras, so nothing has to be loaded to find out."""
    for name, script in (("vae.weights.h5", "vae_train.py"), ("rnn.weights.h5", "rnn_train.py")):
        if not (path := Path(folder) / name).exists():
            raise UserError(f"there is no {path}: run {script} first, or name a folder that has it with --weights")


def _run_path(path):
    path = Path(path)
    return path.with_name(path.name.removesuffix(".json").removesuffix(".best") + ".run.json")


def load_run(path):
    """The .run.json beside a controller's file: with which V and M it was trained, and how; {} if there is none."""
    run_path = _run_path(path)
    return load_json(run_path, "the note on the run", dict) if run_path.exists() else {}


def load_controller(task, path):
    """A `.best.json`, or the mean of a run -> (Controller, parameters (P,) float32, run: of load_run)."""
    run = load_run(path)
    if (kind := run.get("controller", task.controller)) not in KINDS:
        raise UserError(f"{_run_path(path)} names no known kind of controller: restore it")
    controller = controller_of(task, kind)
    params, _ = load_parameters(path, controller.num_params)
    return controller, params.astype(np.float32), run


def find_world_model(task, run, weights=None, precision="float32"):
    """The V and M that a controller was trained with, by the fingerprints in its .run.json; returns (folder, vae, rnn).

    weights: see Task.weights_folders. Whatever does not match is a UserError: a controller scores nothing with the
    eyes of another.
    """
    from worldmodels.files.weights import fingerprint

    if not run and not weights:
        raise UserError(
            "no .run.json beside the controller says which V and M it goes with: name their folder with --weights"
        )
    reasons = []
    for folder in task.weights_folders(weights):
        try:
            vae, rnn = load_world_model(task, folder, precision)
        except UserError as error:  # a half-trained pair in weights/ does not take the shipped one away
            reasons.append(str(error))
            continue
        if not run or (run.get("vae"), run.get("rnn")) == (fingerprint(vae), fingerprint(rnn)):
            return folder, vae, rnn
        reasons.append(f"V and M in {folder} are not those that this controller was trained with")
    raise UserError("; ".join(reasons))


def load_agent(task, path, slots, weights=None, precision="float32", reads=None):
    """The whole agent of a controller file. Returns (Agent, parameters (P,), facts for a result's JSON).

    reads: "sample" or "mean"; if None, what C was evolved on, by its .run.json.
    """
    from worldmodels.agent import READS, Agent

    controller, params, run = load_controller(task, path)
    reads = reads or run.get("z", "sample")  # a run.json without it is of before there was a choice
    if reads not in READS:
        raise UserError(f"{_run_path(path)} does not say whether z is a sample or the mean: restore it")
    _, vae, rnn = find_world_model(task, run, weights, precision)
    agent = Agent(vae, rnn, controller, task.to_action, slots, task.max_steps, reads)
    return agent, params, agent_facts(controller, params, vae, rnn) | {"precision": precision, "z": reads}


def agent_facts(controller, params, vae, rnn):
    """Which C, V and M these are, for a result's JSON."""
    import hashlib

    from worldmodels.files.weights import fingerprint

    return {
        "controller": controller.kind,
        "parameters_sha256": hashlib.sha256(np.ascontiguousarray(params, "<f4").tobytes()).hexdigest(),
        "vae_sha256": fingerprint(vae),
        "rnn_sha256": fingerprint(rnn),
    }
