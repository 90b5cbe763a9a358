"""The stage store: what is put comes back bit for bit; what is damaged is named and missing."""

import errno
import json
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from bucket_lab import type_command
from safetensors.torch import save
from torch import Tensor

from orchestrator.cli.environment import parse_store
from orchestrator.cli.store_commands import verify
from orchestrator.errors import RepertoireError, StoreUnwritable
from orchestrator.stages.record import Costs, Record, Score
from orchestrator.stages.storage import files as files_module
from orchestrator.stages.storage import obstacles
from orchestrator.stages.storage.lease_holding import hold_lease, open_leases
from orchestrator.stages.storage.maintenance import Inventory, delete_files, list_inventory
from orchestrator.stages.storage.record_format import pack_record
from orchestrator.stages.storage.stage_files import RECORD, seal, stage_path
from orchestrator.stages.storage.store import StageStore

KEY, OTHER = "ab" * 20, "cd" * 20
STATE = {
    "network.weight": torch.arange(6.0).reshape(2, 3),
    "memory.x": torch.zeros(2, 1, 2, 2, dtype=torch.uint8),
}


def score(accuracy: float | None = 0.5) -> dict[str, Score]:
    return {
        split: Score(accuracy=accuracy, loss=0.1 + 0.2, n=3) for split in ("validation", "test")
    }


def record(key: str = KEY, **changes: Any) -> Record:
    costs = Costs(
        storage={"model": 24}, train_flops=2**60, samples=7, train_seconds=1 / 3, device="cpu"
    )
    whole = Record(
        key=key,
        parent=OTHER,
        after=2,
        status="complete",
        costs=costs,
        evaluation={"t1": score(), "t2": score(None)},
        computed_for=("sweep", "ewc-1", 3),
        spec={"lam": 1.0, "deep": {"a": [1, None]}},
        environment={"node": "é"},
    )
    return replace(whole, **changes)


def diverged_record(key: str = KEY) -> Record:
    return record(key, status="diverged", story="the loss is not finite", evaluation={})


@pytest.fixture
def store(tmp_path: Path) -> StageStore:
    return StageStore(str(tmp_path / "stages"))


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def file_of(store: StageStore, name: str, key: str = KEY) -> Path:
    return Path(store.uri) / key[:2] / key / name


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype
        and one[name].shape == other[name].shape
        and one[name].contiguous().view(-1).numpy().tobytes()
        == other[name].contiguous().view(-1).numpy().tobytes()
        for name in one
    )


# What is put is got back


def test_a_state_of_every_type_used_comes_back_bit_for_bit(store):
    odd = torch.tensor([0.0, -0.0, float("nan"), float("inf"), 1e-45, 1 / 3])
    state = {
        "network.float32": odd,
        "network.float64": odd.double(),
        "network.float16": odd.half(),
        "memory.uint8": torch.arange(256).to(torch.uint8).reshape(4, 1, 8, 8),
        "memory.int16": torch.tensor([-(2**15), 2**15 - 1], dtype=torch.int16),
        "memory.int64": torch.tensor([-(2**63), 2**63 - 1]),
        "mask.bool": torch.tensor([[True, False], [False, True]]),
        "scalar": torch.tensor(5),
        "scalar.float": torch.tensor(0.1),
        "empty": torch.zeros(0, 1, 8, 8, dtype=torch.uint8),
        "empty.int16": torch.zeros(0, dtype=torch.int16),
    }
    store.put(state, record())
    assert same(store.state(KEY), state)


def test_a_state_that_comes_back_may_be_written_to(store):
    store.put(STATE, record())
    store.state(KEY)["network.weight"].add_(1)
    assert same(store.state(KEY), STATE)


def test_a_record_comes_back_equal(store):
    store.put(STATE, record())
    assert store.record(KEY) == record()


def test_a_diverged_stage_has_a_record_and_no_state(store):
    store.put(None, diverged_record())
    assert (store.record(KEY), store.state(KEY)) == (diverged_record(), None)
    assert store.verify(KEY) is None


