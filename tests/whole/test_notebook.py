"""The notebook runs from top to bottom on the example's history, and draws what it says."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.helpers.homelab import environment
from tests.helpers.program import SUPERVISOR

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "notebooks" / "drift.ipynb"
DAYS = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a few days of example history, as `make demo` leaves a month of it."""
    folder = tmp_path_factory.mktemp("demo")
    demo = [*SUPERVISOR, "demo", str(folder), "--days", str(DAYS)]
    subprocess.run(demo, check=True, capture_output=True)
    return folder


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the kernel and its protocol, not ours
def test_the_notebook_runs_and_draws(folder, monkeypatch):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    for name, value in environment(folder).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SUPERVISOR_SNAPSHOTS", str(folder / "past"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(ROOT)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]

    assert not [output for output in outputs if output.output_type == "error"]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 8


def test_the_notebook_is_kept_with_what_it_shows_and_nothing_of_a_machine():
    nbformat = pytest.importorskip("nbformat")
    cells = [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    outputs = [output for cell in cells for output in cell.outputs]
    texts = [str(output.get("text", output.get("data", {}).get("text/plain"))) for output in outputs]

    assert sum("image/png" in output.get("data", {}) for output in outputs) == 8
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    assert not [text for text in texts if re.search(r"/(home|root|tmp|Users)/", text)]
    assert texts[0].startswith("From 4 May to 3 June 2026")


def test_each_question_of_the_notebook_is_answered_once_by_a_picture():
    nbformat = pytest.importorskip("nbformat")
    cells = [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    drawn = [any("image/png" in output.get("data", {}) for output in cell.outputs) for cell in cells]

    assert drawn == [False, False, *[True] * 8]
    assert len({cell.source for cell in cells}) == len(cells)
