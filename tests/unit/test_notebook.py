"""The example notebook runs as it stands, and shows what the results say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import plotly.io
import pytest
from IPython.core.displayhook import DisplayHook
from IPython.core.interactiveshell import InteractiveShell
from IPython.display import display
from IPython.utils.capture import capture_output
from traitlets.config import Config

import orchestrator as rp
from orchestrator.cli import run_folder

pytestmark = [pytest.mark.slow, pytest.mark.pages]

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs" / "example.ipynb"
CHART = "application/vnd.plotly.v1+json"

WIDTHS = ("display.max_columns", 20, "display.width", 80)  # of tables in a notebook


class ValueDisplay(DisplayHook):
    """Shows the value of a cell as an output of its own."""

    def __call__(self, result: object = None) -> None:
        if result is not None:
            display(result)


class ZMQInteractiveShell(InteractiveShell):
    """A shell that libraries take for that of a notebook, by its name or by its kernel."""

    kernel = None
    displayhook_class = ValueDisplay


@pytest.fixture(scope="module")
def notebook_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the notebook's results and, beside them, the notebook, run."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "docs").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        # MLflow would be sent to by a process of its own, long after the notebook.
        patch.setattr(run_folder, "MLflowTracker", lambda *_, **__: None)
        patch.setattr(plotly.io.renderers, "default", "plotly_mimetype")
        patch.chdir(folder / "docs")
        with pd.option_context(*WIDTHS):
            run(folder / "docs" / NOTEBOOK.name)
    return folder


def run(target: Path) -> None:
    """Run the notebook in this process, with charts as plain JSON, and write it with outputs."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    config = Config(HistoryManager={"enabled": False})
    shell = ZMQInteractiveShell.instance(config=config, ipython_dir=str(target.parent))
    try:
        for cell in notebook.cells:
            if cell.cell_type == "code":
                with capture_output() as shown:
                    shell.run_cell(cell.source).raise_error()
                last = {json.dumps(o.transient) if o.transient else id(o): o for o in shown.outputs}
                cell.outputs = [
                    nbformat.v4.new_output("display_data", output.data) for output in last.values()
                ]
    finally:
        ZMQInteractiveShell.clear_instance()
    nbformat.write(notebook, target)


def outputs(notebook: Path) -> list[dict[str, Any]]:
    cells = nbformat.read(notebook, as_version=4).cells
    return [output for cell in cells if cell.cell_type == "code" for output in cell.outputs]


def test_the_notebook_builds_runs_and_draws_a_sweep(notebook_folder: Path) -> None:
    shown = outputs(notebook_folder / "docs" / NOTEBOOK.name)
    assert {output["output_type"] for output in shown} <= {"execute_result", "display_data"}
    plane, matrix, curves = (output["data"][CHART] for output in shown if CHART in output["data"])
    results = rp.load(notebook_folder / "results")
    assert set(results.trials["status"]) == {"complete"}
    assert set(results.compare()["method"]) <= {trace["name"] for trace in plane["data"]}
    assert matrix["layout"]["xaxis"]["title"]["text"].startswith("task<br>BWT")
    assert set(results.compare()["label"]) <= {trace.get("name") for trace in curves["data"]}


def test_the_tables_in_the_notebook_are_those_of_the_results(notebook_folder: Path) -> None:
    data = [output["data"] for output in outputs(notebook_folder / "docs" / NOTEBOOK.name)]
    pages, texts = [d.get("text/html") for d in data], [d.get("text/plain") for d in data]
    assert "" not in texts
    results = rp.load(notebook_folder / "results")
    assert results._repr_html_() in pages
    assert results.pareto(["acc", "storage_bytes"])._repr_html_() in pages
    table = results.compare(against="finetune", sort="acc")
    shown = ["label", "n", "acc_mean", "acc_ci95", "acc_diff", "acc_p_holm", "storage_bytes_mean"]
    with pd.option_context(*WIDTHS):
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
