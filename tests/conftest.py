"""How tests are spread over processes: those that share something costly stay in one."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from functools import cache
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

# Two processes with two threads each on two cores wait for each other. Before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Ray's workers give way to every other process, so that beside busy tests they hardly run.
os.environ.setdefault("RAY_worker_niceness", "0")

HERE = Path(__file__).parent
SERVERS = ("cluster", "browser")  # folders whose tests share a server
MLFLOW = "mlflow"  # tests that share a database that MLflow has prepared
ALONE = (*SERVERS, MLFLOW)


def pytest_configure() -> None:
    """Collect no garbage while modules are imported: what they make stays."""
    gc.disable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what one process does alone, so that others need not wait for it at the end."""
    items.sort(key=lambda item: scope(item.nodeid) not in ALONE)
    if hypothesis := sys.modules.get("hypothesis.internal.conjecture.providers"):
        # It would parse each module that this process has imported, for constants to try: seconds,
        # and examples that depend on which tests share a process.
        hypothesis._get_local_constants = lambda: hypothesis._local_constants  # type: ignore[attr-defined]


def pytest_collection_finish() -> None:
    """From here on, look for garbage among what tests make, not among modules."""
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)  # tests make few cycles, and memory is no concern here
    gc.enable()
    # Before the interpreter takes down the modules: nanobind complains of what it finds alive.
    # Not in pytest_unconfigure: pytest collects garbage twice after it, seconds over all modules.
    atexit.register(gc.unfreeze)


class SharedFixtures(LoadScopeScheduling):
    """Keeps together what shares a server, MLflow, or a fixture of its file, built once.

    pytest-xdist 3.8 has marks for groups, but under pytest 9.2 they have no effect.
    """

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)


def scope(nodeid: str) -> str:
    """Return the name of what a test shares with others of its process."""
    file = nodeid.partition("::")[0]
    if (folder := Path(file).parent.name) in SERVERS:
        return folder
    text = read(HERE.parent / file)
    if "blank_database" in text:
        return MLFLOW
    # Cases of one test stay together: fewer scopes to hand out, and what they cache is shared.
    return file if 'scope="module"' in text else nodeid.partition("[")[0]


@cache
def read(file: Path) -> str:
    """Return the text of a file of tests."""
    return file.read_text(encoding="utf-8")


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> SharedFixtures:
    """Return the scheduler of `pytest -n`; tests start in the order of their files."""
    config.option.loadscopereorder = False
    return SharedFixtures(config, log)
