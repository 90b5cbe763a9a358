"""One file with results: the same everywhere, and refused as a whole where anything is wrong."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hostile_lab import aliases

from orchestrator.cli.store_commands import verify
from orchestrator.errors import RepertoireError, StoreCorrupt
from orchestrator.hashing import digest_bytes
from orchestrator.results.load import load
from orchestrator.results.pack import read
from orchestrator.results.pack.contents import INDEX, PACK_FORMAT, RECORDS
from orchestrator.results.pack.read import read_pack
from orchestrator.results.pack.write import write_pack
from orchestrator.results.tables.tables import stage_keys
from orchestrator.stages.storage.maintenance import list_inventory
from orchestrator.stages.storage.references import load_references
from orchestrator.stages.storage.stage_files import seal, unseal
from orchestrator.stages.storage.store import StageStore

pytestmark = pytest.mark.slow

GOLDEN = Path(__file__).parents[1] / "golden" / "release-0.1" / "folder"
KEY = "a" * 40
Files = dict[str, bytes]


def golden_store() -> StageStore:
    return StageStore(str(GOLDEN / "stages"), create=False, read_only=True)


@pytest.fixture(scope="module")
def pack_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("packed") / "golden.zip"
    write_pack(GOLDEN, file, golden_store())
    return file


def contents(file: Path) -> Files:
    with zipfile.ZipFile(file) as pack:
        return {info.filename: pack.read(info) for info in pack.infolist()}


def forge(file: Path, members: Files, **index: Any) -> Path:
    """Write a pack of any files, with an index that fits them but for the changes."""
    listed = [
        {"path": path, "size": len(data), "digest": digest_bytes(data)}
        for path, data in members.items()
        if path != INDEX
    ]
    content = {"format": PACK_FORMAT, "release": "9.9", "files": listed} | index
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as pack:
        for path, data in members.items():
            if path != INDEX:
                pack.writestr(path, data)
        pack.writestr(INDEX, seal(INDEX, content))
    return file


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def refuse(file: Path, out: Path, problem: str, **options: Any) -> None:
    """The pack is refused in one line, and nothing is written."""
    before, existed = tree(out.parent), out.exists()
    with pytest.raises(RepertoireError, match=problem) as caught:
        read_pack(file, out, **options)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
    assert tree(out.parent) == before
    assert out.exists() == existed


def test_results_are_the_same_elsewhere(pack_file: Path, tmp_path: Path) -> None:
    result = read_pack(pack_file, tmp_path / "deep" / "out")
    assert result.sweeps == ("layouts", "searching", "stumbling", "told_the_task")
    golden, unpacked = load(GOLDEN), load(tmp_path / "deep" / "out")
    for name in ("trials", "accuracy", "stages"):
        # A pack does not tell which sweep was run first, which is what orders them.
        tables = [
            getattr(results, name).sort_values("sweep", kind="stable", ignore_index=True)
            for results in (golden, unpacked)
        ]
        pd.testing.assert_frame_equal(*tables)
    again = read_pack(pack_file, tmp_path / "deep" / "out")
    assert (again.sweeps, again.present) == ((), result.sweeps)
    assert not list((tmp_path / "deep" / "out").glob(".*"))


def test_the_same_folder_gives_the_same_bytes_wherever_it_lies(
    pack_file: Path, tmp_path: Path
) -> None:
    shutil.copytree(GOLDEN, tmp_path / "copy", copy_function=shutil.copy)
    store = StageStore(str(tmp_path / "copy" / "stages"))
    write_pack(tmp_path / "copy", tmp_path / "copy.zip", store)
    assert (tmp_path / "copy.zip").read_bytes() == pack_file.read_bytes()
    # What was taken in is packed again as it was, with its records and without a store.
    read_pack(pack_file, tmp_path / "out")
    write_pack(tmp_path / "out", tmp_path / "again.zip", None)
    assert (tmp_path / "again.zip").read_bytes() == pack_file.read_bytes()
    with pytest.raises(RepertoireError, match="exists and is not replaced"):
        write_pack(tmp_path / "out", tmp_path / "again.zip", None)


def test_a_pack_holds_records_pages_and_code_and_no_states_links_or_databases(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "results"
    shutil.copytree(GOLDEN, folder)
    (folder / "report.html").write_text("<html>")
    (folder / "figures").mkdir()
    (folder / "figures" / "r.svg").write_text("<svg/>")
    (folder / "mlflow.db").write_text("")
    (folder / "layouts" / "code").mkdir()
    (folder / "layouts" / "code" / "mine.py").write_text("raise SystemExit\n")
    (folder / "layouts" / "former" / "1").mkdir(parents=True)
    for name in ("trials", "accuracy", "stages"):
        shutil.copy(folder / "layouts" / f"{name}.parquet", folder / "layouts" / "former" / "1")
    (tmp_path / "secret").write_text("secret")
    (folder / "layouts" / "data.json").symlink_to(tmp_path / "secret")
    store = StageStore(str(folder / "stages"))
    write_pack(folder, tmp_path / "x.zip", store)
    files = contents(tmp_path / "x.zip")
    assert {"report.html", "figures/r.svg", "layouts/code/mine.py"} < files.keys()
    assert {"layouts/former/1/trials.parquet", f"layouts/{RECORDS}"} < files.keys()
    assert not any("data.json" in name or "safetensors" in name or ".db" in name for name in files)
    result = read_pack(tmp_path / "x.zip", tmp_path / "out")
    assert (result.pages, result.code) == (("figures/r.svg", "report.html"), ("layouts",))
    assert not (tmp_path / "out" / "report.html").exists()
    assert (tmp_path / "out" / "layouts" / "former" / "1" / "trials.parquet").is_file()


def test_records_go_into_a_store_where_that_is_asked_for(pack_file: Path, tmp_path: Path) -> None:
    store = StageStore(str(tmp_path / "stages"))
    key = golden_store().keys()[0]
    store.put({}, golden_store().record(key))  # type: ignore[arg-type]
    own = (tmp_path / "stages" / key[:2] / key / "record.json").read_bytes()
    result = read_pack(pack_file, tmp_path / "out", lambda: store)
    assert (tmp_path / "stages" / key[:2] / key / "record.json").read_bytes() == own
    others = [each for each in store.keys() if each != key]  # noqa: SIM118
    assert all(store.record(each) == golden_store().record(each) for each in others)
    assert result.records >= len(others) > 10
    assert {ref.sweep for ref in load_references(store)[0]} == set(result.sweeps)
    assert not list_inventory(store).damaged


def test_verify_leaves_imported_records_which_have_no_states(
    pack_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = StageStore(str(tmp_path / "out" / "stages"))
    read_pack(pack_file, tmp_path / "out", lambda: store)
    before, keys = tree(tmp_path / "out"), store.keys()
    records = [record for key in keys if (record := store.record(key)) is not None]
    stateless = sum(record.status == "complete" for record in records)
    assert verify(tmp_path / "out", None) == 0
    first, last = " ".join(capsys.readouterr().out.split()).split(" all ")
    assert first.startswith(f"{stateless} of {len(keys)} stages have a record and no state, such")
    assert last == f"{len(keys)} stages are as they were written, as far as they exist"
    assert tree(tmp_path / "out") == before


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../escape/trials.parquet",
        "layouts/../../x.py",
        "layouts/code/../../../x.py",
        "layouts\\..\\x.py",
        "C:/x/trials.parquet",
        "layouts/code/.hidden.py",
        "layouts/code/x.sh",
        "layouts/.writer.json",
        "stages/trials.parquet",
        "mlflow.db",
        "layouts/code/a b.py",
        "layouts/former/../sweep.yaml",
        "layouts/sweep.yaml\n",
        "/",
    ],
)
def test_a_name_that_no_results_have_is_refused(pack_file: Path, tmp_path: Path, path: str) -> None:
    file = forge(tmp_path / "x.zip", contents(pack_file) | {path: b"x"})
    refuse(file, tmp_path / "out", "which is no file of results|link, a folder|differ")


def test_what_is_not_what_was_packed_is_refused(pack_file: Path, tmp_path: Path) -> None:
    files, out = contents(pack_file), tmp_path / "out"
    right = unseal(INDEX, files[INDEX])
    assert right is not None
    changed = files | {"layouts/sweep.yaml": b"name: other"}
    refuse(forge(tmp_path / "1", changed, files=right["files"]), out, "not what was packed|longer")
    without = {name: data for name, data in files.items() if name != "layouts/stages.parquet"}
    refuse(forge(tmp_path / "2", without), out, r"layouts lacks stages\.parquet")
    refuse(forge(tmp_path / "3", without, files=right["files"]), out, "its files differ")
    broken = files | {"layouts/trials.parquet": b"PAR1"}
    refuse(forge(tmp_path / "4", broken), out, r"layouts/trials\.parquet in it, a table, cannot")
    twice = [*right["files"], right["files"][0]]
    refuse(forge(tmp_path / "5", files, files=twice), out, "lists a file twice")
    refuse(forge(tmp_path / "6", files, files=[{"path": 1}]), out, "index cannot be read")
    refuse(forge(tmp_path / "7", files, files=[{**right["files"][0], "size": -1}]), out, "differ")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda line: {**line, "key": "../" + line["key"]}, "which no store has"),
        (lambda line: {**line, "name": "state.safetensors"}, "which no store has"),
        (lambda line: {**line, "key": "0" * 40}, "not what was written"),
        (lambda line: {**line, "text": line["text"].replace("complete", "Complete")}, "not what"),
        (lambda line: {"key": line["key"]}, "cannot be read"),
        (lambda line: later(line), "was made by release 9.9, in format 99"),
    ],
)
def test_a_record_that_no_store_has_is_refused(
    pack_file: Path,
    tmp_path: Path,
    change: Callable[[dict[str, str]], dict[str, str]],
    problem: str,
) -> None:
    files = contents(pack_file)
    first, rest = files[f"layouts/{RECORDS}"].split(b"\n", 1)
    line = json.dumps(change(json.loads(first))).encode()
    file = forge(tmp_path / "x.zip", files | {f"layouts/{RECORDS}": line + b"\n" + rest})
    refuse(file, tmp_path / "out", problem)


@pytest.mark.parametrize("name", ["record.json", "failure.json", f"evaluation-{'b' * 40}.json"])
def test_a_sealed_file_of_another_kind_is_refused(
    pack_file: Path, tmp_path: Path, name: str
) -> None:
    kinds: list[Any] = [None, 3, "x", [], [["record", {}]], {}, {"x": [1]}, {"format": 99}]
    kinds += [{"record": value} for value in (None, "x", [1], {}, {"key": KEY})]
    for content in kinds:
        line = {"key": KEY, "name": name, "text": seal(name, content).decode()}
        files = contents(pack_file) | {f"layouts/{RECORDS}": json.dumps(line).encode()}
        problem = "which .*release.* cannot read|is not what was written"
        refuse(forge(tmp_path / "x.zip", files), tmp_path / "out", problem)


@pytest.mark.parametrize("content", [None, 3, "x", [], {}, {"format": 1, "files": [[1]]}])
def test_an_index_of_another_kind_is_refused(tmp_path: Path, content: Any) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as pack:
        pack.writestr(INDEX, seal(INDEX, content))
    refuse(tmp_path / "x.zip", tmp_path / "out", "not what was written|cannot (be )?read")


def later(line: dict[str, str]) -> dict[str, str]:
    """A record of a release to come, with the right digest."""
    content = unseal(line["name"], line["text"].encode())
    assert content is not None
    text = seal(line["name"], content | {"format": 99, "release": "9.9"}).decode()
    return {**line, "text": text}


def test_a_pack_of_a_later_release_names_it(pack_file: Path, tmp_path: Path) -> None:
    file = forge(tmp_path / "x.zip", contents(pack_file), format=2)
    refuse(file, tmp_path / "out", r"made by release '9\.9', in format 2")


def test_links_and_bombs_are_refused(pack_file: Path, tmp_path: Path) -> None:
    files, out = contents(pack_file), tmp_path / "out"
    with zipfile.ZipFile(forge(tmp_path / "link.zip", {}), "w") as pack:
        info = zipfile.ZipInfo("layouts/sweep.yaml")
        info.external_attr = 0o120777 << 16
        pack.writestr(info, "/etc/passwd")
        pack.writestr(INDEX, b"")
    refuse(tmp_path / "link.zip", out, "is a link, a folder or encrypted")
    bomb = forge(tmp_path / "bomb.zip", files | {"layouts/sweep.yaml": bytes(2 * 10**7)})
    assert bomb.stat().st_size < 200_000
    refuse(bomb, out, "unpacks to 20000000 bytes")
    refuse(pack_file, out, "more than 1000 ", max_bytes=1000)
    right = unseal(INDEX, files[INDEX])
    assert right is not None
    small = [{**each, "size": min(each["size"], 10)} for each in right["files"]]
    refuse(forge(tmp_path / "lie.zip", files, files=small), out, "longer than 10 bytes")


BOMB = aliases(10).encode()


@pytest.mark.parametrize(
    ("path", "sweep", "problem"),
    [
        ("code/sweep.yaml", BOMB, "with its aliases written out"),
        ("former/1/sweep.yaml", BOMB, "with its aliases written out"),
        ("sweep.yaml", BOMB, "with its aliases written out"),
        ("sweep.yaml", b"a: &a [*a]", "a value holds itself"),
        ("sweep.yaml", b"a: " + b"1" * 6000, "a number of 6,000 characters"),
        ("sweep.yaml", b"name: s\nb: !!python/object/apply:os.mkdir [x]", "is refused"),
        ("sweep.yaml", b"[1]", "must hold keys and values"),
        ("sweep.yaml", b"[" * 10_000, "nested too deeply"),
        ("sweep.yaml", b"\xff", "is no text"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_sweep_that_no_command_reads_is_refused(
    pack_file: Path, tmp_path: Path, path: str, sweep: bytes, problem: str
) -> None:
    file = forge(tmp_path / "x.zip", contents(pack_file) | {f"layouts/{path}": sweep})
    refuse(file, tmp_path / "out", f"layouts/{path} in it, a sweep.*{problem}.*Ask its sender")


def test_a_sweep_that_would_take_long_to_read_is_refused(
    pack_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "MAX_SWEEP_BYTES", 10)
    refuse(pack_file, tmp_path / "out", r"sweep\.yaml in it, a sweep, has more than 10 bytes")


def test_what_is_no_pack_is_refused(pack_file: Path, tmp_path: Path) -> None:
    out, data = tmp_path / "out", pack_file.read_bytes()
    (tmp_path / "text").write_text("no pack")
    (tmp_path / "short").write_bytes(data[: len(data) // 2])
    refuse(tmp_path / "text", out, "no pack or was damaged")
    refuse(tmp_path / "short", out, "no pack or was damaged")
    with zipfile.ZipFile(tmp_path / "other", "w") as pack:
        pack.writestr("readme", b"")
    refuse(tmp_path / "other", out, "its last file is not pack.json")
    refuse(tmp_path / "absent", out, "no such file")
    refuse(tmp_path, out, "is a folder")
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    (tmp_path / "flipped").write_bytes(flipped)
    refuse(tmp_path / "flipped", out, "damaged|not what was packed")


def test_what_is_there_is_not_overwritten(pack_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "searching").mkdir(parents=True)
    (out / "searching" / "mine").write_text("kept")
    refuse(pack_file, out, "exists and is not what the pack holds")
    shutil.rmtree(out / "searching")
    (out / "searching").symlink_to(tmp_path / "elsewhere")
    refuse(pack_file, out, "exists and is not what the pack holds")
    assert os.readlink(out / "searching") == str(tmp_path / "elsewhere")


def test_the_commands_say_what_they_did(
    answer: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    shutil.copytree(GOLDEN, tmp_path / "results")
    sweep = tmp_path / "results" / "layouts" / "sweep.yaml"
    sweep.write_text(sweep.read_text() + "\nmlflow: {uri: 'http://elsewhere:5000'}\n")
    assert answer("pack") == (0, "")
    assert answer("pack")[0] == 2
    assert answer("import", "results.pack.zip", "--out", "there", "--records") == (0, "")
    assert (tmp_path / "there" / "stages").is_dir()
    code, text = answer("import", "results.pack.zip", "--out", "x", "--store", "y")
    assert (code, text.count("\n"), "needs --records" in text) == (2, 1, True)
    assert answer("pack", "nowhere")[0] == 2
    for words, problem in (
        (("pack", "--out", "nowhere/x.zip"), "nowhere is no folder"),
        (("import", "results.pack.zip", "--max-gb", "inf"), "--max-gb"),
        (("import", "results.pack.zip", "--max-gb", "nan"), "--max-gb"),
        (("import", "results.pack.zip", "--out", "results.pack.zip/x"), "cannot be created"),
    ):
        code, text = answer(*words)
        assert (code, text.count("\n"), problem in text) == (2, 1, True), text
    assert not (tmp_path / "x").exists()


@pytest.mark.variant
@pytest.mark.timeout(300)
def test_mlflow_and_the_report_take_in_a_pack(
    answer: Callable[..., tuple[int, str]],
    pack_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    read_pack(pack_file, tmp_path / "out")
    assert answer("track", "out") == (0, "")
    trials = load(tmp_path / "out").trials
    assert trials.loc[trials["status"] == "complete", "mlflow_run_id"].notna().all()
    assert answer("report", "out")[0] == 0
    assert "told_the_task" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b'{"content": {}, "digest": "x"}'])
def test_a_damaged_record_is_named_and_not_packed(tmp_path: Path, data: bytes) -> None:
    shutil.copytree(GOLDEN, tmp_path / "out")
    key = next(iter(stage_keys(tmp_path / "out" / "layouts")))
    store = StageStore(str(tmp_path / "out" / "stages"))
    (tmp_path / "out" / "stages" / key[:2] / key / "record.json").write_bytes(data)
    with pytest.raises(StoreCorrupt, match=f"{key}/record.json in the store is damaged; repert"):
        write_pack(tmp_path / "out", tmp_path / "x.zip", store)
    assert not list(tmp_path.glob("*.zip*"))
