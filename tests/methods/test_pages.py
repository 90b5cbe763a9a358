"""The pages of the methods: each table is that of the sweep beside it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from methods import METHODS

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
