"""Two writers of one stage with different bits, in every order of their steps."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save
from test_store_releases import KEY, RECORD

from orchestrator.stages.record import Record
from orchestrator.stages.storage.files import FileEntry
from orchestrator.stages.storage.stage_files import StageFiles
from orchestrator.stages.storage.store import StageStore

STATES = [{"w": torch.zeros(2)}, {"w": torch.ones(2)}, {"w": torch.full((2,), 2.0)}]


def record(writer: int) -> Record:
    return replace(RECORD, computed_for=("sweep", "trial", writer))


class MemoryFiles:
    """Files in memory; `before` is called ahead of every step that is one in a real file system."""

    def __init__(self, content: dict[str, bytes], exclusive: bool) -> None:
        self.content, self.is_exclusive = content, exclusive
        self.before: Callable[[], None] = lambda: None

    def read(self, path: str) -> bytes | None:
        self.before()
        return self.content.get(path)

    def write(self, path: str, data: bytes) -> None:
        self.before()
        self.content[path] = data

    def create(self, path: str, data: bytes) -> bool:
        self.before()
        if path in self.content:
            return False
        if not self.is_exclusive:  # an object store asks, then writes
            self.before()
        self.content[path] = data
        return True

    def move(self, path: str, target: str) -> bool:
        self.before()
        if path not in self.content:
            return False
        self.content[target] = self.content.pop(path)
        return True

    def delete(self, path: str) -> None:
        self.before()
        self.content.pop(path, None)

    def delete_folder(self, path: str) -> None:
        for name in [name for name in self.content if name.startswith(f"{path}/")]:
            del self.content[name]

    def entries(self, folder: str = "") -> list[FileEntry]:
        return [FileEntry(path, len(data), 0.0) for path, data in self.content.items()]

    def refresh(self, path: str) -> None:
        return None


class Threads:
    """Runs functions in threads, one step of one at a time."""

    def __init__(self, functions: list[Callable[[Callable[[], None]], None]]) -> None:
        self.rest = threading.Semaphore(0)
        self.turns = [threading.Semaphore(0) for _ in functions]
        self.alive = set(range(len(functions)))
        for number, function in enumerate(functions):
            threading.Thread(target=self._run, args=(number, function), daemon=True).start()
            self.rest.acquire()

    def _run(self, number: int, function: Callable[[Callable[[], None]], None]) -> None:
        def pause() -> None:
            self.rest.release()
            self.turns[number].acquire()

        function(pause)
        self.alive.discard(number)
        self.rest.release()

    def step(self, number: int) -> None:
        self.turns[number].release()
        self.rest.acquire()


def store_of(folder: Path, files: MemoryFiles, read_only: bool = False) -> StageStore:
    store = StageStore(str(folder), create=False, read_only=read_only)
    store.files = files  # type: ignore[assignment]
    store._stage_files = StageFiles(files, read_only)
    store.damaged = store._stage_files.damaged
    return store


def orders(folder: Path, exclusive: bool, writers: int = 2) -> Iterator[list[dict[str, bytes]]]:
    """Yield the contents of a store after each step of its writers, for every order of steps."""
    pending: list[list[int]] = [[]]
    while pending:
        prefix = pending.pop()
        content: dict[str, bytes] = {}

        def put(number: int, pause: Callable[[], None], content=content) -> None:  # type: ignore[no-untyped-def]
            files = MemoryFiles(content, exclusive)
            files.before = pause
            store_of(folder, files).put(STATES[number], record(number))

        threads = Threads([lambda p, n=n: put(n, p) for n in range(writers)])  # type: ignore[misc]
        used, seen = list[int](), [dict(content)]
        while threads.alive:
            choices = sorted(threads.alive)
            choice = prefix[len(used)] if len(used) < len(prefix) else choices[0]
            if len(used) >= len(prefix):
                pending += [[*used, other] for other in choices[1:]]
            threads.step(choice)
            used.append(choice)
            seen.append(dict(content))
        yield seen


def stage(folder: Path, content: dict[str, bytes], exclusive: bool) -> int | None:
    """Return whose stage a reader sees, None if no one's; fails if it is not whole."""
    reader = store_of(folder, MemoryFiles(dict(content), exclusive), read_only=True)
    actual, state = reader.record(KEY), reader.state(KEY)
    assert reader.damaged == []
    if actual is None:
        return None
    writer = actual.computed_for[2]
    assert state is not None
    assert save(dict(state)) == save(STATES[writer])
    return writer


@pytest.mark.slow
@pytest.mark.parametrize("exclusive", [True, False], ids=["disk", "object store"])
def test_no_interleaving_of_two_writers_leaves_a_damaged_stage(
    tmp_path: Path, exclusive: bool
) -> None:
    winners, checked, count = set(), {}, 0
    for contents in orders(tmp_path, exclusive):
        count += 1
        keys = []
        for content in contents:
            name = frozenset(content.items())
            if name not in checked:
                checked[name] = stage(tmp_path, content, exclusive)
            keys.append(checked[name])
        first = next(writer for writer in keys if writer is not None)
        winners.add(keys[-1])
        # Once there is a stage there always is one; on a disk it is always the first one's.
        after = keys[keys.index(first) :]
        assert set(after) == {first} if exclusive else None not in after
    assert winners == {0, 1}
    assert count > 100

    # Were both to die at any moment, the next writer makes a whole stage of what they left.
    for name, writer in checked.items():
        files = MemoryFiles(dict(name), exclusive)
        store_of(tmp_path, files).put(STATES[2], record(2))
        assert stage(tmp_path, files.content, exclusive) == (2 if writer is None else writer)


def test_a_reader_that_sets_a_stage_aside_spares_what_was_written_meanwhile(tmp_path: Path) -> None:
    """A slow reader has judged a damaged stage; others set it aside and write it anew first."""
    files = MemoryFiles({}, exclusive=True)
    store = store_of(tmp_path, files)
    store.put(STATES[0], record(0))
    path = f"{KEY[:2]}/{KEY}/state.safetensors"
    files.content[path] = b"damaged"
    slow = store_of(tmp_path, files)
    steps = 0

    def mend() -> None:
        nonlocal steps
        steps += 1
        if steps == 3:  # after reading the record and the state, before moving anything
            files.before = lambda: None
            assert store.state(KEY) is None
            store.put(STATES[1], record(1))

    files.before = mend
    assert slow.state(KEY) is None
    assert stage(tmp_path, files.content, exclusive=True) == 1


def test_a_disk_without_links_is_used_as_an_object_store_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*names: object, **more: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    store = StageStore(str(tmp_path / "stages"))
    store.put(STATES[0], record(0))
    store.put(STATES[1], record(1))
    again = StageStore(str(tmp_path / "stages"))
    actual = again.record(KEY)
    assert actual is not None
    assert actual.computed_for[2] == 0
    state = again.state(KEY)
    assert state is not None
    assert torch.equal(state["w"], STATES[0]["w"])
    assert not list(tmp_path.rglob("*.tmp"))