def test_missing_is_none(store):
    assert (store.record(KEY), store.state(KEY), store.failure(KEY), store.verify(KEY)) == (
        None,
    ) * 4
    assert (store.keys(), store.damaged) == ([], [])


def test_keys_are_those_of_stages_that_have_files(store):
    store.put(None, diverged_record(OTHER))
    store.put(STATE, record())
    assert store.keys() == [KEY, OTHER]
    store.delete(KEY)
    assert (store.keys(), store.record(KEY), store.state(KEY)) == ([OTHER], None, None)


def test_the_size_of_a_stage_is_that_of_its_files(store):
    store.put(STATE, record())
    size = sum(len(data) for data in files_of(Path(store.uri)).values())
    assert list_inventory(store).size([KEY]) == size


# Written once, whole


def test_a_second_put_leaves_every_byte_as_it_was(store):
    store.put(STATE, record())
    before = files_of(Path(store.uri))
    store.put({"network.weight": torch.ones(1)}, record(computed_for=("later", "x", 0)))
    assert files_of(Path(store.uri)) == before


def test_a_state_without_its_record_is_no_stage_and_is_written_anew(store):
    store.put({"network.weight": torch.ones(1)}, record())
    file_of(store, "record.json").unlink()
    assert (store.record(KEY), store.state(KEY)) == (None, None)
    store.put(STATE, record())
    assert same(store.state(KEY), STATE)


def test_nothing_half_written_stays_beside_a_stage(store):
    store.put(STATE, record())
    store.put_failure(OTHER, "why")
    assert not list(Path(store.uri).rglob("*.tmp"))


def test_many_threads_that_put_one_key_leave_one_whole_stage(store):
    def put(i: int) -> None:
        StageStore(store.uri).put(STATE, record(computed_for=("sweep", "trial", i)))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(32)))
    assert same(store.state(KEY), STATE)
    assert store.record(KEY).computed_for[:2] == ("sweep", "trial")
    assert (store.keys(), store.verify(KEY)) == ([KEY], None)
    assert sorted(path.name for path in file_of(store, "").iterdir()) == [
        "record.json",
        "state.safetensors",
    ]


def test_readers_beside_a_writer_see_nothing_or_the_whole_stage(store):
    def read(_: int) -> set[str]:
        reader = StageStore(store.uri)
        states = [reader.state(KEY) for _ in range(50)]
        assert reader.damaged == []
        return {"none" if state is None else str(same(state, STATE)) for state in states}

    with ThreadPoolExecutor(4) as pool:
        reads = pool.map(read, range(4))
        store.put(STATE, record())
        assert set().union(*reads) <= {"none", "True"}


# Damaged is named, set aside, then missing


@pytest.mark.parametrize("name", ["state.safetensors", "record.json"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: b"",
        lambda data: data[:40] + b"!" + data[41:],
        lambda data: b"\xff" * 9,
    ],
)
def test_a_damaged_stage_is_named_set_aside_and_then_missing(store, name, damage):
    store.put(STATE, record())
    store.put(STATE, record(OTHER))
    path = file_of(store, name)
    path.write_bytes(damage(path.read_bytes()))
    assert store.state(KEY) is None
    assert store.damaged == [f"stage {KEY}: {name} is not what was written"]
    assert store.record(KEY) is None
    assert (same(store.state(OTHER), STATE), store.verify(OTHER)) == (True, None)
    aside = files_of(Path(store.uri) / "damaged")
    # A record whose state is damaged goes with it; what is whole beside a damaged record stays.
    assert len(aside) == (2 if name == "state.safetensors" else 1)
    assert all(path.startswith(KEY) for path in aside)
    store.put(STATE, record())
    assert (same(store.state(KEY), STATE), store.record(KEY)) == (True, record())


