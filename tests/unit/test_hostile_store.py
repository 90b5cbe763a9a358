"""A store that somebody else wrote: read as what it is, and nothing outside of it is touched."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from hostile_lab import write_hostile
from random_tables import write_random
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.errors import OtherRelease, RepertoireError, StoreCorrupt
from orchestrator.hashing import digest_bytes
from orchestrator.results.folder.garbage import delete_garbage, find_garbage
from orchestrator.results.folder.kept_code import keep_code
from orchestrator.results.folder.wanted_keys import Rules
from orchestrator.results.tables.checks import MAX_NAME, MAX_TEXT
from orchestrator.results.tables.tables import stage_keys
from orchestrator.stages.record import Costs, Record, Score
from orchestrator.stages.storage.files import LocalFiles
from orchestrator.stages.storage.record_format import evaluation_to_json, pack_record
from orchestrator.stages.storage.references import load_references
from orchestrator.stages.storage.stage_files import (
    FAILURE,
    RECORD,
    evaluation_name,
    seal,
    stage_path,
)
from orchestrator.stages.storage.state_cache import StateCache
from orchestrator.stages.storage.store import StageStore
from orchestrator.sweep.sweep import Sweep

pytestmark = pytest.mark.slow

KEY, OTHER = "ab" + "0" * 38, "cd" + "0" * 38
DEEP = "[" * 100_000 + "]" * 100_000


@pytest.fixture
def store(tmp_path: Path) -> StageStore:
    """A store with one stage."""
    fresh_store = StageStore(str(tmp_path / "stages"))
    fresh_store.put(
        {"w": torch.ones(2)},
        Record(
            key=KEY,
            parent=None,
            after=0,
            status="complete",
            costs=Costs(),
            evaluation={"t": {"test": Score(accuracy=0.5, loss=None, n=1)}},
            computed_for=("s", "t", 0),
        ),
    )
    return fresh_store


def rewrite(store: StageStore, change: dict, inner: dict | None = None) -> None:
    """Seal another record in the place of the stage's, as whoever knows the format can."""
    record = store.record(KEY)
    state = {
        "state": digest_bytes((Path(store.uri) / stage_path(KEY, "state.safetensors")).read_bytes())
    }
    content = pack_record(record) | state | change
    content["record"] = content["record"] | (inner or {})
    (Path(store.uri) / stage_path(KEY, RECORD)).write_bytes(seal(RECORD, content))


@pytest.mark.parametrize(
    "field",
    [
        {"parent": 3},
        {"after": "x"},
        {"after": 10**400},
        {"evaluation": {"t": {"test": {"accuracy": "0.9", "loss": None, "n": 1}}}},
        {"evaluation": {"t": {"test": {"accuracy": 0.9, "loss": None, "n": -1}}}},
        {"evaluation": []},
        {"costs": {"train_flops": "x"}},
        {"costs": {"storage": {"model": [1]}}},
        {"costs": {"train_seconds": 1e308}},
        {"costs": {"cpu_seconds": -5.0}},
        {"costs": {"peak_memory_bytes": 2**62}},
        {"costs": {"storage": {"model": 2**49, "raw_data": 2**49 + 1}}},
        {"costs": {"train_flops": -1}},
        {"costs": {"samples": 2**62}},
        {"computed_for": ["s", ["t"], 0]},
        {"computed_for": ["s", "t", 10**30]},
        {"story": {"a": 1}},
        {"spec": 3},
    ],
    ids=lambda field: json.dumps(field)[:40],
)
def test_a_sealed_record_whose_fields_have_other_types_is_refused(store, field):
    rewrite(store, {}, field)
    with pytest.raises(OtherRelease, match=r"which .* release.* cannot read"):
        store.record(KEY)


def test_the_costs_of_a_year_on_a_large_machine_are_read(store):
    costs = {"train_seconds": 3e7, "cpu_seconds": 9e8, "storage": {"model": 2**50}}
    costs |= {"train_flops": 2**63 - 1, "energy_joules": 1e12, "peak_memory_bytes": 2**42}
    rewrite(store, {}, {"costs": costs})
    assert store.record(KEY).costs == Costs(**costs)


