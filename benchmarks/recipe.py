"""The time a recipe takes, command by command: python benchmarks/recipe.py carracing/recipes/laptop.sh

Run it in a fresh clone after `make setup`, with nothing else running. It runs every command of the recipe. Killed and
run again, it goes on: what ran before counts, the pause does not. The times are in
results/benchmark_recipe_<task>_<recipe>.json.
"""

import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

from backends import RESULTS

from worldmodels.files.provenance import origin
from worldmodels.files.reading import load_json
from worldmodels.files.writing import save_json
from worldmodels.scripts.cli import Parser, UserError, run

SECONDS = 1  # from one look at the clock to the next


def commands_of(recipe):
    """[(step, command)] of a recipe, in order."""
    text, found = recipe.read_text().replace("\\\n", ""), []
    for step, commands in re.findall(r"^# (\w+)\..*\n((?:[^#\n].*\n)+)", text, re.M):
        found += [(step, " ".join(command.split())) for command in commands.splitlines()]
    return found


def timed(command, folder, before=0.0):
    """Run a command in a folder. Yields the seconds that it has taken, `before` included, until it has ended."""
    words = shlex.split(command)
    if words[0] == "python":
        words[0] = sys.executable
    start = time.monotonic()
    script = subprocess.Popen(words, cwd=folder)
    try:
        while script.poll() is None:
            time.sleep(SECONDS)
            yield before + time.monotonic() - start
    finally:  # if we are killed
        script.terminate()
        script.wait()
    if script.returncode:
        raise UserError(f"{command} ended with code {script.returncode}")


def main():
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", type=Path)
    recipe = parser.parse_args().recipe.resolve()
    folder = recipe.parents[1]
    path = RESULTS / f"benchmark_recipe_{folder.name}_{recipe.stem}.json"
    unfinished = path.with_suffix(".unfinished")  # the times of an earlier recording stay until this one is whole
    if not (commands := commands_of(recipe)):
        raise UserError(f"{recipe} has no numbered steps: it is a loop, which says itself how far it is")
    result = load_json(unfinished, "the times so far") if unfinished.exists() else {**origin(), "commands": []}
    rows = result["commands"]
    if [row["command"] for row in rows] != [command for _, command in commands[: len(rows)]]:
        raise UserError(f"{unfinished} holds the times of other commands; remove it to begin anew")
    for number, (step, command) in enumerate(commands):
        if number == len(rows):
            rows.append({"step": step, "command": command, "seconds": 0.0, "ended": False})
        row = rows[number]
        if not row["ended"]:
            for seconds in timed(command, folder, row["seconds"]):
                row["seconds"] = seconds
                save_json(unfinished, result, indent=1)
            row["ended"] = True
            save_json(unfinished, result, indent=1)
    unfinished.rename(path)
    for row in rows:
        print(f"{row['step']:3} {row['seconds'] / 60:6.1f} min  {row['command']}")
    print(f"    {sum(row['seconds'] for row in rows) / 60:6.1f} min in all")


if __name__ == "__main__":
    run(main)
