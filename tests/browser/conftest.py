"""A real sweep, the dashboard's server on it and a browser, each started once for all tests."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright
from typer.testing import CliRunner
from visitor import Visitor, wait_for

from orchestrator.cli.app import app

SWEEP = """\
name: small
benchmark: {name: split_digits, scenario: {grid: [class, task]}, num_tasks: 5, samples_per_task: 64}
network: {name: mlp, hidden: [16]}
training: {epochs: 2, batch_size: 32, lr: 3e-3}
methods: [finetune, joint, {name: ewc, lam: 100}, {name: er, memory_size: {grid: [20, 60]}}]
seeds: [0, 1, 2]
"""
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results folder of a sweep that was really run."""
    folder = tmp_path_factory.mktemp("results")
    (folder / "small.yaml").write_text(SWEEP)
    words = ["run", str(folder / "small.yaml"), "--out", str(folder), "--backend", "inline"]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="session")
def spare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second folder that the dashboard was given, empty but for what a test puts there."""
    return tmp_path_factory.mktemp("spare")


@pytest.fixture(scope="session")
def address(results: Path, spare: Path) -> Iterator[str]:
    """Where the dashboard is served."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["-m", "dashboards.serve", str(results), str(spare), "--port", str(port)]
    server = subprocess.Popen([sys.executable, *command])
    try:
        wait_for(f"http://127.0.0.1:{port}/_stcore/health", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def light(browser: Browser) -> Iterator[BrowserContext]:
    """A light screen of 1280 pixels."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    yield context
    context.close()


@pytest.fixture(scope="session")
def tab(light: BrowserContext, address: str) -> Iterator[Visitor]:
    """One tab for the tests that leave the dashboard's choices alone."""
    visitor = Visitor(light, address)
    yield visitor
    visitor.leave()


@pytest.fixture
def reader(tab: Visitor) -> Iterator[Visitor]:
    """The common tab; afterwards, nothing must have gone wrong behind it."""
    yield tab
    tab.check()


@pytest.fixture
def visitor(light: BrowserContext, address: str) -> Iterator[Visitor]:
    """A tab of its own, on the front page; afterwards, nothing must have gone wrong behind it."""
    visitor = Visitor(light, address)
    yield visitor
    visitor.leave()


@pytest.fixture
def narrow(browser: Browser, address: str) -> Iterator[Visitor]:
    """The same with a dark screen of 800 pixels."""
    context = browser.new_context(viewport={"width": 800, "height": 900}, color_scheme="dark")
    visitor = Visitor(context, address)
    yield visitor
    visitor.leave()
    context.close()
