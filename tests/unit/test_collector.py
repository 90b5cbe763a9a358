"""The collector of reference cycles rests while values without cycles are made."""

import gc
from collections.abc import Iterator

import pytest

from orchestrator.graph.collector import pause_collector


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
