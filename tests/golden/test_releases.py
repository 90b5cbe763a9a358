"""What an earlier release left behind: its store answers its sweeps, its tables open.

`release-0.1/` was written by release 0.1.0: `sweeps/` with a user's own methods beside them, and
`folder/`, the results of running them one after the other with `--out folder --backend inline`.
"""

import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dashboards.data.warehouse import Warehouse
from orchestrator.backends.inline import Inline
from orchestrator.cli.run_sweep import SweepOutcome, run_sweep
from orchestrator.columns import (
    CODE,
    LATE_COSTS,
    LATE_STORAGE,
    METHOD_LABEL,
    METRICS,
    PEAK_STORAGE,
    SELECTABLE,
)
from orchestrator.graph.brake import Brake
from orchestrator.results.folder.places import open_store, results_folder
from orchestrator.results.folder.tabulator import Tabulator
from orchestrator.results.load import load
from orchestrator.results.metrics import FUNCTIONS
from orchestrator.results.tables.schemas import WORKER
from orchestrator.stages.stage import Chain
from orchestrator.sweep.sweep import Sweep

RELEASE = Path(__file__).with_name("release-0.1")
SWEEPS = ("layouts", "told_the_task", "stumbling", "searching")

# Methods whose numbers in these sweeps moved since, and why: their stages answer no more.
COPIES = "the state has no copy of the network: it is made when a task begins"
RAISED: dict[str, str] = dict.fromkeys(("ewc", "l2", "lwf", "mas", "rwalk", "si"), COPIES)


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what the release left behind."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    return Path(shutil.copytree(RELEASE, tmp_path / "release"))


def rerun(release: Path, name: str) -> tuple[SweepOutcome, list[Chain]]:
    """Run a sweep of the release again; return what came of it and the rows that it has now."""
    sweep, out = Sweep.load(release / f"sweeps/{name}.yaml"), release / "folder"
    tables = Tabulator((), open_store(out, None), results_folder(sweep, out))
    return run_sweep(sweep, tables, Inline(), Brake()), list(tables.chains)


def rows(folder: Path) -> pd.DataFrame:
    """Return the rows of a folder by what does not change from release to release."""
    trials = load(folder).trials
    later = ["mlflow_run_id", CODE, *WORKER, *LATE_COSTS, *LATE_STORAGE, METHOD_LABEL, PEAK_STORAGE]
    trials = trials[~trials["method"].isin(RAISED)].drop(columns=later)
    trials["trial_id"] = trials["trial_id"].str.replace(r"(-[0-9a-f]{8}).*", r"\1", regex=True)
    # The message alone: releases say the place of an error and its traceback otherwise.
    stories = trials["story"].str.replace(r"(\n| \().*", "", regex=True, flags=re.DOTALL)
    trials["story"] = stories
    return trials.reset_index(drop=True)


@pytest.mark.parametrize("name", SWEEPS)
def test_its_sweeps_are_answered_from_its_store(release, name):
    before = rows(release / f"folder/{name}")
    outcome, chains = rerun(release, name)
    computed = [chain for chain in chains if chain.method in RAISED]
    at_most = len({key for chain in computed for key in chain.keys[1:]})
    now = load(release / f"folder/{name}").trials
    diverged = int((now["method"].isin(RAISED) & (now["status"] == "diverged")).sum())
    # The stage that failed is tried again, and again in vain.
    assert outcome.evaluation.failed == (name == "stumbling") + diverged
    assert outcome.evaluation.executed - outcome.evaluation.failed <= at_most
    assert outcome.search is None or outcome.search.executed <= at_most
    after = rows(release / f"folder/{name}")
    shared = [column for column in before if column in after]
    pd.testing.assert_frame_equal(after[shared], before[shared])
    assert not (release / "folder/stages/damaged").exists()


def test_its_tables_open_together():
    results = load(RELEASE / "folder")
    assert set(results.trials["sweep"]) == set(SWEEPS)
    assert set(results.trials["status"]) == {"complete", "stopped", "diverged", "failed"}
    r = results.r_matrix(*one_row(results.trials, "si", seed=1))
    assert r.shape == (3, 2)


def test_its_tables_have_every_metric_of_today_by_their_r():
    results, warehouse = load(RELEASE / "folder"), Warehouse.open(RELEASE / "folder")
    assert not warehouse.older
    names = [*METRICS, *(f"val_{name}" for name in SELECTABLE)]
    pd.testing.assert_frame_equal(warehouse.results.trials[names], results.trials[names])
    for row in results.trials[results.trials["status"] == "complete"].to_dict("records"):
        trial = row["trial_id"], row["seed"]
        validated = results.r_matrix(*trial, "validation", row["sweep"])
        tested = results.r_matrix(*trial, "test", row["sweep"])
        if row["phase"] == "search":
            tested = np.full_like(tested, np.nan)
        for name, function in FUNCTIONS.items():
            expected = pytest.approx(function(tested, row["scenario"]), nan_ok=True)
            assert row[name] == expected, name
        for name in SELECTABLE:
            expected = pytest.approx(FUNCTIONS[name](validated, row["scenario"]), nan_ok=True)
            assert row[f"val_{name}"] == expected, name


def one_row(trials: pd.DataFrame, method: str, seed: int) -> tuple[str, int]:
    """Return the trial and the seed of the one row of a method on a seed."""
    (trial_id,) = trials[(trials["method"] == method) & (trials["seed"] == seed)]["trial_id"]
    return trial_id, seed


def test_a_search_cut_off_in_the_middle_of_its_journal_ends_as_it_did(release):
    before = rows(release / "folder/searching")
    journal = release / "folder/searching/search.jsonl"
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:9]))
    outcome, _ = rerun(release, "searching")
    assert outcome.complete
    if "ewc" not in RAISED:
        assert outcome.search is not None
        assert outcome.search.executed == 0
        pd.testing.assert_frame_equal(rows(release / "folder/searching")[before.columns], before)


def test_the_release_holds_what_a_later_one_may_misread():
    """Every status, states of many layouts, further evaluations and failures are there."""
    files = {path.name.partition("-")[0] for path in RELEASE.glob("folder/stages/??/*/*")}
    assert files == {"record.json", "state.safetensors", "evaluation", "failure.json"}
    assert load(RELEASE / "folder").trials["method"].nunique() >= 10
