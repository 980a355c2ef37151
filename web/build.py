"""The page as a static folder: python -m web.build  ->  web/dist/

Any web server can serve it. It loads nothing from elsewhere. serve.py, beside this script, shows it on this machine.
"""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

from worldmodels.files.writing import make_folder
from worldmodels.parallel.threads import limit_threads
from worldmodels.scripts.cli import Parser, UserError, explain_os_error, run
from worldmodels.scripts.streams import quiet_stderr

HERE = Path(__file__).resolve().parent
DIST = HERE / "dist"
LIBRARY = HERE / "node_modules" / "onnxruntime-web" / "dist"
SCRIPT, WASM = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"  # the build without WebGPU, see the README


def main():
    Parser(description=__doc__.splitlines()[0]).parse_args()
    limit_threads()
    build(DIST)


def build(out):
    """Make the page in the folder `out`. What was there before goes, when all is ready."""
    install_library()
    with quiet_stderr():
        from carracing.task import CARRACING
        from doomrnn.task import DOOM
        from web.export import export, save_gzip
    with whole_folder(out) as folder:
        shutil.copytree(HERE / "site", folder, dirs_exist_ok=True)
        make_folder(folder / "library")
        shutil.copy(LIBRARY / SCRIPT, folder / "library")
        save_gzip(folder / "library" / "ort.gzip", (LIBRARY / WASM).read_bytes())
        for task in (CARRACING, DOOM):
            print(f"{task.name}: its networks, and frames of an episode", flush=True)
            with quiet_stderr():
                export(task, folder / task.name)
        size = sum(path.stat().st_size for path in folder.rglob("*"))
    print(f"wrote {out} ({size / 1e6:.1f} MB)")


def install_library():
    """Fetch the packages of package-lock.json into node_modules/, if they are not there yet."""
    if not (shutil.which("node") and shutil.which("npm")):
        raise UserError("node and npm are needed, to fetch onnxruntime-web: install them (apt-get install nodejs npm)")
    lock, installed = HERE / "package-lock.json", HERE / "node_modules" / ".package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    print("onnxruntime-web: fetching it with npm", flush=True)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    result = subprocess.run(command, cwd=HERE, text=True, capture_output=True)
    if result.returncode:
        reason = next(iter(result.stderr.strip().splitlines()), f"exit code {result.returncode}")
        raise UserError(f"npm could not fetch onnxruntime-web ({reason}): see to it, and run the same command again")


@contextlib.contextmanager
def whole_folder(out):
    """Yield a new folder, which takes the place of `out` when the block ends well and is removed when it does not."""
    make_folder(out.parent)
    new, old = (out.with_name(f".{out.name}.tmp.{name}") for name in ("new", "old"))
    try:
        for leftover in (new, old):  # of a build that was killed
            shutil.rmtree(leftover, ignore_errors=True)
        new.mkdir()
        yield new
        if out.exists():
            os.replace(out, old)
        os.replace(new, out)
    except OSError as error:
        raise UserError(f"cannot write {out}: {explain_os_error(error)}") from error
    finally:
        for leftover in (new, old):
            shutil.rmtree(leftover, ignore_errors=True)


if __name__ == "__main__":
    run(main)
