"""Leases: one owner at a time, renewed or ended by time, whichever host asks."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestrator.stages.storage.lease import Leases
from orchestrator.stages.storage.store import StageStore


class Clock:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> StageStore:
    return StageStore(str(tmp_path / "stages"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def leases(store: StageStore, clock: Clock) -> Leases:
    return Leases(store.files, store.folder, clock)


def test_the_first_to_take_a_lease_holds_it_until_it_is_released(leases: Leases) -> None:
    assert leases.take("k", "first", 60)
    assert not leases.take("k", "second", 60)
    leases.release("k", "second")
    assert leases.holder("k") == "first"
    leases.release("k", "first")
    assert leases.holder("k") is None
    assert leases.take("k", "second", 60)


def test_a_lease_ends_by_itself_unless_it_is_renewed(leases: Leases, clock: Clock) -> None:
    assert leases.take("k", "first", 60)
    clock.now += 59
    assert leases.take("k", "first", 60)
    clock.now += 59
    assert not leases.take("k", "second", 60)
    assert leases.keys() == {"k"}
    clock.now += 1
    assert leases.keys() == frozenset()
    assert leases.take("k", "second", 60)
    assert not leases.take("k", "first", 60)


def test_of_many_that_take_a_lease_that_has_ended_one_wins(store: StageStore, clock: Clock) -> None:
    Leases(store.files, store.folder, clock).take("k", "dead", 1)
    clock.now += 2

    def take(number: int) -> bool:
        own = StageStore(store.uri)
        return Leases(own.files, own.folder, clock).take("k", f"owner {number}", 60)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(24))) == 1


@pytest.mark.parametrize(
    "data", [b"", b"null", b"{}", b"[1]", b"\xff", b'{"key": "k", "owner": 1}']
)
def test_what_is_no_lease_holds_nothing(store: StageStore, leases: Leases, data: bytes) -> None:
    store.files.write("leases/k.json", data)
    assert (leases.holder("k"), leases.keys()) == (None, frozenset())
    assert leases.take("k", "first", 60)


def test_leases_are_no_stages(store: StageStore) -> None:
    assert Leases(store.files, store.folder).take("k" * 40, "first", 60)
    assert store.keys() == []
