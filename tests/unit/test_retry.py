"""A store that is away is waited for; one that is full, refused or unknown is named at once."""

import errno
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from test_store_releases import KEY, RECORD, STATE

from methods.finetune import Finetune
from orchestrator.benchmarks import atomic_files
from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.errors import StoreFull, StoreUnreachable, StoreUnwritable
from orchestrator.networks.networks import MLP
from orchestrator.search.score import Scorer
from orchestrator.stages.build_stages import build_stages
from orchestrator.stages.code.components import create_component
from orchestrator.stages.learning.learner import Training
from orchestrator.stages.record import Record, Score
from orchestrator.stages.storage import mounts
from orchestrator.stages.storage.retry import RetryPolicy
from orchestrator.stages.storage.store import StageStore
from orchestrator.sweep.objective.objective import Objective

AWAY = OSError(
    "When reading information for key 'k': AWS Error NETWORK_CONNECTION during HeadObject"
)


@dataclass
class Clock:
    """A clock that only sleeping moves."""

    now: float = 0.0
    lines: list[str] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds

    def policy(self) -> RetryPolicy:
        return RetryPolicy(300, 90, self.lines.append, self.sleep, lambda: self.now)


@dataclass
class Flaky:
    """Files whose operations raise until the clock says that the store is back."""

    files: Any
    clock: Clock
    back: float
    error: OSError = AWAY

    def __getattr__(self, name: str) -> Any:
        if self.clock.now < self.back:
            raise self.error
        return getattr(self.files, name)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> StageStore:
    return StageStore(str(tmp_path / "stages"), retry=clock.policy())


def interrupt(store: StageStore, clock: Clock, seconds: float, error: OSError = AWAY) -> None:
    store.files._files = Flaky(store.files._files, clock, clock.now + seconds, error)


@pytest.mark.parametrize("error", [AWAY, OSError(errno.ESTALE, "Stale file handle")])
def test_a_store_that_is_away_is_waited_for_and_it_is_said_once(
    store: StageStore, clock: Clock, error: OSError
) -> None:
    interrupt(store, clock, 20, error)
    store.put(STATE, RECORD)
    assert store.record(KEY) == RECORD
    (text,) = clock.lines
    assert text.startswith(f"store {store.uri} cannot be reached: ")
    assert text.endswith("waiting for 300 s at most")
    assert 20 <= clock.now < 40


def test_a_hiccup_is_not_worth_a_word(store: StageStore, clock: Clock) -> None:
    interrupt(store, clock, 0.4)
    assert store.keys() == []
    assert clock.lines == []


def test_after_the_limit_it_is_one_line_and_exit_code_1(store: StageStore, clock: Clock) -> None:
    interrupt(store, clock, 1000)
    with pytest.raises(StoreUnreachable, match="could not be reached for 300 s") as error_info:
        store.record(KEY)
    assert "\n" not in str(error_info.value)
    assert error_info.value.exit_code == 1
    assert 300 <= clock.now < 301


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), StoreFull, "no space is left"),
        (OSError(errno.EROFS, "Read-only file system", "/x"), StoreUnwritable, "not be written"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), StoreUnwritable, "permissions"),
        (OSError(errno.ENAMETOOLONG, "File name too long"), StoreUnreachable, "cannot be used"),
        (OSError("AWS Error ACCESS_DENIED during PutObject"), StoreUnreachable, "ACCESS_DENIED"),
    ],
)
def test_what_waiting_cannot_mend_is_said_at_once(
    store: StageStore, clock: Clock, error: OSError, kind: type[Exception], words: str
) -> None:
    interrupt(store, clock, 1000, error)
    with pytest.raises(kind, match=words) as error_info:
        store.put(STATE, RECORD)
    assert ("\n" in str(error_info.value), clock.now, clock.lines) == (False, 0.0, [])


def test_a_full_disk_loses_nothing(store: StageStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put(STATE, RECORD)

    def fill_disk(partial: Path, data: bytes, durable: bool = False) -> None:
        partial.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic_files, "write_partial", fill_disk)
    with pytest.raises(StoreUnwritable, match="store gc"):
        store.put_failure("cd" * 20, "x")
    monkeypatch.undo()
    assert (store.keys(), store.verify(KEY)) == ([KEY], None)
    assert not list(Path(store.uri).rglob("*.tmp"))


