"""One Ray for the tests of this folder that run in this process."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> Iterator[None]:
    """End Ray after the last test of this folder: its processes would take time from the others."""
    yield
    last = nextitem is None or HERE not in nextitem.path.parents
    if last and (ray := sys.modules.get("ray")):
        ray.shutdown()


@pytest.fixture(scope="session")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of user-written modules, on the path of the workers of `one_ray`."""
    return tmp_path_factory.mktemp("modules")


@pytest.fixture(scope="session")
def one_ray(modules: Path) -> Iterator[None]:
    import ray

    # By the environment of Ray's processes: with a runtime environment, each worker would be two
    # starts of Python, and those that Ray starts in advance would be of no use.
    path = os.pathsep.join([str(modules), *filter(None, [os.environ.get("PYTHONPATH")])])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", path)
        ray.init(
            address="local",
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
        )
    yield
    ray.shutdown()