def test_a_stage_whose_state_was_deleted_is_set_aside_so_that_it_is_computed_anew(store):
    store.put(STATE, record())
    file_of(store, "state.safetensors").unlink()
    assert store.state(KEY) is None
    assert store.damaged == [f"stage {KEY}: state.safetensors is missing"]
    assert store.record(KEY) is None


@pytest.mark.parametrize("name", ["state.safetensors", "record.json"])
def test_a_file_of_one_s_own_that_may_not_be_read_is_damaged(store, name, monkeypatch):
    store.put(STATE, record())
    whole, path = files_module.open_at_once, str(file_of(store, name))

    def deny(
        path_given: str, flags: int
    ) -> int:  # permissions do not bind root, who may run the tests
        if path_given.endswith(f"/{name}") and os.path.exists(path_given):
            raise PermissionError(errno.EACCES, "Permission denied", path_given)
        return whole(path_given, flags)

    monkeypatch.setattr(files_module, "open_at_once", deny)
    monkeypatch.setattr(os, "geteuid", lambda: file_of(store, name).stat().st_uid + 1)
    with pytest.raises(StoreUnwritable, match=rf"Permission denied, .*{name}\. Change"):
        store.state(KEY)  # of another user, who can read it
    assert Path(path).exists()
    monkeypatch.undo()
    monkeypatch.setattr(files_module, "open_at_once", deny)
    assert (store.state(KEY), store.record(KEY)) == (None, None)
    assert f"stage {KEY}: {name} is not what was written" in store.damaged
    assert not Path(path).exists()


def test_two_readers_may_set_one_stage_aside(store):
    store.put(STATE, record())
    file_of(store, "state.safetensors").unlink()
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: StageStore(store.uri).state(KEY), range(16))) == [None] * 16
    assert store.record(KEY) is None


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("state.safetensors", lambda path: path.write_bytes(b"x")),
        ("record.json", lambda path: path.write_text("{}")),
    ],
)
def test_verify_names_what_is_wrong_and_sets_it_aside(store, name, change):
    store.put(STATE, record())
    assert store.verify(KEY) is None
    change(file_of(store, name))
    problem = store.verify(KEY)
    assert problem.startswith(f"stage {KEY}: {name} is ")
    assert (store.verify(KEY), store.record(KEY), len(store.damaged)) == (None, None, 1)


def test_verify_leaves_a_record_without_its_state_until_the_state_is_needed(store):
    store.put(STATE, record())
    store.put(None, record(OTHER, status="diverged"))  # which has none
    file_of(store, "state.safetensors").unlink()
    assert (store.verify(KEY), store.verify(OTHER)) == (None, None)
    assert (store.record(KEY), store.stateless, store.damaged) == (record(), [KEY], [])
    assert store.state(KEY) is None  # needed: the stage is to be computed anew
    assert (store.record(KEY), len(store.damaged)) == (None, 1)


def test_deleting_what_is_damaged_spares_what_is_whole(store):
    store.put(STATE, record())
    store.put(STATE, record(OTHER))
    file_of(store, "state.safetensors").write_bytes(b"x")
    store.verify(KEY)
    file_of(store, "state.safetensors.1234.tmp", OTHER).write_bytes(b"half")
    files = list_inventory(store)
    assert (len(files.damaged), len(files.partial)) == (2, 1)
    delete_files(store, [*files.damaged, *files.partial])
    assert (store.keys(), store.verify(OTHER)) == ([OTHER], None)
    assert list_inventory(store).damaged == list_inventory(store).partial == []
    assert list((Path(store.uri) / "damaged").iterdir()) == []


