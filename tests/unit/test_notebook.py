"""The example notebook runs as it stands, and shows what the results say."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest

import orchestrator as rp

pytestmark = pytest.mark.slow

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs" / "example.ipynb"
CHART = "application/vnd.plotly.v1+json"
# MLflow would be sent to by a process of its own, long after the notebook.
STARTUP = "import orchestrator.cli.compute as c; c.Tracker = lambda *_, **__: None; del c"


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the notebook's results and, beside them, the notebook, run."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "docs").mkdir()
    shutil.copy(NOTEBOOK, folder / "docs")
    startup = folder / "docs" / ".ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "untracked.py").write_text(STARTUP)
    run(folder / "docs" / NOTEBOOK.name)
    return folder


def run(notebook: Path) -> None:
    """Run a notebook where it lies, in a process of its own, with charts as plain JSON."""
    home = notebook.parent
    own = {"PLOTLY_RENDERER": "plotly_mimetype", "JUPYTER_PLATFORM_DIRS": "1"}
    own |= {"IPYTHONDIR": str(home / ".ipython"), "JUPYTER_RUNTIME_DIR": str(home / ".jupyter")}
    command = [sys.executable, "-m", "jupyter", "execute", "--inplace", str(notebook)]
    done = subprocess.run(
        command, env=os.environ | own, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr


def outputs(notebook: Path) -> list[dict[str, Any]]:
    cells = nbformat.read(notebook, as_version=4).cells
    return [output for cell in cells if cell.cell_type == "code" for output in cell.outputs]


def test_the_notebook_builds_runs_and_draws_a_sweep(executed: Path) -> None:
    shown = outputs(executed / "docs" / NOTEBOOK.name)
    assert {output["output_type"] for output in shown} <= {"execute_result", "display_data"}
    plane, matrix, curves = (output["data"][CHART] for output in shown if CHART in output["data"])
    results = rp.load(executed / "results")
    assert set(results.trials["status"]) == {"complete"}
    assert set(results.compare()["method"]) <= {trace["name"] for trace in plane["data"]}
    assert matrix["layout"]["xaxis"]["title"]["text"].startswith("task<br>BWT")
    assert set(results.compare()["label"]) <= {trace.get("name") for trace in curves["data"]}


def test_the_tables_in_the_notebook_are_those_of_the_results(executed: Path) -> None:
    data = [output["data"] for output in outputs(executed / "docs" / NOTEBOOK.name)]
    pages, texts = [d.get("text/html") for d in data], [d.get("text/plain") for d in data]
    assert "" not in texts
    results = rp.load(executed / "results")
    assert results._repr_html_() in pages
    assert results.pareto(["acc", "storage_bytes"])._repr_html_() in pages
    table = results.compare(against="finetune", sort="acc")
    shown = ["label", "n", "acc_mean", "acc_ci95", "acc_diff", "acc_p_holm", "storage_bytes_mean"]
    with pd.option_context("display.max_columns", 20, "display.width", 80):  # as in a notebook
        assert repr(table[shown].round(3)) in texts
    last = results.trials.query("method == 'er'").iloc[-1]
    assert repr(results.r_matrix(last["trial_id"], last["seed"]).round(2)) in texts
    (progress,) = (text for text in texts if text and "stages computed" in text)
    assert "63 stages computed" in progress


def test_the_notebook_is_kept_executed_small_and_without_an_error() -> None:
    cells = [c for c in nbformat.read(NOTEBOOK, as_version=4).cells if c.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert all(cell.outputs for cell in cells)
    assert "error" not in {output.output_type for cell in cells for output in cell.outputs}
    assert len(NOTEBOOK.read_bytes()) < 200_000
    assert "/root" not in json.dumps(cells)
