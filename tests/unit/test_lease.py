"""Leases: one owner at a time, renewed or ended by time, whichever host asks."""

import functools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestrator.stages.storage import lease_holding
from orchestrator.stages.storage.lease import Leases
from orchestrator.stages.storage.lease_holding import wait_for_lease
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


def test_a_lease_is_listed_until_it_ends_unless_it_is_renewed(leases: Leases, clock: Clock) -> None:
    assert leases.take("k", "first", 60)
    clock.now += 59
    assert leases.take("k", "first", 60)
    clock.now += 59
    assert leases.keys() == {"k"}
    clock.now += 1
    assert leases.keys() == frozenset()


@pytest.mark.parametrize("ahead", [-86_400, -31, 31, 86_400])
def test_a_host_with_another_clock_takes_no_lease_that_is_renewed(
    store: StageStore, clock: Clock, ahead: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others look once a second of a stopwatch, the owner renews its lease each ten."""
    elsewhere = Clock()
    elsewhere.now += ahead
    first = Leases(store.files, store.folder, clock)
    other, passed = Leases(store.files, store.folder, elsewhere), [0.0]
    assert first.take("k", "here/1/x", 30)

    def sleep(_: float) -> None:
        for each in (clock, elsewhere):
            each.now += 1
        passed[0] += 1
        if passed[0] <= 100 and passed[0] % 10 == 0:
            assert first.take("k", "here/1/x", 30)

    monkeypatch.setattr(lease_holding.time, "sleep", sleep)
    monkeypatch.setattr(lease_holding.time, "monotonic", lambda: passed[0])
    assert wait_for_lease(other, "k", "there/1/x", lambda: False, 30)
    # It died after 100 s; its lease counts for 30 s more.
    assert passed[0] == 131
    assert first.holder("k") == "there/1/x"
    assert not first.take("k", "here/1/x", 30)


def test_of_many_that_wait_for_a_lease_that_has_ended_one_wins(store: StageStore) -> None:
    Leases(store.files, store.folder).take("k", "dead/1/x", 0.2)

    def take(number: int) -> bool:
        own = StageStore(store.uri)
        leases = Leases(own.files, own.folder)
        held = functools.partial(leases.holder, "k")
        is_done = lambda: str(held()).startswith("owner")  # noqa: E731
        return wait_for_lease(leases, "k", f"owner {number}", is_done, 0.2)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(8))) == 1


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
