"""Expert rollouts as a Minari dataset: one HDF5 file that minari.load_dataset reads, lossless and compressed.

Minari itself would store frames raw (12 MB for 1,000 of them) or as JPEG, and start over when it is killed. So the file
is written here, in its layout. Each rollout first becomes a small file beside the dataset; at last they are joined.
"""

import copy
import functools
import hashlib
import io
import os
import shutil
from pathlib import Path

import gymnasium
import h5py
import numpy as np
from tqdm import tqdm

from worldmodels.data.expert import AGAIN, env_options, load_manifest, load_rollout, rollout_number, rollout_path
from worldmodels.files.reading import reading
from worldmodels.files.writing import atomic_path, make_folder
from worldmodels.parallel.processes import available_cores
from worldmodels.parallel.workers import run_in_processes
from worldmodels.scripts.cli import UserError, positive_int

CHUNK = 50  # frames that are compressed together: who reads one reads them all


def add_options(parser, task):
    """The options of every task's export_minari.py."""
    add = parser.add_argument
    add("folder", nargs="?", default="expert_rollouts", help="of the rollouts and their manifest.json")
    add("--id", dest="dataset_id", default=f"{task.name}/expert-v0", help="of the dataset: (namespace/)name-v(number)")
    add("--workers", type=positive_int, default=available_cores(), help="processes")


def export(task, *, folder, dataset_id, workers):
    """Make a dataset of the rollouts in a folder, where Minari looks for it. It is there whole or not at all.

    UserError if Minari is missing, if there is such a dataset, or if a rollout is missing, damaged or of another kind
    than the others.
    """
    target = _path_of(dataset_id)
    manifest = load_manifest(folder, "restore it, or make rollouts anew with generation_script.py")
    rows = manifest["rollouts"]
    _check_numbers(folder, manifest)
    unfinished = target.with_name(f".{target.name}.unfinished")
    parts = make_folder(unfinished / "episodes")
    jobs = [(k, row) for k, row in enumerate(rows) if not _is_part_of(_part(parts, k), row)]
    convert_all(functools.partial(convert, task, folder, parts), jobs, len(rows), workers)
    storage = _new_storage(task, unfinished / "data", manifest)
    _join(parts, len(rows), unfinished / "data" / "main_data.hdf5")
    steps = sum(row["steps"] for row in rows)
    _describe(storage, dataset_id, task, manifest, steps)
    shutil.rmtree(parts)
    os.replace(unfinished, target)
    print(f"wrote the Minari dataset {dataset_id}: {len(rows)} episodes, {steps} steps, in {target}")
    print(f'minari.load_dataset("{dataset_id}") reads it, and its recover_environment() gives the environment')


def convert_all(work, jobs, total, workers):
    with tqdm(total=total, initial=total - len(jobs), unit="rollout", desc="converting") as progress:
        for _ in run_in_processes(work, jobs, min(workers, len(jobs))):
            progress.update()


