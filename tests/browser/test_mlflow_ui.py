"""MLflow's own pages on a real sweep: runs are nested and named, and the report opens there."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page
from visitor import wait_for

from orchestrator.results.load import load
from orchestrator.tracking import attach_file, mlflow_command, resolve_target
from orchestrator.tracking.files import name_trials
from orchestrator.tracking.ledger import load_ledger

PATIENCE_MS = 60_000


@pytest.fixture(scope="module")
def mlflow(results: Path) -> Iterator[str]:
    """Where MLflow serves the runs of the sweep, a page beside them."""
    page = results / "small" / "report.html"
    page.write_text("<!doctype html><title>r</title><p>What each way of not forgetting buys</p>")
    attach_file(results / "small", resolve_target(results), page)
    with serve_mlflow(results) as address:
        yield address


@contextmanager
def serve_mlflow(results: Path) -> Iterator[str]:
    """Serve the runs of a results folder; yield the address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    quiet = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    server = subprocess.Popen(mlflow_command(results, port), env=quiet)
    try:
        wait_for(f"http://127.0.0.1:{port}/health", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    yield page
    context.close()


def addresses(results: Path) -> tuple[str, str]:
    """Return the experiment and the parent run of the sweep."""
    ledger = load_ledger(results / "small")
    assert ledger is not None
    assert ledger.parent is not None
    from mlflow import MlflowClient

    run = MlflowClient(resolve_target(results).uri).get_run(ledger.parent.run_id)
    return run.info.experiment_id, ledger.parent.run_id


@pytest.mark.storm
def test_runs_are_nested_and_named_by_what_they_are(page: Page, mlflow: str, results: Path) -> None:
    strangers: list[str] = []
    page.on("request", lambda request: strangers.append(request.url))
    experiment, _ = addresses(results)
    page.goto(f"{mlflow}/#/experiments/{experiment}/runs")
    page.get_by_text("small", exact=True).first.wait_for()
    trials = load(results / "small").trials
    for (trial, _), name in list(name_trials(trials).items())[:3]:
        run = trials[trials["trial_id"] == trial]["mlflow_run_id"].iloc[0]
        page.goto(f"{mlflow}/#/experiments/{experiment}/runs/{run}")
        page.get_by_text(name, exact=True).first.wait_for()
        page.get_by_text("small", exact=True).first.wait_for()  # its parent
    hosts = {urlsplit(url).hostname for url in strangers if url.startswith("http")}
    assert hosts == {"127.0.0.1"}


@pytest.mark.storm
def test_the_figures_of_a_run_are_those_of_the_tables(
    page: Page, mlflow: str, results: Path
) -> None:
    trials = load(results / "small").trials
    own = trials[trials["method"] == "joint"]
    run = own["mlflow_run_id"].iloc[0]
    acc = own[own["mlflow_run_id"] == run]["acc"].mean()
    experiment, _ = addresses(results)
    page.goto(f"{mlflow}/#/experiments/{experiment}/runs/{run}")
    page.get_by_text("acc", exact=True).first.wait_for()
    assert str(acc)[:6] in page.inner_text("body")


@pytest.mark.storm
def test_the_report_opens_with_the_run_of_the_sweep(page: Page, mlflow: str, results: Path) -> None:
    experiment, parent = addresses(results)
    page.goto(f"{mlflow}/#/experiments/{experiment}/runs/{parent}/artifacts/report.html")
    frame = page.frame_locator("iframe")
    frame.get_by_text("What each way of not forgetting buys").first.wait_for()