class Trap:
    """What runs when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, ("unpickled",))


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_pickle_in_the_place_of_a_file_is_never_opened(store, tmp_path, monkeypatch, protocol):
    monkeypatch.chdir(tmp_path)
    torch.save({"a": Trap()}, tmp_path / "trap.pt")
    traps = [pickle.dumps(Trap(), protocol), (tmp_path / "trap.pt").read_bytes()]
    for name in ("state.safetensors", "record.json", "failure.json"):
        for trap in traps:
            store.put(STATE, record())
            store.put_failure(KEY, "x")
            file_of(store, name).write_bytes(trap)
            store.failure(KEY), store.record(KEY), store.state(KEY), store.verify(KEY)
            store.put(STATE, record())
    assert not (tmp_path / "unpickled").exists()
    assert same(store.state(KEY), STATE)


def test_a_pickle_with_a_matching_digest_is_no_state_either(store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "orchestrator.stages.storage.store.save_tensors", lambda state: pickle.dumps(Trap())
    )
    store.put(STATE, record())
    with pytest.raises(RepertoireError, match=r"state\.safetensors"):
        store.state(KEY)
    assert not (tmp_path / "unpickled").exists()


# Scores added later, and failures


def test_scores_on_further_tasks_complete_a_record(store):
    store.put(STATE, record())
    assert store.record(KEY, ["t2", "t1"]) == record()
    assert store.record(KEY, ["t1", "t3"]) is None
    store.put_evaluation(KEY, {"t3": score(0.25)})
    actual = store.record(KEY, ["t1", "t3"])
    assert actual.evaluation == {**record().evaluation, "t3": score(0.25)}
    assert replace(actual, evaluation=record().evaluation) == record()
    assert store.record(KEY, ["t1", "t4"]) is None
    assert store.record(KEY) == record()


def test_a_diverged_record_needs_no_scores(store):
    store.put(None, diverged_record())
    assert store.record(KEY, ["t1", "t9"]) == diverged_record()


def test_damaged_scores_are_named_and_missing(store):
    store.put(STATE, record())
    store.put_evaluation(KEY, {"t3": score()})
    (path,) = file_of(store, "").glob("evaluation-*.json")
    path.write_bytes(path.read_bytes().replace(b"0.5", b"0.9"))
    assert store.record(KEY, ["t3"]) is None
    assert len(store.damaged) == 1
    assert path.name in store.damaged[0]


@pytest.mark.parametrize("name", ["record.json", "state.safetensors"])
def test_a_folder_in_place_of_a_file_is_damaged_and_the_stage_can_be_written_anew(store, name):
    store.put(STATE, record())
    path = file_of(store, name)
    path.unlink()
    path.mkdir()
    (path / "mine").touch()
    assert (store.state(KEY), store.record(KEY)) == (None, None)
    assert store.damaged == [f"stage {KEY}: {name} is not what was written"]
    assert len([*Path(store.uri).glob("damaged/*/*/mine")]) == 1
    store.put(STATE, record())
    assert store.record(KEY) == record()
    assert same(store.state(KEY), STATE)


@pytest.mark.parametrize("place", [KEY[:2], f"{KEY[:2]}/{KEY}"])
@pytest.mark.parametrize("linked", [False, True])
def test_a_file_or_a_link_in_place_of_a_folder_is_named_set_aside_and_written_anew(
    store, place, linked, tmp_path, capsys
):
    store.put(STATE, record())
    store.put(STATE, record(OTHER))
    path, outside = Path(store.uri) / place, tmp_path / "outside"
    path.rename(outside)
    before = files_of(outside)
    if linked:
        path.symlink_to(outside)
    else:
        path.write_bytes(b"mine")
    assert (store.state(KEY), store.record(KEY), store.records([(KEY, frozenset())])) == (
        *(None, None),
        {},
    )
    for _ in range(2):  # nothing else is read or moved
        assert verify(tmp_path, None) == 1
        shown = capsys.readouterr().out
        assert f"{place} is a file or a link in place of a folder of stages; the next run" in shown
        assert "as they were written" not in shown
    store.put(STATE, record())
    assert (same(store.state(KEY), STATE), store.record(KEY)) == (True, record())
    assert store.damaged == [f"stage {KEY}: a file or a link was in place of its folder {place}"]
    assert store.record(OTHER) == record(OTHER)
    (aside,) = list_inventory(store).damaged
    moved = Path(store.uri) / aside.path
    assert moved.is_symlink() if linked else moved.read_bytes() == b"mine"
    assert files_of(outside) == before
    assert verify(tmp_path, None) == 0
    delete_files(store, [aside])
    assert files_of(outside) == before
    assert not list((Path(store.uri) / "damaged").iterdir())


@pytest.mark.parametrize("linked", [False, True])
def test_a_story_is_stored_where_a_file_or_a_link_was(store, tmp_path, linked):
    path = file_of(store, "").parent
    path.mkdir(parents=True)
    path = path / KEY
    path.symlink_to(tmp_path / "none") if linked else path.touch()
    store.put_failure(KEY, "why")
    assert store.failure(KEY) == "why"


def test_what_another_process_wrote_meanwhile_is_put_back(store, monkeypatch):
    """Between the look at a link and the move, which moves the folder of the other process."""
    store.put(STATE, record())
    looks = iter([False, True, False])  # the folder of two letters, the stage's, what was moved
    monkeypatch.setattr(obstacles, "_is_in_the_way", lambda path: next(looks))
    assert obstacles.make_way(store.files, store.folder, KEY) == []
    assert store.record(KEY) == record()
    assert same(store.state(KEY), STATE)


def test_a_failure_is_noted_until_the_stage_is_put(store):
    store.put_failure(KEY, "ValueError: é\nline two")
    assert store.failure(KEY) == "ValueError: é\nline two"
    assert (store.record(KEY), store.state(KEY), store.keys()) == (None, None, [KEY])
    store.put_failure(KEY, "again")
    assert store.failure(KEY) == "again"
    store.put(STATE, record())
    assert (store.failure(KEY), store.record(KEY)) == (None, record())


def test_a_failure_noted_late_is_cleared_by_putting_what_is_there_already(store):
    store.put(STATE, record())
    store.put_failure(KEY, "another process lost its node")
    store.put(STATE, record())
    assert store.failure(KEY) is None


def test_records_are_json_that_any_reader_can_open(store):
    store.put(STATE, record())
    opened = json.loads(file_of(store, "record.json").read_text())
    assert opened["content"]["record"]["evaluation"]["t1"]["test"] == {
        "accuracy": 0.5,
        "loss": 0.1 + 0.2,
        "n": 3,
    }
    assert file_of(store, "state.safetensors").read_bytes() == save(STATE)


# Where a store may be


@pytest.mark.parametrize(
    "spell",
    [
        lambda folder: str(folder),
        lambda folder: f"{folder}/",
        lambda folder: folder.as_uri(),
        lambda folder: f"{folder.as_uri()}/",
        lambda folder: os.path.relpath(folder),
    ],
)
def test_a_folder_may_be_spelt_as_a_path_or_a_uri(tmp_path, monkeypatch, spell):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "my stages" / "é"
    store = StageStore(spell(folder))
    store.put(STATE, record())
    assert (folder / KEY[:2] / KEY / "record.json").is_file()
    assert StageStore(str(folder)).record(KEY) == record()
    assert store.keys() == [KEY]
    file_of(StageStore(str(folder)), "state.safetensors").write_bytes(b"x")
    assert store.verify(KEY) is not None
    assert len(list_inventory(store).damaged) == 2


def test_a_store_that_is_not_there_reads_as_empty_and_is_not_made_by_reading(tmp_path):
    store = StageStore(str(tmp_path / "nowhere" / "stages"), create=False)
    assert (store.keys(), store.record(KEY), store.state(KEY), store.failure(KEY)) == (
        [],
        None,
        None,
        None,
    )
    assert list_inventory(store) == Inventory()
    assert list(tmp_path.iterdir()) == []


def test_a_store_below_a_file_reads_as_empty_and_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    assert StageStore(str(tmp_path / "file" / "stages"), create=False).record(KEY) is None
    with pytest.raises(RepertoireError, match="cannot be opened"):
        StageStore(str(tmp_path / "file" / "stages"))


@pytest.mark.parametrize("uri", ["s3://", "gs://"])
@pytest.mark.parametrize("create", [True, False])
def test_an_address_without_a_bucket_is_refused_before_it_is_asked(uri, create):
    with pytest.raises(RepertoireError, match=f"^store '{uri}' names no bucket; example: s3://"):
        StageStore(uri, create=create)


@pytest.mark.parametrize("uri", ["foo://bucket/x", "file://relative/x"])
def test_an_address_that_no_file_system_has_is_the_user_s_mistake(uri):
    with pytest.raises(RepertoireError, match=f"store '{uri}' cannot be opened"):
        StageStore(uri)


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("s3://my bucket/x", "'my bucket' is no name of a bucket, which has letters, digits, dots"),
        ("gs://bücket/x", "'bücket' is no name of a bucket"),
        ("s3://bucket/a#b", "`#` ends an address; write %23 for one in a name"),
        ("file:///a#b", "`#` ends an address; write %23 for one in a name"),
        ("s3://bucket/a\nb", "holds control characters or is not UTF-8"),
        ("s3://bucket/a\udcff", "holds control characters or is not UTF-8"),
    ],
)
def test_what_arrow_would_not_read_as_it_is_typed_is_refused_in_words_of_ours(uri, problem):
    for attempt in (lambda: StageStore(uri, create=False), lambda: parse_store(uri)):
        with pytest.raises(RepertoireError, match=problem) as caught:
            attempt()
        assert "syntax error" not in str(caught.value)


def test_a_file_uri_may_have_spaces_and_letters_of_any_alphabet(tmp_path):
    folder = tmp_path / "späte läufe 100%"
    store = StageStore(f"file://{folder}")
    store.put_failure(KEY, "why")
    assert (store.folder, StageStore(str(folder)).keys()) == (folder, [KEY])


@pytest.mark.slow
def test_a_bucket_is_a_store_like_any_other(bucket):
    store = StageStore(bucket("deep/späte läufe 100%"))
    assert (store.keys(), store.record(KEY), store.state(KEY)) == ([], None, None)
    store.put_failure(KEY, "why")
    store.put(STATE, record())
    store.put({}, record(OTHER, computed_for=("other", "x", 1)))
    store.put(STATE, record(OTHER))
    store.put_evaluation(KEY, {"t3": score()})
    again = StageStore(bucket("deep/sp%C3%A4te%20l%C3%A4ufe%20100%25"), create=False)
    assert again.keys() == [KEY, OTHER]
    assert (again.failure(KEY), again.record(OTHER).computed_for) == (None, ("other", "x", 1))
    assert "t3" in again.record(KEY, ["t3"]).evaluation
    assert (same(again.state(KEY), STATE), again.state(OTHER), again.verify(KEY)) == (
        True,
        {},
        None,
    )


@pytest.mark.slow
def test_a_damaged_object_of_a_bucket_is_set_aside_as_well(bucket):
    store = StageStore(bucket("damage"))
    store.put(STATE, record())
    (path,) = (e.path for e in store.files.entries() if e.path.endswith(".safetensors"))
    store.files.write(path, b"not what was written")
    assert (store.state(KEY), store.record(KEY)) == (None, None)
    name = path.rpartition("/")[2]
    assert store.damaged == [f"stage {KEY}: {name} is not what was written"]
    assert [entry.path.rpartition("/")[2] for entry in list_inventory(store).damaged] == [
        "record.json"
    ]
    delete_files(store, list_inventory(store).damaged)
    assert list_inventory(store).damaged == []
    store.put(STATE, record())
    assert same(store.state(KEY), STATE)
    store.delete(KEY)
    assert store.keys() == []


@pytest.mark.slow
def test_a_bucket_that_is_not_there_is_the_user_s_mistake(bucket):
    with pytest.raises(RepertoireError, match="Bucket 'elsewhere' not found"):
        StageStore(bucket("x").replace("stages/x", "elsewhere/x"))


# What a stage costs: requests to a bucket, files on a disk

NINE_STAGES = """
name: ok
benchmark: {name: split_digits, scenario: class, num_tasks: 2, samples_per_task: 32}
network: {name: mlp, hidden: [8]}
training: {epochs: 1, batch_size: 16}
methods: [finetune]
"""


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requests that the S3 server gets from now on, such as "GET record.json"."""
    from moto.moto_server.threaded_moto_server import DomainDispatcherApplication

    seen: list[str] = []
    answer = DomainDispatcherApplication.__call__

    def count(self: Any, environ: dict[str, Any], start_response: Any) -> Any:
        name = environ["PATH_INFO"].rpartition("/")[2].partition("-")[0]
        seen.append(f"{environ['REQUEST_METHOD']} {name}")
        return answer(self, environ, start_response)

    monkeypatch.setattr(DomainDispatcherApplication, "__call__", count)
    return seen


