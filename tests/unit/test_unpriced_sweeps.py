"""A sweep whose prices are not counted has work left, and every command says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner
from untracked import untracked

from orchestrator.cli.app import app

pytestmark = pytest.mark.slow

SWEEP = """\
name: lab
benchmark: {name: split_digits, num_tasks: 2, samples_per_task: 64, scenario: class}
network: {name: mlp, hidden: [8]}
training: {batch_size: 8}
means: {compute: {grid: [2, 4]}}
seeds: [0]
"""
SEARCH = (
    "methods: [{name: ewc, lam: {loguniform: [1, 100]}}]\n"
    "search: {algorithm: random, num_trials: 2}\n"
)
METHODS = {"searched": SEARCH, "fixed": "methods: [finetune, ewc]\n"}


def invoke(folder: Path, *words: str) -> tuple[int, str]:
    out = ["--out", str(folder / "results")]
    with untracked():
        result = CliRunner().invoke(
            app, [words[0], str(folder / "lab.yaml"), *out, *words[1:]], catch_exceptions=False
        )
    return result.exit_code, result.output


@pytest.mark.parametrize("kind", METHODS)
def test_a_run_that_ends_while_prices_are_counted_is_not_complete(
    kind: str, tmp_path: Path
) -> None:
    file = tmp_path / "lab.yaml"
    file.write_text(SWEEP + METHODS[kind] + "budget: {stages: 2}\n")
    code, plan = invoke(tmp_path, "plan")
    assert code == 0
    waits = {
        "searched": "nothing is priced yet: 2 cells to solve for",
        "fixed": "4 to solve for once their prices are counted",
    }
    assert waits[kind] in plan
    code, text = invoke(tmp_path, "run", "--backend", "inline")
    assert code == 1
    assert "nothing can be computed before the " in text
    assert "prices of means are to count" in text
    assert "in the store; nothing to compute" not in text
    progress = json.loads((tmp_path / "results" / "lab" / "progress.json").read_text())
    assert (progress["over"], progress["complete"]) == (True, False)
    assert "nothing is left" not in invoke(tmp_path, "plan")[1]
    file.write_text(SWEEP + METHODS[kind])
    code, text = invoke(tmp_path, "run", "--backend", "inline")
    assert code == 0, text
    assert "nothing is left to compute" in invoke(tmp_path, "plan")[1]
    progress = json.loads((tmp_path / "results" / "lab" / "progress.json").read_text())
    assert progress["complete"]