@pytest.mark.parametrize("data", [DEEP, '{"content": ' + DEEP + "}", "[]", "3", "", "\xff" * 9])
def test_a_record_that_is_no_record_is_damaged(store, data):
    (Path(store.uri) / stage_path(KEY, RECORD)).write_text(data, encoding="latin-1")
    assert store.record(KEY) is None
    assert store.damaged == [f"stage {KEY}: record.json is not what was written"]


@pytest.mark.parametrize(
    "state",
    [
        b"",
        b"\xff" * 8,
        (2**62).to_bytes(8, "little") + b"{}",
        (4).to_bytes(8, "little") + b"nope",
        (
            len(header)
            if (header := b'{"w":{"dtype":"F32","shape":[9],"data_offsets":[0,8]}}')
            else 0
        ).to_bytes(8, "little")
        + header
        + b"\0" * 8,
    ],
    ids=["empty", "half a header", "huge header", "no JSON", "wrong shape"],
)
def test_a_state_that_is_no_safetensors_file_is_named_and_never_unpickled(store, state):
    (Path(store.uri) / stage_path(KEY, "state.safetensors")).write_bytes(state)
    rewrite(store, {"state": digest_bytes(state)})
    with pytest.raises(StoreCorrupt, match=r"state\.safetensors"):
        store.state(KEY)


def test_a_state_is_no_path_of_another_file(store, tmp_path):
    (tmp_path / "secret.safetensors").write_bytes(b"secret")
    rewrite(store, {"file": "../../../secret.safetensors", "state": digest_bytes(b"secret")})
    with pytest.raises(OtherRelease, match="with its state in"):
        store.state(KEY)


@pytest.mark.parametrize("digest", ["../secret", "x", 3, [1], {}, ""])
def test_a_digest_of_a_state_is_no_path_of_another_file(store, tmp_path, digest):
    """A cache has a file of each digest, and deletes what has another content."""
    (tmp_path / "secret").write_bytes(b"secret")
    rewrite(store, {"state": digest})
    store._cache = StateCache(tmp_path / "cache", 10**6)
    for read in (store.state, store.verify):
        with pytest.raises(OtherRelease, match="with a state of digest"):
            read(KEY)
    assert (tmp_path / "secret").read_bytes() == b"secret"


@pytest.mark.parametrize("content", [{}, {"error": [1]}, {"story": [1]}, {"format": 99}])
def test_a_failure_that_cannot_be_read_is_none_and_verify_names_it(store, content):
    for stage in (KEY, OTHER):  # with a record, and without
        store.files.write(stage_path(stage, FAILURE), seal(FAILURE, content))
        assert (store.failure(stage), store.failed_worker(stage)) == (None, {})
        with pytest.raises(OtherRelease, match=f"stage {stage} .* cannot read; it was not touched"):
            store.verify(stage)
    assert store.damaged == []
    store.put_failure(OTHER, "why")
    assert (store.failure(OTHER), store.verify(OTHER)) == ("why", None)


def test_scores_on_other_tasks_than_their_name_says_are_refused(store):
    score = evaluation_to_json({"other": {"test": Score(accuracy=0.5, loss=None, n=1)}})
    name = evaluation_name({"further"})
    store.files.write(stage_path(KEY, name), seal(name, score))
    for read in (lambda: store.record(KEY, ["further"]), lambda: store.verify(KEY)):
        with pytest.raises(OtherRelease, match=f"with scores on other tasks in {name}"):
            read()


def test_the_story_and_the_log_of_a_failure_fit_into_a_table(store):
    worker = {"node": "n", "pid": 7, "device": "cpu", "log": "l" * 20_000, "later": [1]}
    store.put_failure(KEY, "\udcff" + "s" * 2_000_000, worker)
    assert store.failure(KEY) == "?" + "s" * (MAX_TEXT - 1)
    assert store.failed_worker(KEY) == {
        "node": "n",
        "pid": 7,
        "device": "cpu",
        "log": "l" * MAX_NAME,
    }


