"""What the laws are tried on, and how what is computed is counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from lab import NUMBERS, Lab, count_computed
from means_lab import MakeTrial, Stages, trial_maker
from untracked import untracked


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path / "lab")


@pytest.fixture
def make_lab(tmp_path: Path) -> Callable[[], Lab]:
    return lambda: Lab(tmp_path / f"lab{next(NUMBERS)}")


@pytest.fixture
def computed() -> Iterator[list[str]]:
    """The keys that were really computed, in order."""
    with count_computed() as keys:
        yield keys


@pytest.fixture(scope="module")
def stages() -> Stages:
    return Stages()


@pytest.fixture(scope="module")
def make_trial(tmp_path_factory: pytest.TempPathFactory) -> MakeTrial:
    return trial_maker(tmp_path_factory.mktemp("means"))


@pytest.fixture(autouse=True, scope="package")
def _no_tracking() -> Iterator[None]:
    """Sweeps that a test runs by the command are not sent to MLflow."""
    with untracked():
        yield


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
