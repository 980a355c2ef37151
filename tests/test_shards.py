"""--shard: jobs that know nothing of one another fill one folder."""

import json

import numpy as np
import pytest
from scripts import SHORT_SCRIPT, Scripts

from worldmodels.parallel.shards import WHOLE, part_of, shard
from worldmodels.scripts.cli import UserError

SCRIPTS = Scripts("carracing")


def test_the_shards_of_a_number_are_all_of_it():
    parts = [part_of(range(100, 111), shard(f"{number}/4")) for number in (1, 2, 3, 4)]
    assert sorted(number for part in parts for number in part) == list(range(100, 111))
    assert part_of(range(7), shard("1/1")) == range(7) and shard("1/1") == WHOLE
    with pytest.raises(UserError, match="--shard 4/4: there are only 3 episodes to split"):
        part_of(range(3), shard("4/4"))


@pytest.mark.parametrize("script", ["extract.py", "generation_script.py", "model.py"])
def test_a_shard_that_there_is_not_is_one_line(tmp_path, script):
    words = {"generation_script.py": ("--threads", 1), "model.py": ("norender", "best.json")}.get(script, ())
    assert "there is no part 9/8: they are numbered from 1 to 8" in SCRIPTS.error_of(
        tmp_path, script, *words, "--shard", "9/8"
    )
    assert "'two' is not like 2/8" in SCRIPTS.error_of(tmp_path, script, *words, "--shard", "two")


def test_shards_that_run_at_once_record_what_one_run_does(tmp_path):
    words = ("extract", "--episodes", 4, "--workers", 1)
    both = [SCRIPTS.start(tmp_path, SHORT_SCRIPT, *words, "--shard", f"{number}/2") for number in (1, 2)]
    for process in both:
        _, err = process.communicate()
        assert process.returncode == 0, err
    assert "mean" not in json.loads((tmp_path / "record" / "coverage.json").read_text())
    assert "4 of 4 episodes are in record already" in SCRIPTS.run(tmp_path, SHORT_SCRIPT, *words)
    report = (tmp_path / "record" / "coverage.json").read_text()
    assert json.loads(report)["mean"]
    SCRIPTS.run(tmp_path, SHORT_SCRIPT, *words)
    assert (tmp_path / "record" / "coverage.json").read_text() == report  # a call with nothing to do leaves it
    SCRIPTS.run(tmp_path, SHORT_SCRIPT, *words, "--out", "one")
    for path in (tmp_path / "one").glob("*.npz"):
        with np.load(path) as one, np.load(tmp_path / "record" / path.name) as other:
            assert (one["obs"] == other["obs"]).all() and (one["action"] == other["action"]).all()
