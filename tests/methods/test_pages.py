"""The pages of the methods: each table is that of the sweep beside it."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from methods import METHODS
from orchestrator.results.units import bytes_text
from orchestrator.sweep.means.storage import carried_bytes
from orchestrator.sweep.sweep import Sweep

PAGES = Path(__file__).resolve().parents[2] / "docs" / "methods"
ROW = re.compile(r"^\| (\w+)[^|]* \|.*\| (\d+) \|$", re.MULTILINE)


@pytest.mark.parametrize("name", METHODS)
def test_a_page_names_the_sweep_that_made_its_table(name):
    before, text, after = re.split(r"```(?:yaml)?\n", (PAGES / f"{name}.md").read_text("utf-8"))
    sweep = yaml.safe_load(text)
    assert before
    assert re.search(rf"`repertoire run (sweeps/)?{sweep['name']}\.yaml`", after)
    swept = {m if isinstance(m, str) else m["name"] for m in sweep["methods"]}
    rows = ROW.findall(after)
    assert {method for method, _ in rows} <= swept
    assert {int(n) for _, n in rows} <= {len(sweep["seeds"])}
    assert rows or name == "finetune"


@pytest.mark.parametrize("name", METHODS)
def test_storage_in_a_table_is_what_the_trials_of_its_sweep_carry_now(name, tmp_path):
    """But for methods whose states are as large as what they learn."""
    _, text, after = re.split(r"```(?:yaml)?\n", (PAGES / f"{name}.md").read_text("utf-8"))
    table = [
        [cell.strip() for cell in line.split("|")] for line in after.splitlines() if "|" in line
    ]
    if not table:
        return
    (tmp_path / "page.yaml").write_text(text)
    trials = Sweep.load(tmp_path / "page.yaml").trials
    carried = Counter(
        bytes_text(sum(carried_bytes(trial, trial.seeds[0]).values()))
        for trial in trials
        if not trial.method.cls.sized_by_learning
    )
    column = table[0].index("storage")
    known = {n for n, cls in METHODS.items() if not cls.sized_by_learning}
    assert carried == Counter(row[column] for row in table if row[1].partition(" ")[0] in known)