@pytest.mark.slow
def test_a_stage_takes_so_many_requests_to_a_bucket(bucket, requests, tmp_path, monkeypatch):
    """The numbers of docs/cluster.md: a stage with a parent, on a node that has the parent's state.

    A read is two requests, since Arrow asks for the size first; a write is one.
    """
    monkeypatch.setenv("REPERTOIRE_STATE_CACHE_GB", "1")
    monkeypatch.setenv("REPERTOIRE_STATE_CACHE", str(tmp_path))
    store = StageStore(bucket("counted"))
    store.put(STATE, record(OTHER))
    requests.clear()
    assert store.record(KEY) is None
    assert same(store.state(OTHER, written=True), STATE)  # from the cache of the node
    store.put(STATE, record())
    assert requests == [
        *("HEAD record.json", "HEAD record.json", "GET record.json"),
        *("HEAD record.json", "PUT state", "HEAD record.json", "PUT record.json"),
        "HEAD failure.json",
    ]
    requests.clear()
    with hold_lease(open_leases(store.files, store.folder), KEY, "me", lambda: False):
        pass
    methods = [request.split()[0] for request in requests]
    assert methods == ["PUT", "GET", "HEAD", "DELETE", "PUT"]
    requests.clear()
    monkeypatch.setenv("REPERTOIRE_STATE_CACHE_GB", "0")
    elsewhere = StageStore(bucket("counted"), create=False)
    requests.clear()
    assert same(elsewhere.state(KEY), STATE)
    assert sorted(requests) == ["GET record.json", "GET state", "HEAD record.json", "HEAD state"]


