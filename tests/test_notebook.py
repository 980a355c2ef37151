"""The notebook: its results can be read without running it, and it runs without a front end."""

import nbformat
from nbclient import NotebookClient
from scripts import ROOT, TIMEOUT

NOTEBOOK = ROOT / "examples" / "walkthrough.ipynb"
MOVE = """
before = picture.value
sliders[0].value = 2 if sliders[0].value < 0 else -2
assert picture.value != before
"""


def test_it_is_small_and_shows_what_every_cell_gave():
    cells = nbformat.read(NOTEBOOK, 4).cells
    assert len(cells) == 12 and NOTEBOOK.stat().st_size < 1_000_000
    assert all(cell.outputs for cell in cells if cell.cell_type == "code")


def test_it_runs_without_a_word_of_warning_and_a_moved_slider_draws_another_picture(tmp_path):
    notebook = nbformat.read(NOTEBOOK, 4)
    notebook.cells.append(nbformat.v4.new_code_cell(MOVE))
    NotebookClient(notebook, timeout=TIMEOUT, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output.text for output in outputs if output.get("name") == "stderr"]
