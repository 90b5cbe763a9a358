"""Packs of records: what one command reads file by file, the next reads as one object.

The store is one on the disk that has no folder, as a bucket has none.
"""

import os
import threading
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from random_tables import write_random

from orchestrator.cli.store_commands import verify
from orchestrator.errors import OtherRelease, StoreFull, StoreUnwritable
from orchestrator.results.folder.garbage import delete_garbage, find_garbage
from orchestrator.results.folder.wanted_keys import Rules
from orchestrator.stages.record import Costs, Record, RecordRequest, Score
from orchestrator.stages.storage import record_packs
from orchestrator.stages.storage.files import FileEntry, LocalFiles
from orchestrator.stages.storage.maintenance import list_inventory
from orchestrator.stages.storage.record_format import evaluation_to_json, pack_record
from orchestrator.stages.storage.record_packs import PACKS, RecordPacks, decode_pack, encode_pack
from orchestrator.stages.storage.retry import RetryPolicy
from orchestrator.stages.storage.retrying_files import RetryingFiles
from orchestrator.stages.storage.stage_files import RECORD, evaluation_name, seal, stage_path
from orchestrator.stages.storage.store import StageStore

KEYS = [f"{number:02x}{number:038x}" for number in range(5, 245, 12)]  # 20, each a folder
WANTED: list[RecordRequest] = [(key, frozenset()) for key in KEYS]