def convert(task, folder, parts, jobs):
    """A worker's part: write one file for each (number, row of the manifest); yield the number."""
    for k, row in jobs:
        path = rollout_path(folder, k)
        frames, _ = load_rollout(task, path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if row.get("sha256", digest) != digest:
            raise UserError(
                f"{path} is not the rollout that manifest.json notes: it is damaged, or of another run, agent or "
                f"colours; {AGAIN}"
            )
        content = io.BytesIO()  # not the file itself: of a full disk, h5py says nothing that a user could act on
        with h5py.File(content, "w") as file:
            file.attrs["sha256"] = digest
            _write_episode(file.create_group("episode"), k, row, frames, task.max_steps)
        with atomic_path(_part(parts, k)) as temporary:
            temporary.write_bytes(content.getbuffer())
        yield k


def _write_episode(group, k, row, frames, max_steps):
    """One episode in Minari's layout. Of the full length, it was cut off; a shorter one was terminated."""
    steps = len(frames.rewards)
    last, cut = np.arange(steps) == steps - 1, steps == max_steps
    group.attrs.update({"id": k, "seed": row["seed"], "total_steps": steps, "score": row["score"]})
    group.create_dataset(
        "observations", data=frames.observations, chunks=(min(CHUNK, steps + 1), 64, 64, 3), compression=1
    )
    group["actions"], group["rewards"] = frames.actions, frames.rewards
    group["terminations"], group["truncations"] = last & (not cut), last & cut
    group.create_group("infos")


def _part(parts, k):
    return parts / f"episode_{k}.hdf5"


def _is_part_of(path, row):
    """Whether a rollout was converted already, when we were killed."""
    try:
        with reading(path, "a converted rollout"), h5py.File(path) as file:
            return file.attrs["sha256"] == row.get("sha256")
    except UserError:  # it is not there, or damaged: it is made anew
        return False


def _check_numbers(folder, manifest):
    """UserError unless the folder holds the rollouts that its manifest lists, and no others."""
    if not manifest["complete"]:
        raise UserError(f"the rollouts in {folder} are not complete: run generation_script.py again")
    listed = range(len(manifest["rollouts"]))
    there = {rollout_number(path) for path in Path(folder).glob("rollout_*.npz")} - {None}
    if missing := [k for k in listed if k not in there]:
        raise UserError(f"there is a gap in {folder}: rollout_{missing[0]}.npz is missing; {AGAIN}")
    if more := sorted(there.difference(listed)):
        raise UserError(
            f"rollout_{more[0]}.npz in {folder} is not in its manifest.json, so it may be of another run, agent or "
            "colours: remove it, or run generation_script.py with more --rollouts"
        )


def _path_of(dataset_id):
    """Where Minari looks for a dataset. UserError if Minari is missing, the id is none, or there is such a dataset."""
    try:
        from minari.dataset.minari_dataset import parse_dataset_id
        from minari.storage import get_dataset_path
    except ImportError as error:
        raise UserError(
            f"Minari is missing ({error}): pip install -r requirements-minari.txt, in the top folder"
        ) from None
    try:
        parse_dataset_id(dataset_id)
    except (ValueError, TypeError):
        raise UserError(f"--id {dataset_id} is no name for a dataset: it has to be like carracing/expert-v0") from None
    if (path := get_dataset_path(dataset_id)).exists():
        raise UserError(f"there is a Minari dataset {dataset_id} already, in {path}: remove it, or choose another --id")
    return path


def _new_storage(task, path, manifest):
    """A MinariStorage without episodes, with the environment of the rollouts."""
    from minari.dataset.minari_storage import MinariStorage

    shutil.rmtree(path, ignore_errors=True)  # of a run that was killed while it joined the parts
    options = env_options(manifest["made_with"])
    spec, env = copy.deepcopy(gymnasium.spec(task.env_id)), task.make_env(**options)
    spec.kwargs.update(options)
    return MinariStorage.new(path, env.observation_space, env.action_space, spec, "hdf5", jpeg_encoding=False)


def _join(parts, count, path):
    with h5py.File(path, "w", track_order=True) as file:
        for k in tqdm(range(count), unit="episode", desc="joining"):
            with h5py.File(_part(parts, k)) as part:
                part.copy("episode", file, f"episode_{k}")


def _describe(storage, dataset_id, task, manifest, steps):
    import minari
    from minari.dataset.minari_dataset import parse_dataset_id
    from minari.namespace import create_namespace, list_local_namespaces

    namespace = parse_dataset_id(dataset_id)[0]
    if namespace and namespace not in list_local_namespaces():
        create_namespace(namespace)
    storage.update_metadata(
        {
            "dataset_id": dataset_id,
            "minari_version": minari.__version__,
            "algorithm_name": "World Models (Ha & Schmidhuber, 2018)",
            "description": f"Episodes of {task.name} by a trained agent. Attributes of an episode: seed, score.",
            "total_episodes": len(manifest["rollouts"]),
            "total_steps": steps,
            "dataset_size": storage.get_size(),
            "made_with": manifest["made_with"],
        }
    )
