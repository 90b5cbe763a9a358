"""States kept on a node: by digest, within a number of bytes, shared by its workers."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from orchestrator.errors import RepertoireError
from orchestrator.hashing import digest_bytes
from orchestrator.stages.storage.state_cache import StateCache, open_state_cache


def put(cache: StateCache, data: bytes) -> str:
    cache.put(digest_bytes(data), data)
    return digest_bytes(data)


def total(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def test_what_is_put_comes_back_and_what_was_damaged_does_not(tmp_path: Path) -> None:
    cache = StateCache(tmp_path, 1000)
    key = put(cache, b"state")
    assert StateCache(tmp_path, 1000).get(key) == b"state"
    (tmp_path / key).write_bytes(b"other")
    assert cache.get(key) is None
    assert not (tmp_path / key).exists()
    assert cache.get("0" * 40) is None


def test_the_states_used_longest_ago_go_first(tmp_path: Path) -> None:
    cache = StateCache(tmp_path, 100)
    keys = [put(cache, bytes([number]) * 25) for number in range(4)]
    for age, key in enumerate(keys):
        os.utime(tmp_path / key, (age, age))
    assert cache.get(keys[0]) is not None  # used now
    late = put(cache, b"x" * 25)
    assert {path.name for path in tmp_path.iterdir()} == {keys[0], keys[2], keys[3], late}
    put(cache, b"y" * 101)  # more than all
    assert total(tmp_path) == 100


def test_files_that_no_cache_wrote_neither_count_nor_go(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_bytes(b"t" * 500)
    (tmp_path / ".notes.tmp").write_bytes(b"n" * 500)
    (tmp_path / "old").mkdir()
    (tmp_path / ("d" * 40)).mkdir()
    mine = tmp_path / "thesis.tex"
    (tmp_path / ("e" * 40)).symlink_to(mine)
    left = tmp_path / f".{'f' * 40}.{'0' * 32}.tmp"  # by a process that was killed
    left.write_bytes(b"p" * 60)
    for path in tmp_path.iterdir():
        os.utime(path, (1, 1), follow_symlinks=False)
    others = {path.name for path in tmp_path.iterdir()} - {left.name}
    cache = StateCache(tmp_path, 100)
    assert cache.get("e" * 40) is None
    cache.put("e" * 40, b"state")
    first, second = put(cache, b"x" * 60), put(cache, b"y" * 60)
    assert {path.name for path in tmp_path.iterdir()} == {*others, second}
    assert cache.get(first) is None
    assert mine.read_bytes() == b"t" * 500


def test_many_workers_share_a_folder_and_its_limit(tmp_path: Path) -> None:
    limit, failures = 20_000, list[bytes]()

    def work(number: int) -> None:
        cache = StateCache(tmp_path, limit)
        for step in range(60):
            data = bytes([step % 30]) * 900
            if (read := cache.get(digest_bytes(data))) not in (None, data):
                failures.append(read)
            cache.put(digest_bytes(data), data)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert total(tmp_path) <= limit * (1 + 4 * 0.05) + 4 * 900


def test_the_environment_names_folder_and_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPERTOIRE_STATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("REPERTOIRE_STATE_CACHE_GB", "0")
    assert open_state_cache() is None
    assert not (tmp_path / "cache").exists()
    monkeypatch.setenv("REPERTOIRE_STATE_CACHE_GB", "1e-6")
    cache = open_state_cache()
    assert cache is not None
    put(cache, b"x" * 900)
    assert (tmp_path / "cache").stat().st_mode & 0o077 == 0
    (tmp_path / "link").symlink_to(tmp_path / "cache")
    monkeypatch.setenv("REPERTOIRE_STATE_CACHE", str(tmp_path / "link"))
    assert open_state_cache() is None
    for text in ("much", "inf", "nan"):
        monkeypatch.setenv("REPERTOIRE_STATE_CACHE_GB", text)
        with pytest.raises(RepertoireError, match="a number of GB"):
            open_state_cache()


def test_a_disk_that_refuses_only_means_that_nothing_is_cached(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = StateCache(tmp_path / "file" / "below", 100)
    assert cache.get(put(cache, b"state")) is None
