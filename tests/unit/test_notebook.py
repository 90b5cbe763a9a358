"""The example notebook runs as it stands on fresh results, and shows what they say."""

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
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.results.comparison import comparison
from orchestrator.results.front import with_front
from orchestrator.results.load import load

pytestmark = pytest.mark.slow

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs" / "example.ipynb"
CHART = "application/vnd.plotly.v1+json"
# The quickstart in small: the same names and columns, seconds instead of a minute.
SWEEP = """\
name: quickstart
benchmark: {name: split_digits, scenario: {grid: [class, task]}, num_tasks: 2, samples_per_task: 64}
network: {name: mlp, hidden: [8]}
training: {epochs: 1, batch_size: 64, lr: 1e-2}
methods: [finetune, {name: er, memory_size: 20}]
seeds: [0, 1]
"""


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with fresh results and, beside them, the notebook run on them."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "quickstart.yaml").write_text(SWEEP)
    words = ["run", str(folder / "quickstart.yaml"), "--out", str(folder / "results")]
    done = CliRunner().invoke(app, [*words, "--backend", "inline"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    (folder / "docs").mkdir()
    shutil.copy(NOTEBOOK, folder / "docs")
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


def test_the_notebook_runs_on_fresh_results_and_draws_them(executed: Path) -> None:
    scores = outputs(executed / "docs" / NOTEBOOK.name)
    assert {output["output_type"] for output in scores} <= {"execute_result", "display_data"}
    plane, matrix = (output["data"][CHART] for output in scores if CHART in output["data"])
    table = comparison(load(executed / "results")).query("scenario == 'class'")
    values = {trace["name"] for trace in plane["data"]}
    assert set(table["method"]) <= values
    assert matrix["layout"]["xaxis"]["title"]["text"].startswith("task<br>BWT")


def test_the_tables_in_the_notebook_are_those_of_the_results(executed: Path) -> None:
    scores = outputs(executed / "docs" / NOTEBOOK.name)
    texts = [output["data"].get("text/plain") for output in scores]
    results = load(executed / "results")
    table = with_front(comparison(results))
    shown = ["scenario", "label", "n", "acc_mean", "acc_ci95"]
    shown += ["storage_bytes_mean", "compute_flops_mean", "front"]
    with pd.option_context("display.max_columns", 20, "display.width", 80):  # as in a notebook
        assert repr(table[shown].round(3)) in texts
    last = results.trials.query("scenario == 'class'").iloc[-1]
    assert repr(results.r_matrix(last["trial_id"], last["seed"]).round(2)) in texts


def test_the_notebook_is_kept_executed_small_and_without_an_error() -> None:
    cells = [c for c in nbformat.read(NOTEBOOK, as_version=4).cells if c.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert all(cell.outputs for cell in cells)
    assert "error" not in {output.output_type for cell in cells for output in cell.outputs}
    assert len(NOTEBOOK.read_bytes()) < 200_000
    assert "/root" not in json.dumps(cells)
