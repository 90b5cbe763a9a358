"""The collector of reference cycles rests while values without cycles are made."""

import gc
from collections.abc import Iterator

import pytest

from orchestrator.stages.collector import keep_imports, pause_collector


@pytest.fixture(params=[True, False])
def enabled(request: pytest.FixtureRequest) -> Iterator[bool]:
    (gc.enable if request.param else gc.disable)()
    yield request.param
    gc.enable()


@pause_collector()
def fail() -> None:
    with pause_collector():
        pass
    assert not gc.isenabled()
    raise ZeroDivisionError


def test_the_collector_rests_for_the_block_and_is_then_as_it_was(enabled: bool) -> None:
    with pytest.raises(ZeroDivisionError):
        fail()
    assert gc.isenabled() is enabled


def test_what_imports_create_is_excluded_from_later_collections(enabled: bool) -> None:
    before = gc.get_freeze_count()
    with keep_imports():
        assert not gc.isenabled()
        kept = [[number] for number in range(100)]
    assert gc.isenabled() is enabled
    assert gc.get_freeze_count() >= before + len(kept)


def fail_to_import(kept: list[list[int]]) -> None:
    kept += [[number] for number in range(100)]
    raise ImportError


def test_imports_that_fail_leave_the_collector_as_it_was(enabled: bool) -> None:
    before, kept = gc.get_freeze_count(), list[list[int]]()
    with pytest.raises(ImportError), keep_imports():
        fail_to_import(kept)
    assert gc.isenabled() is enabled
    assert len(kept) == 100
    assert gc.get_freeze_count() <= before, "none of them is excluded"