@pytest.mark.slow
def test_records_of_a_bucket_take_a_number_of_requests_that_does_not_grow_with_them(
    bucket, requests
):
    """The numbers of docs/cluster.md: listings, and packs once a command has written them."""
    keys = [f"{number:02x}" + "0" * 38 for number in range(0, 240, 12)]
    wanted = [(key, frozenset({"t1"})) for key in keys]
    store = StageStore(bucket("batches"))
    requests.clear()
    assert store.records(wanted) == {}
    listings = ["GET stages", "GET stages"]  # of one folder, which is small, so of all
    assert requests == listings
    for key in keys:
        store.files.write(stage_path(key, RECORD), seal(RECORD, pack_record(record(key))))
    requests.clear()
    whole = store.records(wanted)
    assert whole == {(key, tasks): record(key) for key, tasks in wanted}
    one_by_one = ["GET record.json", "HEAD record.json"] * len(keys)
    assert sorted(requests) == sorted([*listings, "GET stages", *one_by_one])  # one lists packs
    store.packs.write()
    (pack,) = (e.path for e in store.files.entries("record-packs"))
    for read_only in (True, False):
        again = StageStore(bucket("batches"), create=False, read_only=read_only)
        requests.clear()
        assert again.records(wanted) == whole
        name = pack.rpartition("/")[2].partition("-")[0]
        assert requests == [*listings, "GET stages", f"HEAD {name}", f"GET {name}"]
    requests.clear()
    assert again.records(wanted) == whole  # what was read is known, and listed all the same
    assert requests == listings
    again.delete(keys[0])
    assert again.records(wanted).keys() == {*wanted[1:]}
    assert again.keys() == keys[1:]