class CountedFiles(LocalFiles):
    """Files that note what is read and listed."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.reads: list[str] = []
        self.listings: list[str] = []

    def read(self, path: str) -> bytes | None:
        self.reads.append(path)
        return super().read(path)

    def entries(self, folder: str = "") -> list[FileEntry]:
        self.listings.append(folder)
        return super().entries(folder)


class Bucket:
    """A store that has no folder, and what is read of it."""

    def __init__(self, root: str, patch: pytest.MonkeyPatch) -> None:
        self.root, self.files = root, CountedFiles(root)
        patch.setattr(
            "orchestrator.stages.storage.store.open_files",
            lambda uri, create, retry: (RetryingFiles(self.files, retry, uri), None),
        )

    def open(self, read_only: bool = False) -> StageStore:
        """Return the store as a new command opens it; nothing was read yet."""
        self.files.reads.clear()
        self.files.listings.clear()
        retry = RetryPolicy(0.0, 0.0, warn=pytest.fail)
        return StageStore(self.root, read_only=read_only, retry=retry)

    def write(self, keys: list[str]) -> None:
        for key in keys:
            self.files.write(stage_path(key, RECORD), seal(RECORD, pack_record(make(key))))

    @property
    def packs(self) -> list[str]:
        return sorted(entry.path for entry in LocalFiles(self.root).entries(PACKS))

    @property
    def single_reads(self) -> list[str]:
        """The files of stages that were read by themselves."""
        return sorted(path for path in self.files.reads if not path.startswith(PACKS))


def make(key: str) -> Record:
    score = Score(accuracy=0.5, loss=0.25, n=4)
    return Record(
        key=key,
        parent=None,
        after=1,
        status="complete",
        costs=Costs(storage={"model": 8}),
        evaluation={"t1": {"test": score}},
        computed_for=("sweep", "trial", 0),
        spec={},
        environment={},
    )


def paths(keys: list[str]) -> list[str]:
    return sorted(stage_path(key, RECORD) for key in keys)


WHOLE = {(key, tasks): make(key) for key, tasks in WANTED}


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """Twenty stages without a pack."""
    monkeypatch.setenv("REPERTOIRE_STATE_CACHE_GB", "0")
    bucket = Bucket(str(tmp_path / "bucket"), monkeypatch)
    bucket.write(KEYS)
    return bucket


def pack(bucket: Bucket, wanted: list[RecordRequest] = WANTED, fewest: int = 1) -> StageStore:
    """Read records as a command does, and pack them at its end."""
    store = bucket.open()
    store.records(wanted)
    assert store.packs is not None
    store.packs.write(fewest)
    return store


# What is read


def test_what_one_command_reads_file_by_file_the_next_reads_as_one_object(bucket):
    assert bucket.open().records(WANTED) == WHOLE
    assert bucket.single_reads == paths(KEYS)
    pack(bucket)
    assert bucket.open().records(WANTED) == WHOLE
    assert (bucket.files.reads, len(bucket.packs)) == (bucket.packs, 1)


def test_only_what_is_new_is_read_by_itself_and_fewer_than_eight_are_not_packed(bucket):
    pack(bucket, WANTED[:8], fewest=8)
    pack(bucket, WANTED[:15], fewest=8)
    assert (bucket.single_reads, len(bucket.packs)) == (paths(KEYS[8:15]), 1)
    pack(bucket, WANTED[:16], fewest=8)
    assert (bucket.single_reads, len(bucket.packs)) == (paths(KEYS[8:16]), 2)
    assert bucket.open().records(WANTED[:16]) == {one: WHOLE[one] for one in WANTED[:16]}
    assert bucket.single_reads == []


@pytest.mark.parametrize(
    ("page", "most", "whole"),
    [(1000, 16, True), (16, 16, True), (16, 15, False), (12, 22, False), (2, 16, False)],
)
def test_a_store_is_listed_as_a_whole_if_that_takes_fewer_requests_and_not_too_long(
    bucket, monkeypatch, page, most, whole
):
    """21 folders, the first with one file: 256 are expected, 1, 16, 22 or 128 pages in all."""
    monkeypatch.setattr(record_packs, "PAGE", page)
    monkeypatch.setattr(record_packs, "MOST_PAGES", most)
    store = bucket.open()
    assert store.records([*WANTED, ("ff" * 20, frozenset())]) == WHOLE
    folders = [key[:2] for key in KEYS] + ["ff"]
    expected = ["05", ""] if whole else folders
    assert sorted(bucket.files.listings) == sorted([*expected, PACKS])


def test_all_of_a_store_is_verified_by_one_listing(bucket, monkeypatch, capsys):
    store = bucket.open()
    monkeypatch.setattr("orchestrator.results.folder.places.open_store", lambda *_, **more: store)
    bucket.files.write(damaged := stage_path(KEYS[3], RECORD), b"not what was written")
    assert verify(Path(bucket.root), "s3://bucket") == 1
    assert bucket.files.listings == [""]
    assert "1 of 20 stages were damaged and set aside" in capsys.readouterr().out
    assert store.keys() == [key for key in KEYS if key not in damaged]


def test_absent_records_take_listings_alone(bucket):
    absent: list[RecordRequest] = [(f"{number:02x}" * 20, frozenset()) for number in range(1, 250)]
    assert bucket.open().records(absent) == {}
    assert (bucket.files.reads, bucket.files.listings) == ([], ["01", ""])


def test_scores_of_a_file_of_their_own_are_packed_as_well(bucket):
    tasks = frozenset({"t1", "t2"})
    scores = {"t2": {"test": Score(accuracy=1.0, loss=0.0, n=2)}}
    name = evaluation_name({"t2"})
    bucket.files.write(stage_path(KEYS[0], name), seal(name, evaluation_to_json(scores)))
    wanted = [(key, tasks) for key in KEYS]
    pack(bucket, wanted)
    record = make(KEYS[0])
    expected = {wanted[0]: replace(record, evaluation={**record.evaluation, **scores})}
    assert bucket.open().records(wanted) == expected
    assert bucket.files.reads == bucket.packs


def test_any_part_of_what_was_packed_is_found_in_it(bucket, monkeypatch):
    """With 4 of 20 keys in the name of a pack, any 5 in a row have one of them."""
    monkeypatch.setattr(record_packs, "SAMPLE", 4)
    pack(bucket)
    for start in range(0, 20, 5):
        some = WANTED[start : start + 5]
        assert bucket.open().records(some) == {one: WHOLE[one] for one in some}
        assert bucket.files.reads == bucket.packs


def test_packs_have_a_limit_and_are_written_when_that_many_records_were_read(bucket, monkeypatch):
    monkeypatch.setattr(record_packs, "PACK_RECORDS", 8)
    monkeypatch.setattr("orchestrator.stages.storage.store.PACK_RECORDS", 8)
    bucket.open().records(WANTED[:7])
    assert bucket.packs == []
    bucket.open().records(WANTED)  # 8 and 8 and 4, before the command ends
    sizes = [len(decode_pack(LocalFiles(bucket.root).read(path))) for path in bucket.packs]
    assert sorted(sizes) == [4, 8, 8]


# What must not be believed


def test_a_deleted_stage_is_in_no_answer_though_a_pack_has_it(bucket):
    store = pack(bucket)
    Path(bucket.root, stage_path(KEYS[3], RECORD)).unlink()  # by another release, say
    for reader in (store, bucket.open()):
        assert reader.records(WANTED).keys() == WHOLE.keys() - {WANTED[3]}


def test_a_stage_whose_state_is_damaged_is_missing_though_a_pack_has_its_record(bucket):
    store = bucket.open()
    store.delete(KEYS[3])
    store.put({}, make(KEYS[3]))
    pack(bucket)
    (state,) = Path(bucket.root, KEYS[3][:2], KEYS[3]).glob("state*")
    state.write_bytes(b"not what was written")
    assert "is not what was written" in (bucket.open().verify(KEYS[3]) or "")
    assert bucket.open().records(WANTED).keys() == WHOLE.keys() - {WANTED[3]}


@pytest.mark.parametrize(("trial", "seconds"), [("lairt", 1.0), ("longer", 0.0)])
def test_a_record_that_was_written_anew_is_read_by_itself(bucket, trial, seconds):
    """At another time with as many bytes, or at the same time with more."""
    path = Path(bucket.root, stage_path(KEYS[3], RECORD))
    os.utime(path, (0.0, 0.0))
    pack(bucket)
    anew = replace(make(KEYS[3]), computed_for=("sweep", trial, 0))
    bucket.files.write(stage_path(KEYS[3], RECORD), seal(RECORD, pack_record(anew)))
    os.utime(path, (seconds, seconds))
    assert bucket.open().records(WANTED) == WHOLE | {WANTED[3]: anew}
    assert bucket.single_reads == paths([KEYS[3]])


def forged(content: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Return a pack whose decompressed bytes are changed."""
    return zlib.compress(change(zlib.decompress(content)))


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-9],
        lambda content: content[:50] + bytes([content[50] ^ 1]) + content[51:],
        lambda content: b"",
        lambda content: b"\x80\x04K\x01.",
        lambda content: forged(content, lambda text: text.replace(b"0.5", b"0.9")),
        lambda content: forged(content, lambda text: text.replace(b"pack 1", b"pack 2")),
        lambda content: forged(content, lambda text: text.replace(b" ", b"\n")),
        lambda content: forged(content, lambda text: text.replace(b"/record.json", b"/../../x")),
        lambda content: forged(content, lambda text: text + b"\n" * 2000),
        lambda content: forged(content, lambda text: text + b"\n\xff/ nan x"),
    ],
)
def test_a_pack_that_is_damaged_or_forged_is_as_good_as_none(bucket, damage):
    pack(bucket)
    place = Path(bucket.root, bucket.packs[0])
    place.write_bytes(damage(place.read_bytes()))
    before = {path: path.read_bytes() for path in Path(bucket.root).rglob("*.json")}
    store = bucket.open()
    assert (store.records(WANTED), store.damaged) == (WHOLE, [])
    assert bucket.single_reads == paths(KEYS)
    assert {path: path.read_bytes() for path in Path(bucket.root).rglob("*.json")} == before


