"""Garbage is what nothing refers to: no results folder, no run, no other release."""

from __future__ import annotations

import errno
import json
import os
import platform
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from lab import INLINE, Lab

from orchestrator.cli.run_sweep import run_sweep
from orchestrator.cli.store_commands import verify
from orchestrator.errors import OtherRelease, RepertoireError
from orchestrator.graph.brake import Brake
from orchestrator.results.folder.garbage import Garbage, delete_garbage, find_garbage
from orchestrator.results.folder.places import open_store, results_folder
from orchestrator.results.folder.tabulator import Tabulator
from orchestrator.results.folder.wanted_keys import Rules
from orchestrator.results.load import load
from orchestrator.results.tables.tables import stage_keys
from orchestrator.stages.record import Record
from orchestrator.stages.storage.files import LocalFiles
from orchestrator.stages.storage.lease_holding import open_leases
from orchestrator.stages.storage.references import load_references
from orchestrator.stages.storage.registration import Registration
from orchestrator.stages.storage.stage_files import seal, unseal
from orchestrator.stages.storage.store import StageStore
from orchestrator.sweep.sweep import Sweep


class SharedLab(Lab):
    """A lab whose stages lie in a store beside it, shared with others."""

    @property
    def store(self) -> StageStore:
        return open_store(self.out, str(self.folder.parent / "shared"))


@pytest.fixture
def own_lab(tmp_path: Path) -> Lab:
    return SharedLab(tmp_path / "mine").ask("[finetune]")


@pytest.fixture
def other_lab(tmp_path: Path) -> Lab:
    return SharedLab(tmp_path / "theirs").ask("[finetune]", seeds="[1]")


def clean(lab: Lab, older_than: float = 0.0, forget: tuple[str, ...] = ()) -> Garbage:
    rules = Rules(lab.out, older_than, forget)
    garbage = find_garbage(lab.store, rules)
    delete_garbage(lab.store, rules, garbage)
    return garbage


def age(store: StageStore, hours: float) -> None:
    """Have all files of a store be written some hours ago."""
    then = time.clock_gettime(time.CLOCK_REALTIME) - 3600 * hours
    assert store.folder is not None
    for path in store.folder.rglob("*"):
        os.utime(path, (then, then))


def drop_references(store: StageStore) -> None:
    """Have a store look as release 0.1 leaves it."""
    assert store.folder is not None
    shutil.rmtree(store.folder / "folders")


def all_complete(lab: Lab) -> bool:
    opened = load(lab.out / "lab")
    return bool((opened.trials["status"] == "complete").all()) and len(opened.stages) == 3


