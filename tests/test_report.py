"""The report on runs: finished, killed, going on, damaged, or not there."""

import base64
import dataclasses
import io
import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from urllib.parse import unquote

import numpy as np
import pytest
from line import Numbers, line_run
from local_evolution import NAME, LocalQueue, evolve
from PIL import Image
from scripts import ENVIRONMENT, ROOT

from carracing.task import CARRACING
from worldmodels.data.seeds import TEST
from worldmodels.evolving.log import Log
from worldmodels.reporting.report import report, shipped_reconstructions
from worldmodels.scripts.cli import UserError
from worldmodels.training import loop

PUBLISHED = {"quadratic": {"name": "of 2018", "generations": (2, 4), "scores": (-3, -2), "episodes": 96}}


class Page(HTMLParser):
    """What is on a page."""

    def __init__(self, path):
        super().__init__()
        self.words, self.pictures, self.links, self.ids, self.tags = "", [], [], set(), set()
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.add(tag)
        self.ids.add(attributes.get("id"))
        if "href" in attributes:
            self.links.append(attributes["href"])
        if "src" in attributes:
            self.pictures.append(attributes["src"])

    def handle_data(self, data):
        self.words += data


def page_on(folder, **options):
    report([folder], folder / "report.html", **{"tasks": (), "tables": list, "published": {}} | options)
    return Page(folder / "report.html")


def test_an_evolution_a_training_a_test_and_a_video_are_on_one_page_that_needs_nothing_else(tmp_path):
    evolve(tmp_path / "log.seed2")
    line_run(tmp_path / "w" / "a.weights.h5", steps=3, settings={"seed": 7})
    test = {"task": "quadratic", "world": "home", "parameters_sha256": "ab" * 32, "mean": 2, "std": 1, "scores": [1, 3]}
    (tmp_path / "quadratic.home.seed5.2.abababab.json").write_text(json.dumps(test))
    (tmp_path / "a drive.mp4").write_bytes(b"a video")
    page = page_on(tmp_path, published=PUBLISHED)
    assert "is damaged" not in page.words
    assert len(page.pictures) == 4  # scores, the comparison, an evolution, a training
    for source in page.pictures:
        kind, _, data = source.partition(",")
        assert kind == "data:image/png;base64"
        assert Image.open(io.BytesIO(base64.b64decode(data))).width > 500
    anchors = [link.removeprefix("#") for link in page.links if link.startswith("#")]
    assert len(anchors) > 5 and set(anchors) <= page.ids
    (video,) = [link for link in page.links if not link.startswith("#")]
    assert (tmp_path / unquote(video)).read_bytes() == b"a video"
    assert not page.tags & {"script", "link", "iframe"}
    for words in ("2 ± 1", "C abababab", "quadratic.home.seed5.2.abababab.json", "seed", "machine", "numpy 2."):
        assert words in page.words.replace("\N{NBSP}", " ")


def test_runs_that_were_killed_and_one_that_goes_on_say_where_they_stand(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1)
    with pytest.raises(KeyboardInterrupt):
        line_run(tmp_path / "a.weights.h5", Numbers(kill_at=2))
    with (tmp_path / "a.losses.csv").open("a") as file:
        file.write("3,0.")
    with pytest.raises(KeyboardInterrupt):
        evolve(tmp_path, queue=LocalQueue(stop_after=30))
    with pytest.raises(KeyboardInterrupt):
        evolve(tmp_path / "first generation", queue=LocalQueue(stop_after=3))
    words = page_on(tmp_path).words
    assert "It ended before step 10. The same command goes on." in words
    assert "It ended before generation 5. The same command goes on." in words
    assert "The first generation has not been noted yet." in words
    assert "being written" not in words
    log = Log(tmp_path, NAME)  # as the process has that writes it
    assert page_on(tmp_path).words.count("It is being written at this moment") == 1
    log.lock.close()


def test_a_damaged_file_is_one_line_and_the_rest_is_reported(tmp_path, capsys):
    evolve(tmp_path / "whole")
    evolve(tmp_path / "damaged")
    evolve(tmp_path / "note")
    history = tmp_path / "damaged" / f"{NAME}.hist.json"
    history.write_text(history.read_text()[:-40])
    (tmp_path / "note" / f"{NAME}.run.json").write_text('{"starts": [5]}')
    (tmp_path / "x.seed1.json").write_text('{"task": "a"}')
    (tmp_path / "a.losses.csv").write_text("x" * 200_000 + "\n")
    os.mkfifo(tmp_path / "vae_reconstructions.png")
    words = page_on(tmp_path).words
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("left out: ")]
    assert len(lines) == 5 and sum("is damaged" in line for line in lines) == 4 and "but is no file" in "".join(lines)
    assert all(line.removeprefix("left out: ") in words for line in lines)
    assert "No run.json says" in words  # of the evolution whose note is damaged: its curves are there


def test_without_runs_or_without_the_folder_it_says_so(tmp_path):
    for folder in ("empty", "expert_rollouts"):
        (tmp_path / folder).mkdir()
    (tmp_path / "expert_rollouts" / "preview.gif").write_bytes(b"a video")
    there = {"empty": "are no runs in", "expert_rollouts": "are no runs in", "missing": "is no folder"}
    for folder, words in there.items():
        command = [sys.executable, ROOT / "results" / "report.py", folder]
        done = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True)
        assert done.returncode == 2 and done.stderr.startswith(f"error: there {words}") and done.stderr.count("\n") == 1
    assert not (tmp_path / "report.html").exists()
    with pytest.raises(UserError, match="is a folder"):
        report([tmp_path], tmp_path, tasks=(), tables=list, published={})


def test_the_runs_that_ship_are_reported_beside_those_of_2018(tmp_path):
    folders = ROOT / "carracing" / "log", ROOT / "carracing" / "pretrained", ROOT / "results"
    command = [sys.executable, ROOT / "results" / "report.py", *folders]
    done = subprocess.run([*command, "--out", tmp_path / "r.html"], env=ENVIRONMENT, capture_output=True, text=True)
    evolutions = len(list((ROOT / "carracing" / "log").rglob("*.hist.json")))
    trainings = len(list((ROOT / "results").rglob("*.losses.csv")))
    assert f"{trainings} trainings, {evolutions} evolutions" in done.stdout and "left out" not in done.stdout, done
    page = Page(tmp_path / "r.html")
    assert "1,024 a generation in 2018" in page.words and "906" in page.words
    tasks = len({path.name.split(".")[0] for path in (ROOT / "results").glob("*.seed*.json")})
    # the tasks' scores, the comparison, the runs, and what V sees
    assert len(page.pictures) == tasks + 1 + evolutions + trainings + 1


def test_the_v_that_ships_is_shown_on_frames_that_the_agent_has_just_seen(untrained):
    task = dataclasses.replace(CARRACING, folder=untrained.weights.parent, max_steps=20)
    picture = shipped_reconstructions(task, untrained.best.parent)
    pixels = np.asarray(Image.open(io.BytesIO(picture)))[::2, ::2]
    assert pixels.shape == (2 * 128, 8 * 64, 3)
    env = CARRACING.make_env()
    assert (env.reset(seed=TEST.start)[0] == pixels[:64, :64]).all()
    mu, _ = untrained.vae.encoder.predict_on_batch(pixels[None, :64, :64])
    seen = np.round(untrained.vae.decoder.predict_on_batch(mu)[0] * 255).astype(np.uint8)
    assert np.abs(seen.astype(int) - pixels[64:128, :64]).max() <= 1
