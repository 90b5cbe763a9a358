"""Columns of the tables: what a new metric touches, and that the tables know every one there is."""

import sys
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest
from forked import run_forked

from orchestrator import columns
from orchestrator.results.metrics import FUNCTIONS
from orchestrator.results.tables.schemas import ACCURACY, SCHEMAS, STAGES, TRIALS, create_schema
from orchestrator.results.tables.tables import Tables, write_tables

pytestmark = pytest.mark.slow

# A process in which `columns` has one line more, and `results.metrics` one function.
MADE_UP = """
import json, sys
import numpy as np
from orchestrator import columns

source = open(columns.__file__).read()
line = 'METRIC_COLUMNS = (\\n'
assert line in source
new = line + '    Column("worst", "WORST", "worst: lowest accuracy after the last task (test)"),\\n'
exec(compile(source.replace(line, new), columns.__file__, "exec"), columns.__dict__)

from orchestrator.results import metrics
metrics.FUNCTIONS["worst"] = lambda r, scenario: float(r[-1].min()) if r.size else float("nan")

from dashboards.charts.quantities import find_quantity, short_label
from dashboards.data.comparing import configurations
from dashboards.data.candidates import read_candidates
from dashboards.data.scope import EVERYTHING
from dashboards.data.warehouse import Warehouse
from dashboards.pages.leaderboard import readable_table
from orchestrator.results.comparison import comparison
from orchestrator.results.contrasts import with_differences
from orchestrator.results.load import load
from orchestrator.sweep.objective.objective import Objective
from orchestrator.sweep.sweep import Sweep
from orchestrator.terminal.comparison.rendering import render
from orchestrator.tracking.trial_run import SELECTABLE
from orchestrator.backends.tune_trainable import METRICS as REPORTED
from orchestrator.cli.app import app
from typer.testing import CliRunner

folder = "."
words = ["run", folder + "/s.yaml", "--out", folder + "/out", "--backend", "inline"]
ran = CliRunner().invoke(app, words, catch_exceptions=False)
assert ran.exit_code == 0, ran.output
results = load(folder + "/out/s")
row = results.trials.iloc[0]
expected = results.r_matrix(row.trial_id, row.seed)[-1].min()
table = with_differences(results, comparison(results))
warehouse = Warehouse.open(folder + "/out")
configured = configurations(warehouse)
earlier = load(folder + "/earlier")
shown = Warehouse.open(folder + "/earlier")
(compared,), (charted,) = comparison(earlier)["worst_mean"], configurations(shown)["worst_mean"]
values = [earlier.trials["worst"][0], compared, charted, shown.results.trials["worst"][0]]
print(json.dumps({
    "tables": bool(row.worst == expected) and "val_worst" in results.trials,
    "search": "val_worst" in read_candidates(warehouse, EVERYTHING)
        and Objective.parse("worst", None, "search", []) is not None,
    "compare": "WORST" in render(table) and "worst_p" in table,
    "tracking": "worst" in SELECTABLE,
    "tune": "worst" in REPORTED,
    "charts": short_label("worst") == "WORST"
        and find_quantity("worst").title.startswith("worst: lowest"),
    "dashboard": "WORST" in readable_table(configured, 80),
    "earlier": values == [0.6] * 4 and earlier.trials["val_worst"][0] == 0.25 and not shown.older,
}))
"""
SWEEP = """
name: s
seeds: [0]
benchmark: {name: split_digits, scenario: task, num_tasks: 2}
network: {name: mlp, hidden: [4]}
training: {epochs: 1}
methods: [finetune, freeze]
"""


def write_earlier(folder: Path) -> None:
    """Write a trial of two tasks, by the schemas that do not know the metric."""
    trial = {"sweep": "earlier", "trial_id": "a", "seed": 0}
    row = trial | {"phase": "evaluation", "status": "complete", "method": "finetune"}
    row |= {"benchmark": "split_digits", "scenario": "task", "network": "mlp", "config": "{}"}
    matrices = {
        "test": [[0.5, 0.4], [0.9, 0.3], [0.6, 0.8]],  # the lowest of the last row is 0.6
        "validation": [[0.1, 0.0], [0.9, 0.1], [0.75, 0.25]],
    }
    cells = [
        trial | {"split": split, "after": after, "task": task, "accuracy": accuracy, "n": 4}
        for split, r in matrices.items()
        for after, accuracies in enumerate(r)
        for task, accuracy in enumerate(accuracies, 1)
    ]
    trials = pa.Table.from_pylist([row | {"tasks_done": 2, "num_tasks": 2}], TRIALS)
    accuracy = pa.Table.from_pylist(cells, ACCURACY)
    write_tables(Tables(trials, accuracy, STAGES.empty_table()), folder)


def run_afresh(code: str) -> None:
    """Run code that imports the packages of this repository anew."""
    own = ("orchestrator", "methods", "dashboards")
    for name in [name for name in sys.modules if name.partition(".")[0] in own]:
        del sys.modules[name]
    exec(code, {"__name__": "__main__"})


def test_a_new_metric_is_a_line_of_columns_and_a_function(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SWEEP)
    write_earlier(tmp_path / "earlier")
    result = run_forked(partial(run_afresh, MADE_UP), tmp_path)
    assert result.code == 0, result.stderr[-2000:]
    report = result.stdout.splitlines()[-1]
    assert "false" not in report, report
    assert report.count("true") == 8


def test_every_metric_has_a_function_and_every_function_a_column() -> None:
    assert tuple(FUNCTIONS) == columns.METRICS


@pytest.mark.parametrize("name", [*columns.COLUMNS, *columns.OTHERS_BY_NAME, *columns.VALIDATED])
def test_a_column_has_one_type_and_one_direction(name: str) -> None:
    column = columns.find_column(name)
    assert column is not None
    assert columns.is_small_better(name) == column.small
    kind = create_schema([name]).field(name).type
    assert str(kind) == {float: "double", int: "int64", bool: "bool"}[column.kind]


def test_the_column_decides_which_direction_is_better(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not columns.is_small_better("saved_flops")
    assert columns.is_small_better("val_forgetting")
    assert not columns.is_small_better("gap")  # not known
    small = columns.Column("gap", "gap", "between the best and the worst task", small=True)
    monkeypatch.setitem(columns.COLUMNS, small.name, small)
    assert columns.is_small_better("gap")
    assert columns.is_small_better("val_gap")


def test_each_column_of_the_tables_without_a_column_holds_text() -> None:
    names = {field.name: str(field.type) for schema in SCHEMAS.values() for field in schema}
    unknown = {kind for name, kind in names.items() if columns.find_column(name) is None}
    assert unknown == {"string"}
    assert set(columns.OTHERS_BY_NAME) <= set(names)


def test_costs_of_the_tables_have_a_column() -> None:
    fixed = (*columns.STORAGE, *columns.FLOPS, *columns.SECONDS, "peak_memory_bytes", "samples")
    fixed += columns.LATE_COSTS + columns.LATE_STORAGE
    assert set(fixed) <= set(columns.COLUMNS)
    assert set(columns.REPEATABLE) <= set(columns.COLUMNS)
