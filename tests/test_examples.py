"""What the README and the notebook show, and the examples of parts of one's own."""

import json
import re

import gymnasium
import pytest
from scripts import ROOT, Scripts, kill_when

from doomrnn.task import DOOM
from worldmodels.playing.loading import load_agent
from worldmodels.reporting.runs import find

EXAMPLES = Scripts("examples")
README = (ROOT / "README.md").read_text()


def test_the_readme_lists_every_environment_and_its_snippets_run(capsys):
    for snippet in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        exec(snippet, {})
    episodes = [tuple(map(float, line.split())) for line in capsys.readouterr().out.splitlines()]
    assert sorted(seed for seed, _, _ in episodes) == list(range(5))
    assert min(score for _, score, _ in episodes) > 600 and min(steps for *_, steps in episodes) < 1000  # it drives
    registered = {name for name in gymnasium.registry if name.startswith("WorldModels/")}
    assert registered == set(re.findall(r"\| `\w+:(WorldModels/\S+)` \|", README))


def test_a_driver_of_ones_own_scores_what_the_readme_says(tmp_path):
    mean = float(EXAMPLES.run(tmp_path, "drive_yourself.py").split("mean ")[1])
    said = float(re.search(r"scores (\d+)\s+on its eight tracks", README)[1])
    assert mean == pytest.approx(said, abs=50)  # another processor may round otherwise, and that is another drive


def test_an_optimizer_of_ones_own_goes_on_after_its_checkpoint_and_leaves_an_agent(tmp_path):
    words, history = ["random_search.py", "--workers", 1], tmp_path / "log/doomrnn.random_search.hist.json"
    process = EXAMPLES.start(tmp_path, *words, "--generations", 3)
    kill_when(process, lambda: history.exists() and len(json.loads(history.read_text())) == 1)
    output = EXAMPLES.run(tmp_path, *words, "--generations", 2)
    assert "going on after generation 1" in output and "done: 2 generations" in output
    assert [row[0] for row in json.loads(history.read_text())] == [1, 2]
    found = find([tmp_path / "log"])
    assert [len(run.history) for run in found.evolutions] == [2] and not found.problems
    assert load_agent(DOOM, tmp_path / "log/doomrnn.random_search.best.json").controller.kind == "z_c_h"
