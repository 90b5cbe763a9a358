"""MLflow's pages on a stream of a hundred tasks, and on two scenarios that may not be compared."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page
from test_mlflow_ui import page as page
from test_mlflow_ui import serve_mlflow

from orchestrator.tracking import front_page, resolve_target, sync
from orchestrator.tracking.ledger import load_ledger

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from random_tables import write_random

pytestmark = pytest.mark.storm


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder that was sent to MLflow; its tables were never computed."""
    directory = tmp_path_factory.mktemp("hundred")
    write_random(directory / "long", complete=1.0, seeds=2, num_tasks=100)
    write_random(directory / "other", complete=1.0, seeds=1, scenario="domain")
    for sweep in ("long", "other"):
        sync(directory / sweep, resolve_target(directory))
    return directory


@pytest.fixture(scope="module")
def mlflow(folder: Path) -> Iterator[str]:
    with serve_mlflow(folder) as address:
        yield address


def test_the_list_of_a_setting_has_its_trials_alone(page: Page, mlflow: str, folder: Path) -> None:
    port = int(mlflow.rpartition(":")[2])
    page.goto(front_page(folder, port))
    page.get_by_text("ewc lam=100").first.wait_for()
    address = front_page(folder, port)
    assert address.endswith("split_digits-task")
    assert len(names_listed(page)) == 4
    page.goto("about:blank")
    page.goto(address.replace("split_digits-task", "split_digits-domain"))
    page.get_by_text("ewc lam=100").first.wait_for()
    assert len(names_listed(page)) == 4
    page.goto("about:blank")
    page.goto(address.replace("split_digits-task", "trials"))
    page.get_by_text("ewc lam=100").nth(1).wait_for()
    assert len(names_listed(page)) == 8


def names_listed(page: Page) -> list[str]:
    """Return the names in the list of runs, one for each run."""
    texts = page.get_by_role("link").all_text_contents()
    return [text for text in texts if re.match(r"(finetune|ewc lam=|er)", text)]


def test_a_run_of_a_hundred_tasks_draws_all_its_charts(
    page: Page, mlflow: str, folder: Path
) -> None:
    ledger = load_ledger(folder / "long")
    assert ledger is not None
    run = next(iter(ledger.trials.values())).run_id
    place = f"{mlflow}/#/experiments/{ledger.experiment_id}/runs/{run}"
    page.goto(place)
    page.get_by_text("acc_by_task/100", exact=True).first.wait_for()
    body = page.inner_text("body")
    assert int(re.findall(r"Metrics \((\d+)\)", body)[0]) < 50
    assert "repertoire." not in body
    page.goto(f"{place}/model-metrics")
    page.get_by_text("average_incremental_accuracy", exact=True).first.wait_for()
    page.goto(f"{place}/artifacts/r_matrix.csv")
    page.get_by_text("task_100").first.wait_for()
