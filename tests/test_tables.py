"""The tables of results in the READMEs are what the raw numbers say."""

import re
import subprocess
import sys

import pytest
from scripts import ENVIRONMENT, ROOT

TABLE = r"(?:^\|.*\n)+"


def printed():
    """{page: [tables that results/tables.py prints for it]}."""
    command = [sys.executable, ROOT / "results" / "tables.py"]
    out = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True).stdout
    pages = {}
    for page, table in re.findall(rf"\((.*\.md)\)\n\n({TABLE})", out, re.M):
        pages.setdefault(page, []).append(table)
    return pages


def test_every_table_of_scores_or_sizes_in_a_readme_is_made_of_the_raw_numbers():
    tables = printed()
    for page in ("README.md", "carracing/README.md", "doomrnn/README.md"):
        text = re.sub(r"^ +\|", "|", (ROOT / page).read_text(), flags=re.M)  # some stand in a list
        there = re.findall(TABLE, text, re.M)
        assert not set(tables.get(page, [])) - set(there), f"{page}: put in what `make tables` prints"
        made = [table for table in there if re.search(r"\+-| [MG]B", table) and "| time |" not in table.splitlines()[0]]
        assert set(made) <= set(tables.get(page, [])), f"{page} has a table that results/tables.py does not know"


@pytest.mark.parametrize(
    "recipe", ["carracing/recipes/laptop.sh", "carracing/recipes/shipped.sh", "doomrnn/recipes/shipped.sh"]
)
def test_a_readme_quotes_the_commands_of_the_recipe(recipe):
    page, recipe = (ROOT / recipe).parents[1] / "README.md", (ROOT / recipe).read_text()
    steps = re.findall(r"^# (\w+)\..*\n((?:[^#\n].*\n)+)", recipe, re.M)
    quoted = "".join(f"# {number}\n{commands}" for number, commands in steps)
    assert len(steps) > 5 and f"```sh\n{quoted}```\n" in page.read_text()
