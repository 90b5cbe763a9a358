"""CONTRIBUTING.md is run as it stands: its method, its sweep, its check, and an edit."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pandas as pd
import pytest
from forked import Outcome, run_forked

from orchestrator.cli import app, run_folder

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SEEDS, SHARES, TASKS = 2, 3, 5
STAGES_OF_THE_METHOD = SEEDS * (1 + SHARES * (TASKS - 1))  # the first is shared by all shares


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of its own with what the document tells a reader to write."""
    blocks = FENCE.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    (_, method), (_, sweep), (_, check) = blocks
    (tmp_path / "mymethods.py").write_text(method, encoding="utf-8")
    (tmp_path / "averages.yaml").write_text(sweep, encoding="utf-8")
    (tmp_path / "test_mymethods.py").write_text(check, encoding="utf-8")
    return tmp_path


def repertoire(folder: Path, *words: str) -> str:
    """Return what a command prints in a folder, in a process of its own and without MLflow."""

    def command() -> None:
        run_folder.MLflowTracker = lambda *_, **__: None  # type: ignore[assignment, misc]
        sys.argv = ["repertoire", *words]
        app.main()

    result = run_forked(command, folder, {"MLFLOW_TRACKING_URI": None})
    assert result.code == 0, result.stdout + result.stderr
    return result.stdout


def check(folder: Path) -> Outcome:
    """Run the check of the method."""
    name = "test_mean_imm_keeps_the_contract"
    return run_forked(lambda: runpy.run_path("test_mymethods.py")[name](), folder)


def run(folder: Path) -> tuple[int, pd.DataFrame]:
    """Run the sweep; return how many stages were computed, and the trials."""
    printed = repertoire(folder, "run", "averages.yaml", "--backend", "inline")
    assert "48 stages asked for" in printed or "all 48 stages" in printed
    computed = re.search(r"^(\d+) stages computed", printed, re.MULTILINE)
    assert computed, printed
    return int(computed[1]), pd.read_parquet(folder / "results" / "averages" / "trials.parquet")


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_the_method_is_as_short_as_promised(folder: Path) -> None:
    assert len((folder / "mymethods.py").read_text().splitlines()) < 60


def test_the_sweep_runs_and_an_edit_computes_the_stages_of_the_method_alone(folder: Path) -> None:
    method = folder / "mymethods.py"
    computed, before = run(folder)
    assert computed == 38
    assert set(before["status"]) == {"complete"}
    finetune, slow = before[is_finetune(before)], before[has_share(before, 0.2)]
    assert before[has_share(before, 1)]["acc"].to_list() == finetune["acc"].to_list()
    assert slow["forgetting"].mean() < finetune["forgetting"].mean()

    edit(method, "        self.average.replace(now)", "        self.average.replace(now)  # Here.")
    edit(method, '"""Answer with a running', '"""Predict with a running')
    assert re.search(r"stages left\W+0\b", repertoire(folder, "plan", "averages.yaml"))

    edit(method, "(1 - share) * past", "(0.9 - share) * past")
    computed, after = run(folder)
    assert computed == STAGES_OF_THE_METHOD == 26
    assert after[is_finetune(after)]["acc"].to_list() == finetune["acc"].to_list()
    assert after[has_share(after, 0.2)]["acc"].to_list() != slow["acc"].to_list()


def is_finetune(trials: pd.DataFrame) -> pd.Series:
    return trials["method"] == "finetune"


def has_share(trials: pd.DataFrame, share: float) -> pd.Series:
    return trials["config.method.share"] == share


def test_the_check_passes_for_the_method_and_fails_when_its_claim_is_false(folder: Path) -> None:
    passed = check(folder)
    assert passed.code == 0, passed.stderr
    shrunk = "replace({name: self.config.share * p for name, p in now.items()})"
    edit(folder / "mymethods.py", "replace(now)", shrunk)
    failed = check(folder)
    assert failed.code == 1
    assert "share is declared inert on the first task, but" in failed.stderr