def test_collecting_all_the_time_takes_nothing_from_a_running_sweep(
    own_lab: Lab, other_lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each stage both the sweep's own folder and another one on the store are cleaned."""
    other_lab.run()
    put, cleaned = StageStore.put, []

    def put_and_clean(store: StageStore, *stage: object) -> None:
        put(store, *stage)  # type: ignore[arg-type]
        for lab in (other_lab, own_lab):
            cleaned.append(clean(lab).unwanted)

    monkeypatch.setattr(StageStore, "put", put_and_clean)
    assert own_lab.run().failed == 0
    assert cleaned == [[]] * 6
    assert all_complete(own_lab)
    assert all_complete(other_lab)
    assert own_lab.run().executed == 0


def test_stages_that_nobody_registered_are_kept_while_they_are_young(
    own_lab: Lab, other_lab: Lab
) -> None:
    """A run of release 0.1, or one that drives Tune by hand, leaves no word of what it needs."""
    own_lab.run()
    other_lab.run()
    drop_references(own_lab.store)
    garbage = clean(own_lab, older_than=24)
    assert (garbage.unwanted, garbage.kept["younger than 24 h"]) == ([], 3)
    assert all_complete(other_lab)


def test_what_a_young_stage_was_built_upon_is_kept_with_it(own_lab: Lab, other_lab: Lab) -> None:
    own_lab.run()
    other_lab.run()
    store = own_lab.store
    drop_references(store)
    age(store, 100)
    last = _chain(other_lab)[-1]
    assert store.folder is not None
    os.utime(store.folder / last[:2] / last / "record.json")
    garbage = clean(own_lab, older_than=24)
    assert garbage.unwanted == []
    assert garbage.kept["younger than 24 h"] == 1
    assert garbage.kept["ancestors of such stages"] == 2


def _chain(lab: Lab) -> list[str]:
    (chain,) = lab.plan().chains
    return list(chain.keys)


def test_on_a_shared_store_it_is_said_whose_stages_are_kept(own_lab: Lab, other_lab: Lab) -> None:
    own_lab.run()
    other_lab.run()
    garbage = clean(own_lab)
    assert garbage.kept == {f"lab in {own_lab.out}": 3, f"lab in {other_lab.out}": 3}
    assert all_complete(other_lab)


def test_stages_go_when_the_tables_that_referred_to_them_are_deleted(
    own_lab: Lab, other_lab: Lab
) -> None:
    own_lab.run()
    other_lab.run()
    (other_lab.out / "mlflow.db").touch()
    shutil.rmtree(other_lab.out / "lab")
    garbage = clean(own_lab)
    assert set(garbage.unwanted) == set(_chain(other_lab))
    assert [one.folder for one in garbage.gone] == [str(other_lab.out)]
    assert set(own_lab.store.keys()) == set(_chain(own_lab))
    assert clean(own_lab).gone == []


def test_a_sweep_whose_folder_was_renamed_keeps_its_stages(own_lab: Lab, other_lab: Lab) -> None:
    own_lab.run()
    other_lab.run()
    (other_lab.out / "mlflow.db").touch()
    (other_lab.out / "lab").rename(other_lab.out / "lab_kept")
    assert clean(own_lab).unwanted == []
    shutil.rmtree(other_lab.out / "lab_kept")
    assert set(clean(own_lab).unwanted) == set(_chain(other_lab))


def test_a_folder_that_cannot_be_reached_keeps_its_stages_until_it_is_given_up(
    own_lab: Lab, other_lab: Lab
) -> None:
    own_lab.run()
    other_lab.run()
    shutil.rmtree(other_lab.out)  # as if it was not mounted
    for _ in range(2):
        garbage = clean(own_lab)
        assert garbage.unwanted == []
        assert garbage.kept[f"lab in {other_lab.out}, which cannot be reached"] == 3
        other_lab.out.mkdir(exist_ok=True)  # the place of a disk that is not mounted
    # Spelled otherwise, nothing is forgotten and nothing deleted.
    for wrong in (f"{other_lab.out}/", "lab", str(other_lab.out / "lab")):
        with pytest.raises(RepertoireError, match="nothing was deleted") as error_info:
            clean(own_lab, forget=(wrong,))
        assert str(error_info.value).endswith(f"{own_lab.out}, {other_lab.out}")
    assert len(clean(own_lab, forget=(str(other_lab.out),)).unwanted) == 3


@pytest.mark.parametrize("private", ["", "lab", "lab/stages.parquet"])
def test_a_private_folder_of_another_user_keeps_its_stages(
    own_lab: Lab, other_lab: Lab, private: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_lab.run()
    other_lab.run()
    place, listdir, access = other_lab.out / private, os.listdir, os.access

    def deny(path: Any) -> list[str]:  # permissions do not bind root, who may run the tests
        if Path(path) == place:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return listdir(path)

    monkeypatch.setattr(os, "listdir", deny)
    monkeypatch.setattr(os, "access", lambda path, mode: path != place and access(path, mode))
    garbage = clean(own_lab)
    assert garbage.unwanted == []
    assert garbage.kept[f"lab in {other_lab.out}, which cannot be reached"] == 3


@pytest.mark.parametrize("name", ["folder", "sweep", "store"])
@pytest.mark.parametrize("text", ["/" + "x" * 300, "/a\0b"])
def test_a_forged_name_that_no_folder_has_stops_nothing(
    own_lab: Lab, other_lab: Lab, name: str, text: str
) -> None:
    own_lab.run()
    other_lab.run()
    key = _chain(other_lab)[-1]
    place = {"host": platform.node(), "folder": str(other_lab.out), "sweep": "lab"}
    content = place | {"store": own_lab.store.uri, "keys": [key], name: text}
    own_lab.store.files.write("folders/0.json", seal("0.json", content))
    shutil.rmtree(other_lab.out / "lab")
    (other_lab.out / "mlflow.db").touch()
    garbage = clean(own_lab)
    assert set(garbage.unwanted) == set(_chain(other_lab)) - ({key} if name != "store" else set())


def test_no_reference_has_a_disk_searched(
    own_lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_lab.run()
    deep = tmp_path / "disk" / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "stages.parquet").write_bytes(b"of somebody else")
    place = {"host": platform.node(), "folder": str(tmp_path / "disk"), "sweep": "nowhere"}
    content = place | {"store": own_lab.store.uri, "keys": []}
    own_lab.store.files.write("folders/0.json", seal("0.json", content))
    assert [one.sweep for one in clean(own_lab).gone] == ["nowhere"]


def test_a_folder_of_another_host_keeps_its_stages(
    own_lab: Lab, other_lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_lab.run()
    with monkeypatch.context() as patch:
        patch.setattr(platform, "node", lambda: "far")
        other_lab.run()
    shutil.rmtree(other_lab.out / "lab")  # what lies here under that path says nothing of that host
    garbage = clean(own_lab)
    assert garbage.unwanted == []
    assert garbage.kept[f"lab in {other_lab.out} on far"] == 3


def test_an_old_store_without_references_goes_by_the_tables_of_the_folder(
    own_lab: Lab, other_lab: Lab
) -> None:
    own_lab.run()
    other_lab.run()
    drop_references(own_lab.store)
    age(own_lab.store, 25)
    garbage = clean(own_lab, older_than=24)
    assert set(garbage.unwanted) == set(_chain(other_lab))
    assert all_complete(own_lab)


def test_tables_of_a_former_sweep_kept_aside_count_too(own_lab: Lab, other_lab: Lab) -> None:
    own_lab.run()
    other_lab.run()
    drop_references(own_lab.store)
    shutil.copytree(other_lab.out / "lab", own_lab.out / "lab" / "former" / "1")
    assert clean(own_lab).unwanted == []


def test_tables_that_another_folder_kept_aside_count_on_a_shared_store(
    own_lab: Lab, other_lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_lab.run()
    other_lab.run()
    former = set(_chain(other_lab))
    shutil.copytree(other_lab.out / "lab", other_lab.out / "lab" / "former" / "1")
    other_lab.ask("[finetune]", seeds="[2]").run()
    assert not former & set(_chain(other_lab))
    assert clean(own_lab).unwanted == []
    monkeypatch.setattr(platform, "node", lambda: "far")  # where the tables cannot be read
    assert clean(own_lab).unwanted == []
    assert former <= set(own_lab.store.keys())


def test_a_stage_that_is_leased_is_kept(own_lab: Lab, other_lab: Lab) -> None:
    own_lab.run()
    other_lab.run()
    drop_references(own_lab.store)
    key = _chain(other_lab)[-1]
    assert open_leases(own_lab.store.files, own_lab.store.folder).take(key, "a worker", 60)
    garbage = clean(own_lab)
    assert garbage.kept["being computed now"] == 1
    assert garbage.unwanted == []  # the leased stage was built upon the others


def test_what_another_release_made_is_never_deleted(own_lab: Lab, other_lab: Lab) -> None:
    own_lab.run()
    other_lab.run()
    drop_references(own_lab.store)
    key = _chain(other_lab)[-1]
    path = own_lab.folder.parent / "shared" / key[:2] / key / "record.json"
    content = unseal("record.json", path.read_bytes())
    assert content is not None
    path.write_bytes(seal("record.json", content | {"format": 99, "release": "9.9"}))
    garbage = clean(own_lab)
    assert garbage.kept["of another release that this one cannot read"] == 1
    assert {key} <= {*own_lab.store.keys()}
    assert len(garbage.unwanted) == 2


def test_what_was_set_aside_is_kept_while_it_is_young(own_lab: Lab) -> None:
    own_lab.run()
    key = _chain(own_lab)[0]
    path = own_lab.folder.parent / "shared" / key[:2] / key / "state.safetensors"
    path.write_bytes(b"damaged")
    assert own_lab.store.verify(key) is not None
    garbage = find_garbage(own_lab.store, Rules(own_lab.out, older_than=24))
    assert (len(garbage.files.damaged), garbage.leftovers) == (2, [])
    age(own_lab.store, 25)
    assert len(clean(own_lab, older_than=24).leftovers) == 2
    assert find_garbage(own_lab.store, Rules(own_lab.out)).files.damaged == []


def test_a_state_that_a_second_writer_left_is_named_and_deleted(
    own_lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    """As two hosts leave it that compute a stage to other bits at once, in a bucket."""
    own_lab.run()
    first, second = _chain(own_lab)[:2]
    folder = own_lab.folder.parent / "shared"
    for key in (first, second):
        (folder / key[:2] / key / f"state-{'0' * 40}.safetensors").write_bytes(b"other bits")
    left = f"{first[:2]}/{first}/state-{'0' * 40}.safetensors"
    assert verify(own_lab.out, own_lab.store.uri) == 0
    assert f"{left} is not the state that its record names" in capsys.readouterr().out
    leases = open_leases(own_lab.store.files, own_lab.store.folder)
    assert leases.take(second, "a worker", 60)  # which may write the record yet
    assert find_garbage(own_lab.store, Rules(own_lab.out, older_than=24)).leftovers == []
    assert [entry.path for entry in clean(own_lab).leftovers] == [left]
    assert not (folder / left).exists()
    assert own_lab.store.state(first) is not None
    leases.release(second, "a worker")
    assert len(clean(own_lab).leftovers) == 1
    assert own_lab.run().executed == 0


def test_the_reference_in_a_copy_of_a_store_is_that_of_the_original(
    own_lab: Lab, other_lab: Lab, tmp_path: Path
) -> None:
    other_lab.run()
    own_lab.run()
    shutil.copytree(tmp_path / "shared", tmp_path / "copy")
    store = open_store(own_lab.out, str(tmp_path / "copy"))
    garbage = find_garbage(store, Rules(own_lab.out, older_than=0))
    assert set(garbage.unwanted) == set(_chain(other_lab))


def test_a_damaged_reference_stops_collecting(own_lab: Lab) -> None:
    own_lab.run()
    (path,) = (own_lab.folder.parent / "shared" / "folders").iterdir()
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(RepertoireError, match=f"{path.name} is damaged"):
        clean(own_lab)


def test_a_folder_without_results_on_a_store_that_nobody_refers_to_is_refused(
    own_lab: Lab, tmp_path: Path
) -> None:
    own_lab.run()
    drop_references(own_lab.store)
    with pytest.raises(RepertoireError, match="every stage would be deleted"):
        find_garbage(own_lab.store, Rules(tmp_path / "elsewhere"))


def test_all_stages_go_if_all_that_refers_to_the_store_is_forgotten(own_lab: Lab) -> None:
    own_lab.run()
    (own_lab.out / "mlflow.db").touch()
    shutil.rmtree(own_lab.out / "lab")
    with pytest.raises(RepertoireError, match=f"store: --forget {own_lab.out}$"):
        clean(own_lab)
    # Young stages are kept, and what refers to them, so that they can be forgotten later.
    garbage = clean(own_lab, older_than=24, forget=(str(own_lab.out),))
    assert (garbage.unwanted, garbage.kept["younger than 24 h"]) == ([], 3)
    age(own_lab.store, 25)
    garbage = clean(own_lab, older_than=24, forget=(str(own_lab.out),))
    assert len(garbage.unwanted) == 3
    assert own_lab.store.keys() == []
    with pytest.raises(RepertoireError, match=r"nothing was deleted.*there is none"):
        clean(own_lab, forget=(str(own_lab.out),))


def test_a_reference_is_one_file_for_a_sweep_of_a_folder(own_lab: Lab) -> None:
    Registration(own_lab.store, own_lab.out, "lab").replace(["b", "a", "b"])
    Registration(own_lab.store, own_lab.out, "lab").replace(["c"])
    (path,) = (own_lab.folder.parent / "shared" / "folders").iterdir()
    assert json.loads(path.read_text())["content"]["keys"] == ["c"]


def test_keys_are_added_in_parts_that_the_next_run_reads_and_replaces(own_lab: Lab) -> None:
    first = Registration(own_lab.store, own_lab.out, "lab")
    first.replace(["a"])
    first.add(["b", "a"])
    first.add(["c"])
    first.add(["c"])
    folder = own_lab.folder.parent / "shared" / "folders"
    assert len(list(folder.iterdir())) == 3
    assert list_registered(own_lab) == {"a", "b", "c"}
    second = Registration(own_lab.store, own_lab.out, "lab")
    assert second.keys == {"a", "b", "c"}
    second.replace(["c"])
    assert len(list(folder.iterdir())) == 1
    assert list_registered(own_lab) == {"c"}


def list_registered(lab: Lab) -> set[str]:
    """Return the keys that the references to a lab's store hold together."""
    references, _ = load_references(lab.store)
    return {key for reference in references for key in reference.keys}


def test_no_moment_of_a_run_registers_less_than_the_folder_refers_to(
    own_lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each write to the store, of a first run, an interrupted one, its end and a warm rerun."""
    search = "{algorithm: random, num_trials: 4, scheduler: {name: asha, grace_tasks: 1}}"
    parts = {"search": search, "methods": "[{name: ewc, lam: {loguniform: [1, 1000]}}]"}
    moments: list[tuple[set[str], set[str]]] = []
    write = LocalFiles.write

    def write_and_look(files: LocalFiles, path: str, data: bytes) -> None:
        write(files, path, data)
        moments.append((list_registered(own_lab), {*stage_keys(own_lab.out / "lab")}))

    monkeypatch.setattr(LocalFiles, "write", write_and_look)
    put = StageStore.put

    def put_and_look(store: StageStore, state: Any, record: Record) -> None:
        moments.append((list_registered(own_lab), {record.key}))
        put(store, state, record)

    monkeypatch.setattr(StageStore, "put", put_and_look)
    for budget in ("{stages: 3}", "{stages: 3}", "{}", "{}"):
        own_lab.ask(**parts, budget=budget)
        sweep = Sweep.load(own_lab.sweep)
        tables = Tabulator((), own_lab.store, results_folder(sweep, own_lab.out))
        run_sweep(sweep, tables, INLINE, Brake(sweep.budget, sweep.resources))
        largest = max((keys for keys, _ in moments), key=len)
        assert largest == list_registered(own_lab)
    assert all(needed <= keys for keys, needed in moments)
    assert [len(keys) for keys, _ in moments] == sorted(len(keys) for keys, _ in moments)
    assert list_registered(own_lab) == {*stage_keys(own_lab.out / "lab")}


def test_a_reference_of_another_release_is_not_overwritten(own_lab: Lab) -> None:
    own_lab.run()
    (path,) = (own_lab.folder.parent / "shared" / "folders").iterdir()
    content = unseal(path.name, path.read_bytes())
    assert content is not None
    path.write_bytes(seal(path.name, content | {"format": 99, "release": "9.9"}))
    before = path.read_bytes()
    with pytest.raises(OtherRelease, match=r"made by release 9\.9.*it was not touched"):
        own_lab.run()
    assert path.read_bytes() == before


def test_a_damaged_reference_is_written_anew_by_the_next_run(own_lab: Lab) -> None:
    own_lab.run()
    (path,) = (own_lab.folder.parent / "shared" / "folders").iterdir()
    path.write_bytes(path.read_bytes()[:-9])
    own_lab.run()
    assert list_registered(own_lab) == set(_chain(own_lab))