def test_files_that_are_none_of_a_stage_are_left_out_of_a_pack():
    paths_given = [stage_path(KEYS[0], RECORD), f"leases/{KEYS[0]}.me.json", "../x/y"]
    content = encode_pack({path: (1.5, b"{}") for path in paths_given})[1]
    bare = forged(content, lambda text: text + b"\nrecord.json 1.5 {}")
    assert decode_pack(bare) == {paths_given[0]: (1.5, b"{}")}


def test_a_pack_that_would_be_too_large_is_decompressed_to_the_limit_at_most(monkeypatch):
    monkeypatch.setattr(record_packs, "LARGEST", 10_000)
    record = seal(RECORD, pack_record(make(KEYS[0])))
    small = {stage_path(KEYS[0], RECORD): (1.5, record)}
    assert decode_pack(encode_pack(small)[1]) == small
    large = small | {stage_path(KEYS[1], RECORD): (1.5, b"x" * 10_000)}
    assert decode_pack(encode_pack(large)[1]) == {}


def test_a_record_of_another_release_is_refused_from_a_pack_as_from_its_file(bucket):
    later = seal(RECORD, pack_record(make(KEYS[3])) | {"format": 99, "release": "9.9"})
    bucket.files.write(stage_path(KEYS[3], RECORD), later)
    for _ in range(2):
        store = bucket.open()
        with pytest.raises(OtherRelease, match=r"release 9\.9, in format 99"):
            store.records(WANTED)
        assert store.packs is not None
        store.packs.write()
    assert len(bucket.packs) == 1
    assert not set(bucket.single_reads) & {*paths([KEYS[3]])}


