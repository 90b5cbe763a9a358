"""The local copy of a sweep in a bucket: what is taken from which side, and who may write.

The bucket is one of an S3 server on the loopback address.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bucket_lab import Machine, objects

from orchestrator.errors import RepertoireError, StoreUnreachable
from orchestrator.results.addresses import copy_folder
from orchestrator.results.bucket.bucket_folder import open_bucket_folder
from orchestrator.results.bucket.fetch import fetch_results
from orchestrator.results.bucket.home import open_home
from orchestrator.results.bucket.sweep_copy import SweepCopy
from orchestrator.results.bucket.writer_lease import WRITER, hold_writer_lease
from orchestrator.stages.storage.address import ObjectFiles
from orchestrator.stages.storage.claims import Claims

pytestmark = pytest.mark.slow


@pytest.fixture
def two(
    machine: Machine, bucket: Callable[[str], str], tmp_path: Path
) -> Callable[[str], SweepCopy]:
    """Return the copy of one sweep at a machine."""
    place = open_bucket_folder(bucket(f"{tmp_path.name}/ok"))
    return lambda name: SweepCopy(place, tmp_path / name)


def synchronise(copy: SweepCopy, **written: str) -> None:
    """Fetch, write files and publish, as a run does."""
    copy.fetch(copy.place.list_sweep())
    for name, text in written.items():
        copy._files.write(f"{name}.json", text.encode())
    copy.publish(copy.changes(), copy.place.files())


def test_what_both_sides_changed_is_the_bucket_s_and_the_local_file_is_kept(
    two: Callable[[str], SweepCopy], tmp_path: Path, logged: list[str]
) -> None:
    synchronise(two("a"), search="1", data="1")
    (tmp_path / "a" / "search.json").write_text("not published")
    synchronise(two("b"), search="2")
    synchronise(two("a"), versions="3")
    assert (tmp_path / "a" / "search.json").read_text() == "2"
    assert (tmp_path / "a" / "search.json.unpublished").read_text() == "not published"
    (line,) = (line for line in logged if "another machine" in line)
    assert "another machine has written search.json since they were last published" in line
    synchronise(two("b"))
    assert sorted(path.name for path in (tmp_path / "b").glob("*.json")) == [
        ".published.json",
        ".publishing.json",
        "data.json",
        "search.json",
        "versions.json",
    ]


def test_a_deleted_object_deletes_the_local_file_unless_that_has_changed(
    two: Callable[[str], SweepCopy], tmp_path: Path
) -> None:
    synchronise(two("a"), search="1", data="1")
    synchronise(two("b"))
    for name in ("search.json", "data.json"):
        two("a").place.files().delete(name)
    (tmp_path / "b" / "data.json").write_text("2")
    copy = two("b")
    copy.fetch(copy.place.list_sweep())
    assert not (tmp_path / "b" / "search.json").exists()
    assert copy.changes() == {"data.json": b"2"}


def test_a_copy_that_is_deleted_while_it_is_written_deletes_nothing_in_the_bucket(
    two: Callable[[str], SweepCopy], tmp_path: Path
) -> None:
    copy, kept = two("a"), ("sweep.yaml", "search.jsonl")
    for name in kept:
        copy._files.write(name, b"1")
    copy.publish(copy.changes(), copy.place.files())
    for lost in (tmp_path / "a" / "sweep.yaml", tmp_path / "a"):
        lost.unlink() if lost.is_file() else shutil.rmtree(lost)
        copy._files.write("versions.json", lost.name.encode())
        copy.publish(copy.changes(), copy.place.files())
        assert {*kept, "versions.json"} == {*copy.place.list_sweep()}


def test_tables_that_were_sent_to_mlflow_since_are_no_conflict(
    two: Callable[[str], SweepCopy], tmp_path: Path, logged: list[str]
) -> None:
    first = two("a")
    first._files.write("trials.parquet", b"1")
    first.publish(first.changes(), first.place.files())
    (tmp_path / "a" / "trials.parquet").write_bytes(b"1 and the id of a run")
    second = two("b")
    second.fetch(second.place.list_sweep())
    second._files.write("trials.parquet", b"2")
    second.publish(second.changes(), second.place.files())
    first = two("a")
    first.fetch(first.place.list_sweep())
    assert (tmp_path / "a" / "trials.parquet").read_bytes() == b"2"
    assert not [line for line in logged if "another machine" in line]
    (tmp_path / "a" / "trials.parquet").write_bytes(b"2 and the id of a run")
    first.place.files().delete("trials.parquet")
    first = two("a")
    first.fetch(first.place.list_sweep())
    assert not (tmp_path / "a" / "trials.parquet").exists()


def test_what_a_killed_run_published_is_its_own(
    two: Callable[[str], SweepCopy], tmp_path: Path, logged: list[str]
) -> None:
    synchronise(two("a"), search="1")
    state = tmp_path / "a" / ".published.json"
    before = state.read_text()
    synchronise(two("a"), search="12")
    state.write_text(before)  # killed before it noted what it had published
    (tmp_path / "a" / "search.json").write_text("123")
    synchronise(two("a"))
    assert two("a").place.files().read("search.json") == b"123"
    assert not [line for line in logged if "another machine" in line]


def test_a_copy_whose_state_is_lost_or_damaged_is_compared_as_a_whole(
    two: Callable[[str], SweepCopy], tmp_path: Path, logged: list[str]
) -> None:
    synchronise(two("a"), search="1")
    for content in ("{", "[]", json.dumps({"../../x": {}}), json.dumps({"search.json": {"a": 1}})):
        (tmp_path / "a" / ".published.json").write_text(content)
        synchronise(two("a"))
        assert two("a").changes() == {}
    assert [line for line in logged if "another machine" in line] == []


# Who writes, and what is published


def break_off(folder: Path, error: type[BaseException]) -> None:
    with open_home(folder):
        (folder / "search.jsonl").write_text(error.__name__)
        raise error


def test_what_an_error_or_an_interruption_leaves_is_published(
    machine: Machine, bucket: Callable[[str], str]
) -> None:
    folder = copy_folder(there := bucket("broken")) / "ok"
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error):
            break_off(folder, error)
        assert objects(there) == {"ok/search.jsonl": error.__name__.encode()}


def test_tables_are_published_while_a_sweep_runs_and_every_so_often_alone(
    machine: Machine, bucket: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copy_folder(there := bucket("running")) / "ok"
    with open_home(folder) as home:
        assert home.publisher is not None
        (folder / "sweep.yaml").touch()
        (folder / "progress.json").write_text("1")
        home.publisher.notify()
        assert home.publisher._publishing is not None
        home.publisher._publishing.result(60)
        assert objects(there)["ok/progress.json"] == b"1"
        (folder / "progress.json").write_text("22")
        home.publisher.notify()  # too soon
        home.publisher._publishing.result(60)
        assert objects(there)["ok/progress.json"] == b"1"
        # What another command of this machine fetches is not what is written here.
        open_bucket_folder(there).files().write("ok/progress.json", b"333")
        fetch_results(folder.parent)
        assert (folder / "progress.json").read_text() == "22"
        (folder / "progress.json").unlink()
        assert home.publish() == []
    assert objects(there) == {"ok/sweep.yaml": b""}


def test_two_writers_of_one_sweep_exclude_each_other(
    machine: Machine, bucket: Callable[[str], str]
) -> None:
    place, lines = open_bucket_folder(there := bucket("two/ok")), list[str]()
    with hold_writer_lease(place, lines.append, seconds=2.5):
        assert lines == []
        with (
            pytest.raises(RepertoireError, match=r"is being written by process \d+ on .* since 2"),
            hold_writer_lease(place, lines.append, seconds=2.5),
        ):
            pass
        assert lines[0].startswith(f"{there} was being written by process ")
        assert lines[0].endswith("; waiting up to 5 s for a sign of life")
    with hold_writer_lease(place, lines.append):
        pass
    assert len(lines) == 1
    assert place.files().entries("leases") == []


def test_the_lease_of_a_writer_that_ended_is_taken(
    machine: Machine, bucket: Callable[[str], str]
) -> None:
    place, lines = open_bucket_folder(there := bucket("ended/ok")), list[str]()
    assert Claims(place.files()).take(WRITER, "elsewhere/7/u", 0.3)
    with hold_writer_lease(place, lines.append, seconds=0.3):
        last = lines[-1]
    assert last == (
        f"process 7 on elsewhere gives no sign of life any more; this run takes over {there}"
    )


def test_a_bucket_that_may_only_be_read_is_refused_before_anything_runs(
    machine: Machine, bucket: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Any, path: str, data: bytes | memoryview) -> None:
        raise OSError("AWS Error ACCESS_DENIED during PutObject operation: Access Denied")

    monkeypatch.setattr(ObjectFiles, "write", refuse)
    folder = copy_folder(bucket("read/ok"))
    with pytest.raises(RepertoireError, match="Use others, or give another folder with --out"):
        open_home(folder).__enter__()
    assert not (folder / ".writer.json").exists()


def test_a_bucket_that_does_not_exist_is_a_mistake_that_is_named(
    machine: Machine, bucket: Callable[[str], str]
) -> None:
    folder = copy_folder(bucket("x").replace("//", "//no", 1))
    with pytest.raises(RepertoireError, match="there is no bucket 'no") as caught:
        open_home(folder / "ok").__enter__()
    assert caught.value.exit_code == 2
    with pytest.raises(RepertoireError, match="there is no bucket 'no"):
        fetch_results(folder)


def test_a_bucket_that_is_away_when_a_run_begins_is_waited_for(
    machine: Machine, bucket: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, answers = open_bucket_folder(bucket("away/ok")), iter([StoreUnreachable("away")])
    take = Claims.take

    def take_later(self: Claims, *given: Any) -> bool:
        for error in answers:
            raise error
        return take(self, *given)

    monkeypatch.setattr(Claims, "take", take_later)
    with hold_writer_lease(place, lambda line: None):
        assert len(place.files().entries("leases")) == 1


# What a bucket may hold


@pytest.fixture
def hostile(machine: Machine, bucket: Callable[[str], str]) -> str:
    """An address with a small sweep beside names that no results have."""
    place = open_bucket_folder(there := bucket("hostile"))
    for path in (
        "ok/../../evil.txt",
        "ok/code/../../../evil.py",
        "ok/code/a/..\\evil.py",
        "../hostile-beside/sweep.yaml",
        "ok//etc/passwd",
        "ok/.bashrc",
        "ok/.writer.json",
        "ok/former/../trials.parquet",
        "ok/run.pkl",
        "ok/report.html",
        "stages/sweep.yaml",
        "mlartifacts/sweep.yaml",
        ".hidden/sweep.yaml",
        "..\\x/sweep.yaml",
        "a b/sweep.yaml",
    ):
        put_object(f"hostile/{path}", there)
    place.files().write("ok/sweep.yaml", b"name: ok")
    place.files().write("ok/code/mine.py", b"raise SystemExit")
    return there


def put_object(key: str, address: str) -> None:
    """Write an object of any name, which Arrow would not."""
    import boto3

    endpoint = address.partition("endpoint_override=")[2].partition("&")[0]
    client = boto3.client("s3", endpoint_url=endpoint)
    client.put_object(Bucket="stages", Key=key, Body=b"hostile")


def test_names_of_a_bucket_that_no_results_have_are_not_fetched(
    hostile: str, tmp_path: Path
) -> None:
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    folder = copy_folder(hostile)
    fetch_results(folder)
    fetched = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    own = {".fetch.lock", ".writer.lock", ".published.json"}
    assert sorted(str(p.relative_to(folder)) for p in fetched if p.name not in own) == [
        "ok/code/mine.py",
        "ok/sweep.yaml",
    ]
    # A link within the copy is not followed either.
    outside = tmp_path / "outside"
    outside.mkdir()
    shutil.rmtree(folder / "ok" / "code")
    (folder / "ok" / "code").symlink_to(outside)
    with pytest.raises(RepertoireError, match="is a symbolic link"):
        fetch_results(folder)
    assert list(outside.iterdir()) == []


def test_more_than_results_have_is_not_fetched(
    machine: Machine, bucket: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    open_bucket_folder(there := bucket("large")).files().write("ok/sweep.yaml", b"12345")
    monkeypatch.setattr("orchestrator.results.bucket.bucket_folder.MAX_BYTES", 4)
    with pytest.raises(RepertoireError, match="has 1 files of 5 bytes, more than results have"):
        fetch_results(copy_folder(there))
    assert not (copy_folder(there) / "ok").exists()
