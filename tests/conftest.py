"""How tests are spread over processes: those that share something costly stay in one."""

from __future__ import annotations

import atexit
import gc
import logging
import os
import sys
from collections.abc import Iterator
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
# What files of tests have in them, and the name of what they share: also imports of seconds.
SHARED = {"blank_database": MLFLOW, 'importorskip("timm")': "timm"}
TREES = "architecture"  # tests that share the syntax trees of all modules


def pytest_configure(config: pytest.Config) -> None:
    """Collect no garbage while modules are imported: what they make stays."""
    gc.disable()
    # Two processes read the folders from two ends: of each module one of them rewrites the
    # assertions, which on a new clone is half of the time before the first test.
    second = getattr(config, "workerinput", {}).get("workerid") == "gw1"
    if second and [Path(argument).absolute() for argument in config.args] == [HERE]:
        ignored = map(Path.absolute, map(Path, config.getoption("ignore") or ()))
        config.args = sorted(map(str, {*HERE.glob("*/")} - {*ignored}), reverse=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what one process does alone, so that others need not wait for it at the end."""
    items.sort(key=lambda item: (scope(item.nodeid) not in ALONE, item.path))
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


def pytest_sessionfinish() -> None:
    """Leave what the tests made to the end of the process."""
    gc.freeze()


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """The messages that a test logs.

    Not pytest's `caplog`: its plugin goes through all loggers of the libraries three times a test,
    which is a twentieth of the suite's time.
    """
    messages: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    yield messages
    logging.getLogger().removeHandler(handler)


class SharedFixtures(LoadScopeScheduling):
    """Keeps together what shares a server, MLflow, or a fixture of its file, built once.

    pytest-xdist 3.8 has marks for groups, but under pytest 9.2 they have no effect.
    """

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)


def scope(nodeid: str) -> str:
    """Return the name of what a test shares with others of its process."""
    file = nodeid.partition("::")[0]
    if (folder := Path(file).parent.name) in (*SERVERS, TREES):
        return folder
    text = read(HERE.parent / file)
    for words, shared in SHARED.items():
        if words in text:
            return shared
    # Cases of one test stay together: fewer scopes to hand out, and what they cache is shared.
    return file if 'scope="module"' in text else nodeid.partition("[")[0]


@cache
def read(file: Path) -> str:
    """Return the text of a file of tests."""
    return file.read_text(encoding="utf-8")


@pytest.hookimpl(optionalhook=True)  # `-p no:xdist` knows no such hook
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> SharedFixtures:
    """Return the scheduler of `pytest -n`; tests start in the order of their files."""
    config.option.loadscopereorder = False
    return SharedFixtures(config, log)