def test_a_damaged_record_is_set_aside_and_in_no_pack(bucket):
    path = Path(bucket.root, stage_path(KEYS[3], RECORD))
    path.write_bytes(path.read_bytes().replace(b"0.5", b"0.9"))
    store = pack(bucket)
    assert store.damaged == [f"stage {KEYS[3]}: record.json is not what was written"]
    assert not path.exists()
    packed = decode_pack(Path(bucket.root, bucket.packs[0]).read_bytes())
    assert sorted(packed) == paths([key for key in KEYS if key != KEYS[3]])


# Who writes, merges and deletes


def test_a_reader_writes_no_pack_and_a_command_that_may_not_goes_on(bucket, monkeypatch):
    store = bucket.open(read_only=True)
    assert store.records(WANTED) == WHOLE
    store.packs.write(1)
    assert bucket.packs == []
    refused: list[str] = []

    def refuse(files: LocalFiles, path: str, data: bytes) -> None:
        refused.append(path)
        raise StoreUnwritable("no")

    monkeypatch.setattr(LocalFiles, "write", refuse)
    store = bucket.open()
    for some in (WANTED[:10], WANTED[10:]):
        assert store.records(some) == {one: WHOLE[one] for one in some}
        store.packs.write(1)
    assert len(refused) == 1  # it is not tried again


def raise_full(*_: object) -> None:
    raise StoreFull("no space is left")


def small_packs(bucket: Bucket) -> None:
    """Write ten packs of two records each."""
    for start in range(0, 20, 2):
        pack(bucket, WANTED[start : start + 2])
    assert len(bucket.packs) == 10


def test_many_small_packs_are_merged_by_a_command_that_reads_them(bucket, monkeypatch):
    small_packs(bucket)
    before = bucket.packs
    with monkeypatch.context() as patch:  # the disk is full
        patch.setattr(LocalFiles, "write", raise_full)
        pack(bucket)
    assert bucket.packs == before
    later = Path(bucket.root, before[0])
    later.write_bytes(forged(later.read_bytes(), lambda text: text.replace(b"pack 1", b"pack 2")))
    pack(bucket)
    (merged,) = {*bucket.packs} - {before[0]}  # one of another release stays
    assert merged not in before
    later.unlink()
    assert bucket.open().records(WANTED) == WHOLE
    assert bucket.files.reads == [merged]
    pack(bucket, WANTED[:16])  # it is small too, but alone
    assert bucket.packs == [merged]


def test_two_that_merge_at_once_lose_nothing(bucket, monkeypatch):
    small_packs(bucket)
    small, stores = bucket.packs, [bucket.open(), bucket.open()]
    with monkeypatch.context() as patch:  # both have read all before either merges
        patch.setattr(record_packs, "MERGED", 10)
        assert [store.records(WANTED) for store in stores] == [WHOLE, WHOLE]
    barrier = threading.Barrier(2)

    def merge(packs: RecordPacks) -> None:
        barrier.wait()
        packs.write()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(merge, [store.packs for store in stores]))
    assert len(bucket.packs) == 2
    assert set(small).isdisjoint(bucket.packs)
    assert bucket.open().records(WANTED) == WHOLE
    assert bucket.single_reads == []


def test_a_pack_that_is_gone_when_it_is_read_costs_single_reads_alone(bucket, monkeypatch):
    pack(bucket)
    monkeypatch.setattr(
        CountedFiles,
        "read",
        lambda files, path: None if path.startswith(PACKS) else LocalFiles.read(files, path),
    )
    assert bucket.open().records(WANTED) == WHOLE


def test_what_deletes_a_stage_deletes_the_packs_and_spares_them_otherwise(bucket, tmp_path):
    write_random(tmp_path / "out" / "s")
    store = pack(bucket)
    notes = f"{PACKS}/notes.txt"  # no pack by its name
    bucket.files.write(notes, b"mine")
    for hours, left in ((1.0, 1), (0.0, 0)):
        rules = Rules(tmp_path / "out", hours)
        delete_garbage(store, rules, find_garbage(store, rules))
        assert len(list_inventory(store).packs) == left
    assert (store.keys(), store.records(WANTED)) == ([], {})
    assert bucket.packs == [notes]


def test_packs_know_no_key_that_leads_out_of_the_store(bucket):
    with ThreadPoolExecutor(1) as pool, pytest.raises(Exception, match="is no key of a stage"):
        RecordPacks(bucket.files, read_only=True).open({"../x", KEYS[0]}, pool)
