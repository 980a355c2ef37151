"""The pictures of their curves that trainings and evolutions leave while they run, and what is read back from files."""

import json
import subprocess
import sys

import pytest
from line import Numbers, line_run
from local_evolution import NAME, LocalQueue, checkpoint, evolve
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from worldmodels.evolving import log
from worldmodels.evolving.log import read_log
from worldmodels.evolving.state import Generation
from worldmodels.reporting.curves import LABELS, evolution_figure, losses_figure
from worldmodels.training import loop
from worldmodels.training.losses import curves_of, read_rows


def is_a_picture(path):
    with Image.open(path) as image:
        return image.format == "PNG" and image.width > 500 and len(image.convert("L").getcolors()) > 20


def test_a_training_leaves_its_curves_before_it_is_killed_and_what_it_was_made_with(tmp_path, monkeypatch):
    out, picture = tmp_path / "a.weights.h5", tmp_path / "a.curves.png"
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1)
    with pytest.raises(KeyboardInterrupt):
        line_run(out, Numbers(kill_at=2), settings={"rate": 0.05})
    assert is_a_picture(picture)
    before = picture.read_bytes()
    line_run(out, steps=4, settings={"rate": 0.05})
    assert is_a_picture(picture) and picture.read_bytes() != before
    note = json.loads((tmp_path / "a.run.json").read_text())
    assert [(start["step"], start["steps"]) for start in note["starts"]] == [(0, 10), (2, 4)]
    assert note["starts"][-1]["versions"] and note["settings"] == {"rate": 0.05}


def test_an_evolution_leaves_its_curves_once_a_minute_and_at_the_end(tmp_path, monkeypatch):
    picture = tmp_path / f"{NAME}.curves.png"
    with pytest.raises(KeyboardInterrupt):  # within the first minute
        evolve(tmp_path, queue=LocalQueue(stop_after=30))
    assert not picture.exists()
    monkeypatch.setattr(log, "PICTURE_SECONDS", -1)
    with pytest.raises(KeyboardInterrupt):
        evolve(tmp_path, queue=LocalQueue(stop_after=0))
    assert is_a_picture(picture)
    before = picture.read_bytes()
    evolve(tmp_path)
    assert is_a_picture(picture) and picture.read_bytes() != before


@pytest.mark.parametrize("trouble", ["a folder in its place", "no matplotlib"])
def test_a_picture_that_cannot_be_drawn_ends_no_run(tmp_path, monkeypatch, capsys, trouble):
    if trouble == "no matplotlib":
        monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    else:
        (tmp_path / "a.curves.png").mkdir()
        (tmp_path / f"{NAME}.curves.png").mkdir()
    line_run(tmp_path / "a.weights.h5", steps=2)
    evolve(tmp_path)
    assert (tmp_path / "a.weights.h5").exists() and (tmp_path / f"{NAME}.best.json").exists()
    assert capsys.readouterr().out.count("there is no new picture of the curves, and the run goes on: ") == 2
    assert not list(tmp_path.glob(".*.tmp.*"))


def test_what_no_training_writes_into_a_table_of_losses_is_left_out(tmp_path):
    path = tmp_path / "a.losses.csv"
    path.write_text(f"step,loss\n1,2.5\n{'9' * 400},1\n{'9' * 5000},1\ntwo,1\n2,1e308\n3,nan\n4,text\n5,3.5\n")
    assert curves_of(read_rows(path)) == {"loss": ([1, 5], [2.5, 3.5])}


@pytest.mark.parametrize("loss", LABELS)
def test_what_a_panel_shows_is_written_within_it(loss):
    figure = losses_figure("a", {loss: ([1, 2], [3.0, 2.0])})
    FigureCanvasAgg(figure).draw()
    (axes,) = figure.axes
    assert axes.yaxis.label.get_window_extent().y1 < figure._suptitle.get_window_extent().y0


def test_a_run_that_has_just_begun_is_seen_and_its_steps_are_whole_numbers():
    first = Generation(1, seconds=2, mean=3, low=1, high=5, std=1, sigma=0.1, mean_steps=10, max_steps=20)
    figures = losses_figure("a", {"loss": ([5], [2.0])}), evolution_figure("a", [first], [])
    for figure in figures:
        FigureCanvasAgg(figure).draw()
        lines = [line for axes in figure.axes for line in axes.lines if len(line.get_xdata())]
        assert lines and all(line.get_marker() not in (None, "None", "") for line in lines)
        assert all(tick.is_integer() for tick in figure.axes[-1].get_xticks())


def test_nothing_that_leads_an_evolution_waits_for_matplotlib():
    code = "import sys, worldmodels.training.train_controller as _; print('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_the_rows_of_a_log_are_read_as_they_were(tmp_path):
    evolve(tmp_path)
    content = checkpoint(tmp_path)
    history, evaluations = read_log(tmp_path / f"{NAME}.hist.json")
    assert [tuple(row) for row in history] == content["history"]
    for one, before in zip(evaluations, content["evaluations"], strict=True):
        assert tuple(one) == pytest.approx(before)


def test_a_row_of_losses_that_is_being_written_is_left_out(tmp_path):
    path = tmp_path / "a.losses.csv"
    path.write_text("step,loss,held_out_loss\r\n100,2.5,\r\n200,1.25,1.5\r\n300,0.9")
    assert curves_of(read_rows(path)) == {"loss": ([100, 200], [2.5, 1.25]), "held_out_loss": ([200], [1.5])}