def shared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str) -> None:
    """Have the test's folder be on a file system of a kind."""
    listed = tmp_path / "mountinfo"
    listed.write_text(
        "22 1 0:1 / / rw - ext4 /dev/a rw\n"
        f"23 22 0:2 / {tmp_path} rw,relatime shared:1 - {kind} server:/export rw\n"
    )
    monkeypatch.setattr(mounts, "MOUNTS", listed)


def test_a_record_that_cannot_be_seen_yet_is_waited_for(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared(monkeypatch, tmp_path, "nfs4")
    writer, sleep = StageStore(str(tmp_path / "stages")), clock.sleep

    def sleep_and_see(seconds: float) -> None:
        sleep(seconds)
        if clock.now > 30:
            writer.put(STATE, RECORD)

    policy = RetryPolicy(300, 90, clock.lines.append, sleep_and_see, lambda: clock.now)
    store = StageStore(writer.uri, retry=policy)
    assert store.await_record(KEY, ["t1"]) == RECORD
    assert clock.lines == [
        f"stage {KEY} of store {store.uri} was computed and cannot be seen here yet; "
        "waiting for 90 s at most"
    ]
    assert store.state(KEY, written=True) is not None


@pytest.mark.parametrize(("kind", "waited"), [("nfs4", 90), ("fuse.sshfs", 90), ("xfs", 0)])
def test_a_record_that_never_comes_is_named_and_only_shared_disks_are_waited_for(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, kind: str, waited: float
) -> None:
    shared(monkeypatch, tmp_path, kind)
    store = StageStore(str(tmp_path / "stages"), retry=clock.policy())
    with pytest.raises(StoreUnreachable, match=f"{KEY}.*cannot be seen") as error_info:
        store.await_record(KEY)
    assert (error_info.value.exit_code, clock.now) == (1, waited)
    assert store.state(KEY, written=True) is None


def test_many_records_are_read_side_by_side(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With 32 readers, 64 records take as long as two, and the same come back as one by one."""
    import threading

    shared(monkeypatch, tmp_path, "nfs")
    store = StageStore(str(tmp_path / "stages"))
    keys = [f"{number:040x}" for number in range(64)]
    for key in keys[::2]:
        store.put(None, type(RECORD)(**{**vars(RECORD), "key": key, "status": "diverged"}))
    together, read = threading.Barrier(32, timeout=10), type(store.files).read
    seen = 0

    def read_together(self: Any, path: str) -> bytes | None:
        nonlocal seen
        seen += 1
        together.wait()
        return read(self, path)

    monkeypatch.setattr(type(store.files), "read", read_together)
    records = store.records((key, frozenset(["t9"])) for key in [*keys, *keys])
    assert seen == 64
    assert {key for key, _ in records} == set(keys[::2])


def test_a_search_waits_for_a_record_it_cannot_see_yet() -> None:
    """A stage is told to be done by another host before its record is visible on this one."""
    mistakes: list[str] = []
    objective = Objective.parse("acc", None, "search", mistakes)
    assert objective is not None
    benchmark = Benchmark(name="rotated_digits", scenario="domain", num_tasks=1)
    network = create_component("network", "mlp", MLP.Config(hidden=(2,)))
    method = create_component("method", "finetune", Finetune.Config())
    chain = build_stages(benchmark, network, Training(), method, 0)
    score = {split: Score(accuracy=0.5, loss=1.0, n=4) for split in ("validation", "test")}
    awaited: list[str] = []

    class Late:
        """A store in which nothing is visible unless it is waited for."""

        def record(self, key: str, task_keys: Any) -> Record | None:
            return None

        def await_record(self, key: str, task_keys: Any) -> Record:
            awaited.append(key)
            return replace(RECORD, key=key, evaluation={task: score for task in task_keys})

    scorer = Scorer(Late(), objective)
    assert scorer.record(chain[0]) is None
    assert scorer.values([chain], 1) == (0.5,)
    assert scorer.accuracy(chain, 1) == 0.5
    assert awaited == [stage.key for stage in chain]