@pytest.mark.slow
def test_a_plan_and_a_run_take_a_number_of_requests_that_does_not_grow_with_the_sweep(
    bucket, requests, tmp_path, monkeypatch
):
    """The numbers of docs/cluster.md, of 9 stages and of 12: a bucket whose records are packed.

    Then 6 more are asked for than are packed.
    """
    monkeypatch.chdir(tmp_path)

    def count(*words: str) -> int:
        requests.clear()
        type_command(words[0], "sweep.yaml", "--out", out, "--store", uri, *words[1:])
        return len(requests)

    for out, seeds in (("nine", "[0, 1, 2]"), ("twelve", "[0, 1, 2, 3]")):
        Path("sweep.yaml").write_text(f"{NINE_STAGES}seeds: {seeds}\n")
        uri, run = bucket(out), ("run", "--backend", "inline")
        assert count("plan") == 2
        count(*run)
        StageStore(uri).files.delete_folder("record-packs")  # which parts, depends on its pace
        count(*run)
        assert (count("plan"), count(*run)) == (5, 13)
    Path("sweep.yaml").write_text(f"{NINE_STAGES}seeds: [0, 1, 2, 3, 4, 5]\n")
    assert count("plan") == 5


@pytest.mark.slow
def test_a_large_state_of_a_bucket_is_read_by_two_requests(bucket, requests):
    store = StageStore(bucket("large"))
    state = {"network.weight": torch.zeros(500_000)}
    store.put(state, record())
    requests.clear()
    assert same(store.state(KEY), state)
    assert sorted(requests) == ["GET record.json", "GET state", "HEAD record.json", "HEAD state"]


