"""Leases of an object store: never two owners, whatever the order of their writes and listings."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from threading import Lock, Thread

import pytest
from stage_chains import WHOM, chain

from orchestrator.stages import worker
from orchestrator.stages.outcomes import StageDone
from orchestrator.stages.run_stage import run_stage
from orchestrator.stages.stage import Stage
from orchestrator.stages.storage import lease_holding
from orchestrator.stages.storage.claims import Claims
from orchestrator.stages.storage.files import FileEntry
from orchestrator.stages.storage.lease_holding import create_owner, wait_for_lease
from orchestrator.stages.storage.maintenance import list_inventory
from orchestrator.stages.storage.store import StageStore
from orchestrator.stages.worker import StageOrder, compute_order


@dataclass
class Bucket:
    """Objects in memory, listed as they are; `before` is called before each operation."""

    before: Callable[[], object] = lambda: None
    objects: dict[str, float] = field(default_factory=dict)
    clock: Callable[[], float] = field(default_factory=lambda: count().__next__)

    def write(self, path: str, data: bytes) -> None:
        self.before()
        self.objects[path] = self.clock()

    def delete(self, path: str) -> None:
        self.before()
        self.objects.pop(path, None)

    def entries(self, folder: str) -> list[FileEntry]:
        self.before()
        return [FileEntry(path, 0, time) for path, time in [*self.objects.items()]]


def claims(bucket: Bucket, clock: Callable[[], float] = time.monotonic) -> Claims:
    return Claims(bucket, clock)  # type: ignore[arg-type]


@pytest.mark.parametrize("names", ["ab", "ba"])
@pytest.mark.parametrize("position", range(4))
def test_of_two_that_claim_a_stage_at_once_one_holds_it(names: str, position: int) -> None:
    """The second acts between any two operations of the first, and they go on until one holds."""
    bucket = Bucket()
    first, second = claims(bucket), claims(bucket)
    steps, holds = count(), list[bool]()

    def interrupt() -> None:
        if next(steps) == position:
            bucket.before = lambda: None
            holds.append(second.take("k", names[1], 30))

    bucket.before = interrupt
    holds.insert(0, first.take("k", names[0], 30))
    bucket.before = lambda: None
    for _ in range(3):
        assert sum(holds) <= 1
        if not any(holds):  # whoever waits looks again, in turn
            holds = [first.take("k", names[0], 30), second.take("k", names[1], 30)]
    assert sum(holds[:2]) == 1


def test_threads_that_take_and_release_one_lease_are_never_two_inside() -> None:
    bucket, workers_inside, most, entered = Bucket(), [0], [0], Lock()

    def work(number: int) -> None:
        own, owner = claims(bucket), f"owner {number}"
        while not own.take("k", owner, 30):
            time.sleep(1e-4 * (1 + number % 3))
        with entered:
            workers_inside[0] += 1
            most[0] = max(most[0], workers_inside[0])
        time.sleep(2e-4)
        with entered:
            workers_inside[0] -= 1
        own.release("k", owner)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(60)))
    assert (most, bucket.objects) == ([1], {})


def test_a_claim_that_is_not_renewed_for_twice_its_time_is_deleted() -> None:
    bucket, now = Bucket(), [0.0]
    dead, other = claims(bucket), claims(bucket, lambda: now[0])
    assert dead.take("k", "a dead one", 30)
    assert not other.take("k", "b", 30)
    now[0] = 59.0
    assert not other.take("k", "b", 30)
    assert dead.take("k", "a dead one", 30)  # renewed, so the time begins again
    now[0] = 61.0
    assert not other.take("k", "b", 30)
    now[0] = 122.0
    assert other.take("k", "b", 30)
    assert list(bucket.objects) == ["leases/k.b.json"]


def test_a_lone_owner_writes_once_and_lists_once_and_a_renewal_is_a_write() -> None:
    operations = count()
    bucket = Bucket(lambda: next(operations))
    own = claims(bucket)
    assert own.take("k", "host/1/x", 30)
    assert next(operations) == 2
    assert own.take("k", "host/1/x", 30)
    assert next(operations) == 4
    own.release("k", "host/1/x")
    assert bucket.objects == {}


@pytest.mark.slow
def test_a_dead_process_of_this_host_is_not_waited_for(bucket: Callable[[str], str]) -> None:
    from multiprocessing import get_context

    with get_context("fork").Pool(1) as pool:
        dead = pool.apply(create_owner)
    files = StageStore(bucket("dead")).files
    assert Claims(files).take("k", dead, 3600)
    started = time.monotonic()
    assert wait_for_lease(Claims(files), "k", create_owner(), lambda: False, 3600)
    assert time.monotonic() - started < 10


@pytest.mark.slow
def test_two_commands_on_one_bucket_compute_each_stage_once(
    bucket: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    computed, stages = list[str](), chain()

    def noted(stage: Stage, *rest: object) -> object:
        computed.append(stage.key)
        time.sleep(0.1)
        return run_stage(stage, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(worker, "run_stage", noted)
    monkeypatch.setattr(lease_holding, "LONGEST_WAIT", 0.05)

    def run() -> None:
        store, owner = StageStore(bucket("shared")), create_owner()
        for stage in stages:
            outcome = compute_order(StageOrder((stage,), WHOM), store, owner=owner)
            assert isinstance(outcome, StageDone)

    threads = [Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert computed == [stage.key for stage in stages]
    store = StageStore(bucket("shared"))
    assert store.keys() == sorted(stage.key for stage in stages)
    assert list_inventory(store).partial == []  # no claim is left


@pytest.mark.slow
def test_claims_are_found_as_leftovers_of_a_bucket(bucket: Callable[[str], str]) -> None:
    store = StageStore(bucket("left"))
    assert Claims(store.files).take("k", "a/b/c", 30)
    assert Claims(store.files).keys() == {"k"}
    assert [entry.path for entry in list_inventory(store).partial] == ["leases/k.a%2Fb%2Fc.json"]