@pytest.mark.parametrize("key", ["../../outside", "/etc/passwd", "..", "a/b"])
def test_a_key_of_somebody_else_is_no_path(store, key):
    with pytest.raises(StoreCorrupt, match="is no key of a stage"):
        store.record(key)


def test_a_pipe_or_device_in_place_of_a_file_is_damaged_and_not_waited_for(store):
    path = Path(store.uri) / stage_path(KEY, RECORD)
    for replace in (lambda: os.mkfifo(path), lambda: path.symlink_to("/dev/zero")):
        path.unlink(missing_ok=True)
        replace()
        assert store.record(KEY) is None
    assert not path.is_symlink()
    assert Path("/dev/zero").exists()


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder that no store should touch, with files of names that stores use."""
    for name in (f"{KEY}/record.json", f"{KEY}/state.safetensors", "x.py", "sub/y.json"):
        (tmp_path / "outside" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "outside" / name).write_text("mine")
    return tmp_path / "outside"


def contents(folder: Path) -> dict[str, str]:
    """Return path -> text of the files below a folder."""
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*") if p.is_file()}


def link(store: StageStore, place: str, target: Path) -> None:
    """Put a symbolic link into a store, in place of what is there."""
    path = Path(store.uri) / place
    if path.is_dir():
        path.rename(path.with_name("aside"))
    path.parent.mkdir(exist_ok=True, parents=True)
    path.symlink_to(target)


@pytest.mark.parametrize("place", ["ab", f"ab/{KEY}", "damaged", "folders", "leases", "loop", "x"])
def test_no_command_follows_a_link_out_of_a_store(store, tmp_path, outside, place):
    before = contents(outside)
    link(store, place, Path(store.uri) / "loop" if place == "loop" else outside)
    write_random(tmp_path / "s")
    for words in (["verify"], ["gc", "--older-than", "0"], ["gc", "--dry-run"]):
        result = CliRunner().invoke(app, ["store", *words, str(tmp_path)])
        assert isinstance(result.exception, SystemExit | RepertoireError | None)
    for change in (store.delete, lambda key: store.put_failure(key, "story")):
        with suppress(StoreCorrupt):  # "... is a symbolic link"
            change(KEY)
    assert contents(outside) == before


def test_the_store_itself_may_be_a_link_to_another_disk(store, tmp_path):
    disk = tmp_path / "disk"
    Path(store.uri).rename(disk)
    Path(store.uri).symlink_to(disk)
    write_random(tmp_path / "s")
    result = CliRunner().invoke(app, ["store", "gc", str(tmp_path), "--older-than", "0"])
    text = " ".join(result.output.split())
    assert f"{tmp_path / 'stages'} is a link to {disk}" in text
    assert "deleted 1 stages" in text
    assert not list(disk.rglob("record.json"))


def test_a_link_to_a_folder_that_is_no_store_costs_nothing_in_it(tmp_path):
    """A results folder of somebody else may have it, and gc may be run there."""
    home = tmp_path / "home"
    for name in (
        "ab/abacus/a.json",
        "damaged/b/c.json",
        "d.tmp",
        "e/f.tmp",
        "ph/photos/g.tmp",
        "probes/p/a",
    ):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("mine")
    before = contents(home)
    write_random(tmp_path / "out" / "s")
    (tmp_path / "out" / "stages").symlink_to(home)
    words = ["store", "gc", str(tmp_path / "out"), "--older-than", "0"]
    result = CliRunner().invoke(app, words)
    assert "deleted 0 stages" in result.output
    assert contents(home) == before


def test_a_linked_file_is_deleted_and_its_target_is_not(store, tmp_path, outside):
    link(store, f"cd/cd{'0' * 38}/record.json", outside / "x.py")
    write_random(tmp_path / "s")
    rules = Rules(tmp_path, 0.0)
    delete_garbage(store, rules, find_garbage(store, rules))
    assert (outside / "x.py").read_text() == "mine"


@pytest.mark.parametrize("path", ["l/a", "l/b/c"])
def test_files_below_a_link_are_neither_written_moved_nor_deleted(tmp_path, outside, path):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "l").symlink_to(outside)
    (tmp_path / "root" / "own").write_text("own")
    files, before = LocalFiles(tmp_path / "root"), contents(outside)
    for change in (
        lambda: files.write(path, b""),
        lambda: files.create(path, b""),
        lambda: files.move("own", path),
        lambda: files.move(path, "elsewhere"),
        lambda: files.delete(path),
        lambda: files.delete_folder(path),
    ):
        with pytest.raises(StoreCorrupt, match="is a symbolic link"):
            change()
    assert contents(outside) == before


@pytest.mark.parametrize(
    "content",
    [
        {"host": 3, "folder": "/", "sweep": ".", "store": "x", "keys": []},
        {"host": "h", "folder": "/", "sweep": ".", "store": "x", "keys": [[1]]},
        {"host": "h"},
        {},
    ],
)
def test_a_registration_of_other_fields_stops_gc_with_its_name(store, tmp_path, content):
    name = "0.json"
    store.files.write(f"folders/{name}", seal(name, content))
    assert load_references(store) == ([], [f"folders/{name}"])
    write_random(tmp_path / "s")
    with pytest.raises(RepertoireError, match=r"folders/0\.json is damaged.*nothing was deleted"):
        find_garbage(store, Rules(tmp_path))


def test_a_registration_of_the_whole_disk_is_not_searched_at_any_depth(tmp_path):
    write_random(tmp_path / "a" / "b" / "c" / "d")
    write_random(tmp_path / "e")
    assert stage_keys(tmp_path / "a") == frozenset()
    assert stage_keys(tmp_path) == stage_keys(tmp_path / "e") != frozenset()


def test_kept_code_is_not_written_or_deleted_through_a_link(tmp_path, outside):
    before = contents(outside)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "code").symlink_to(outside)
    (tmp_path / "sweep.yaml").write_text(
        "name: a\nbenchmark: {name: split_digits, scenario: task, num_tasks: 2}\nnetwork: mlp\n"
        "methods: ['own:Mine']\nseeds: [0]\n"
    )
    (tmp_path / "own.py").write_text(
        "from methods.finetune import Finetune\nclass Mine(Finetune): ...\n"
    )
    keep_code(Sweep.load(tmp_path / "sweep.yaml"), tmp_path / "results")
    assert contents(outside) == before
    assert (tmp_path / "results" / "code" / "own.py").is_file()


READERS = [
    ["compare", "."],
    ["compare", "..", "--format", "latex"],
    ["show", ".", "finetune-"],
    ["store", "verify", ".."],
    ["store", "gc", ".."],
]
WRITERS = [["report", "."], ["track", ".."], ["pack", "..", "--out", "../s.zip"]]


@pytest.mark.parametrize("commands", [READERS, pytest.param(WRITERS, marks=pytest.mark.variant)])
def test_commands_that_read_results_never_import_the_code_kept_in_them(
    tmp_path, monkeypatch, commands
):
    folder = write_hostile(tmp_path / "s", complete=1.0)
    (folder / "code").mkdir()
    trap = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    for name in ("mine.py", "sitecustomize.py", "dashboards.py", "orchestrator.py", "numpy.py"):
        (folder / name).write_text(trap)
        (folder / "code" / name).write_text(trap)
    sweep = (
        "name: s\nbenchmark: {data: 'mine:data', name: split, num_tasks: 2, scenario: task}\n"
        "network: 'mine:Net'\nmethods: ['mine:Mine']\nseeds: [0]\n"
    )
    for place in (folder, folder / "code"):
        (place / "sweep.yaml").write_text(sweep)
    StageStore(str(tmp_path / "stages"))
    monkeypatch.chdir(folder)
    for words in commands:
        result = CliRunner().invoke(app, words)
        assert isinstance(result.exception, SystemExit | RepertoireError | None), result.exc_info
        assert "mine" not in sys.modules
    assert not (tmp_path / "ran").exists()
