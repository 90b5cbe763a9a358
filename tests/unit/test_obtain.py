"""Stages obtained through a store that several processes share: each is computed once."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from stage_chains import WHOM, chain

from orchestrator.errors import RepertoireError
from orchestrator.stages import worker
from orchestrator.stages.leased_store import LeasedStore
from orchestrator.stages.outcomes import StageDone
from orchestrator.stages.run_stage import run_stage
from orchestrator.stages.stage import Stage
from orchestrator.stages.storage.lease_holding import create_owner, is_dead, wait_for_lease
from orchestrator.stages.storage.store import StageStore
from orchestrator.stages.worker import StageOrder, compute_order


def claimant(folder: Path, owner: str = "this", lease_seconds: float = 30.0) -> LeasedStore:
    store = StageStore(str(folder))
    return LeasedStore(store, owner, WHOM, lease_seconds=lease_seconds)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys of the stages that are computed, in order."""
    keys: list[str] = []

    def note(stage: Stage, *rest: object) -> object:
        keys.append(stage.key)
        time.sleep(0.05)
        return run_stage(stage, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(worker, "run_stage", note)
    return keys


def test_a_stage_and_the_ancestors_that_the_store_lacks_are_computed_and_then_read(
    tmp_path: Path, computed: list[str]
) -> None:
    own_chain = chain()
    record, here = claimant(tmp_path).obtain(own_chain)
    assert (record.key, record.after, here) == (own_chain[2].key, 2, True)
    assert computed == [stage.key for stage in own_chain]
    again, here = claimant(tmp_path).obtain(own_chain)
    assert (again, here, len(computed)) == (record, False, 3)


def test_processes_that_want_the_same_stages_at_once_compute_each_once(
    tmp_path: Path, computed: list[str]
) -> None:
    own_chain, here = chain(), dict[int, list[bool]]()

    def obtain_all(number: int) -> None:
        one = claimant(tmp_path, f"number {number}")
        here[number] = [one.obtain(own_chain[: after + 1])[1] for after in range(3)]

    together(*(lambda n=n: obtain_all(n) for n in range(4)))
    assert sorted(computed) == sorted(stage.key for stage in own_chain)
    for after in range(3):
        assert sum(each[after] for each in here.values()) == 1
    assert claimant(tmp_path).leases.keys() == frozenset()


def test_the_lease_of_a_process_that_died_is_waited_for_and_then_taken(
    tmp_path: Path, computed: list[str]
) -> None:
    first = chain()[:1]
    dead = claimant(tmp_path, "dead")
    assert dead.leases.take(first[0].key, "dead", 0.6)
    started = time.monotonic()
    _, here = claimant(tmp_path, lease_seconds=0.6).obtain(first)
    assert here
    assert time.monotonic() - started >= 0.5


def test_a_lease_outlasts_its_seconds_while_its_holder_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[str] = []

    def slow(stage: Stage, *rest: object) -> object:
        computed.append(stage.key)
        time.sleep(1.0)
        return run_stage(stage, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(worker, "run_stage", slow)
    first = chain()[:1]
    together(*(lambda n=n: claimant(tmp_path, n, 0.3).obtain(first) for n in "ab"))
    assert computed == [first[0].key]


def test_a_stage_that_fails_is_told_with_its_story_and_another_may_try_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> object:
        raise ZeroDivisionError("no examples")

    monkeypatch.setattr(worker, "run_stage", fail)
    first = chain()[:1]
    with pytest.raises(RepertoireError, match="ZeroDivisionError: no examples"):
        claimant(tmp_path, "one").obtain(first)
    assert "ZeroDivisionError" in str(StageStore(str(tmp_path)).failure(first[0].key))
    monkeypatch.undo()
    assert claimant(tmp_path, "other").obtain(first)[1]


def test_a_stage_below_one_that_diverged_is_not_tried(tmp_path: Path) -> None:
    own_chain = chain(lr=1e30)
    record, _ = claimant(tmp_path).obtain(own_chain)
    assert (record.key, record.status) == (own_chain[1].key, "diverged")


def together(*work: Callable[[], object]) -> None:
    threads = [threading.Thread(target=each) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


# Two commands on one store


def run_chain(folder: Path, stages: tuple[Stage, ...], owner: str | None = None) -> list[str]:
    """Compute stages as the worker of one command; return the keys it computed itself."""
    store, keys = StageStore(str(folder)), []
    for stage in stages:
        outcome = compute_order(StageOrder((stage,), WHOM), store, owner=owner or create_owner())
        assert isinstance(outcome, StageDone)
        keys += [stage.key] if outcome.work == "computed" else []
    return keys


def test_commands_that_begin_the_same_stage_at_once_compute_it_once(
    tmp_path: Path, computed: list[str]
) -> None:
    own_chain, own = chain(), list[list[str]]()
    together(*(lambda: own.append(run_chain(tmp_path, own_chain)) for _ in range(4)))
    assert sorted(computed) == sorted(stage.key for stage in own_chain)
    assert sorted(key for keys in own for key in keys) == sorted(computed)
    assert not list((tmp_path / "leases").glob("*.json"))


def test_a_command_whose_lease_a_dead_process_of_this_host_has_goes_on_at_once(
    tmp_path: Path, computed: list[str]
) -> None:
    first = chain()[:1]
    with multiprocessing.get_context("fork").Pool(1) as pool:
        dead = pool.apply(create_owner)
    assert claimant(tmp_path).leases.take(first[0].key, dead, 3600)
    assert is_dead(dead)
    assert not any(map(is_dead, (create_owner(), "elsewhere/1/x", "x")))
    assert run_chain(tmp_path, first) == [first[0].key]


def test_a_lease_that_nobody_renews_is_taken_over_whatever_the_clocks_say(tmp_path: Path) -> None:
    leases = claimant(tmp_path).leases
    assert leases.take("k", "a host whose clock is a day ahead", 86400)
    started = time.monotonic()
    assert wait_for_lease(leases, "k", "this", lambda: False, seconds=0.2)
    assert 0.2 <= time.monotonic() - started < 5
    assert leases.holder("k") == "this"


def test_a_stage_is_looked_for_again_after_a_lease_was_waited_for(tmp_path: Path) -> None:
    """Over NFS a record may be there and not seen until its folder is opened again."""
    leases, looks = claimant(tmp_path).leases, list[str | None]()

    def look() -> bool:
        looks.append(leases.holder("k"))
        leases.release("k", "other")
        return False

    assert wait_for_lease(leases, "free", "this", look, seconds=30)
    assert looks == []
    assert leases.take("k", "other", 30)
    assert wait_for_lease(leases, "k", "this", look, seconds=30)
    assert looks == ["other", "this"]


def test_another_attempt_of_the_same_command_does_not_wait_for_its_dead_worker(
    tmp_path: Path, computed: list[str]
) -> None:
    first = chain()[:1]
    assert claimant(tmp_path).leases.take(first[0].key, "this command", 3600)
    assert run_chain(tmp_path, first, "this command") == [first[0].key]


def test_a_store_whose_leases_cannot_be_written_is_used_without(
    tmp_path: Path, computed: list[str]
) -> None:
    (tmp_path / "leases").write_text("in the way of the folder")
    assert run_chain(tmp_path, chain()) == [stage.key for stage in chain()]
