"""How tests are spread over processes: those that share something costly stay in one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Two processes with two threads each on two cores wait for each other. Before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

SERVERS = ("cluster", "browser")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep together what shares a server or a fixture of its file, which is then built once."""
    for item in items:
        if group := group_of(item):
            item.add_marker(pytest.mark.xdist_group(group))


def group_of(item: pytest.Item) -> str | None:
    """Return the name of the group of a test, or None if it can run anywhere."""
    path = item.path.relative_to(Path(__file__).parents[1])
    if path.parts[1] in SERVERS:
        return path.parts[1]
    fixtures = item._fixtureinfo.name2fixturedefs.values()  # type: ignore[attr-defined]
    shares = any(each[-1].scope == "module" and each[-1].baseid == str(path) for each in fixtures)
    return str(path) if shares else None