@pytest.mark.slow
def test_a_damaged_state_of_a_bucket_is_found_though_the_node_has_it(bucket, tmp_path, monkeypatch):
    monkeypatch.setenv("REPERTOIRE_STATE_CACHE_GB", "1")
    monkeypatch.setenv("REPERTOIRE_STATE_CACHE", str(tmp_path))
    store = StageStore(bucket("cached"))
    store.put(STATE, record())
    (path,) = (e.path for e in store.files.entries() if e.path.endswith(".safetensors"))
    store.files.write(path, b"not what was written")
    assert same(store.state(KEY), STATE)
    assert "is not what was written" in store.verify(KEY)


def test_a_stage_is_two_files_in_a_folder(store):
    """Two files and two folders at most: the inodes that docs/cluster.md counts."""
    keys = [f"{number:02x}" + "0" * 38 for number in range(4)]
    for key in keys:
        store.put_failure(key, "the first attempt")
        store.put(STATE, record(key))
    paths = list(Path(store.uri).rglob("*"))
    assert sorted(path.name for path in paths if path.is_file()) == (
        ["record.json"] * 4 + ["state.safetensors"] * 4
    )
    assert sum(path.is_dir() for path in paths) == 2 * 4
    store.put(STATE, record("00" + "1" * 38))  # shares the folder of its first two letters
    assert len(list(Path(store.uri).rglob("*"))) == len(paths) + 3


@pytest.mark.parametrize("port", ["99x", "99999", "-1"])
def test_an_endpoint_whose_port_is_none_is_refused_and_not_waited_for(port, monkeypatch):
    line = f"endpoint_override 'http://host:{port}' is no address of a server"
    with pytest.raises(RepertoireError, match=line):
        StageStore(f"s3://bucket/x?endpoint_override=http://host:{port}")
    with pytest.raises(RepertoireError, match=f"'host:{port}' is no address"):
        StageStore(f"s3://bucket/x?endpoint_override=host:{port}&scheme=http")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://host:{port}")
    with pytest.raises(RepertoireError, match="AWS_ENDPOINT_URL 'http://host"):
        StageStore("s3://bucket/x")
