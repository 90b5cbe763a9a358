"""How tests are spread over processes: those that share a server stay in one."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = ("cluster", "browser")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a folder that starts a server in one process: it is started once."""
    root = Path(__file__).parent
    for item in items:
        folder = item.path.relative_to(root).parts[0]
        if folder in SHARED:
            item.add_marker(pytest.mark.xdist_group(folder))
