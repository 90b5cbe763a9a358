"""A results folder of a real run whose files somebody else replaced, given to every command.

Each command must end with one line or its usual output: no exception of its own, nothing run,
nothing waited for, nothing written outside.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hostile_lab import replace_column
from typer.testing import CliRunner, Result

from dashboards.data.folders import open_folders
from dashboards.data.running import read_endings
from dashboards.data.scope import Scope
from dashboards.data.stages import stage_rows, trial_rows
from dashboards.data.warehouse import open_results
from dashboards.figures import draw
from dashboards.gallery import draw_trade_off
from dashboards.report.__main__ import main as write_report
from orchestrator.backends import tune_trainable
from orchestrator.cli import page_commands
from orchestrator.cli.app import app
from orchestrator.cli.os_errors import describe_os_error
from orchestrator.errors import RepertoireError
from orchestrator.graph import progress_file
from orchestrator.hashing import canonical_json

pytestmark = pytest.mark.slow

SWEEP = """
name: s
benchmark: {name: split_digits, scenario: task, num_tasks: 2, samples_per_task: 10}
network: {name: mlp, hidden: [4]}
training: {iterations: 1, batch_size: 5}
methods: [{name: ewc, lam: {loguniform: [1, 9]}}, "own:Mine"]
seeds: [0]
search: {algorithm: random, num_trials: 1}
"""
OWN = """
from methods.finetune import Finetune
class Mine(Finetune): ...
"""
DEEP = b"[" * 100_000 + b"]" * 100_000
OTHERS = ("search.json", "progress.json", "versions.json", "sweep.yaml", "trials.parquet")
SIDE_FILES = ("search.jsonl", "search.json", "progress.json", "versions.json", "sweep.yaml")


class Trap:
    """An object whose pickle makes a folder when it is opened."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("sprung",)


CONTENTS = {
    "a pickle": pickle.dumps(Trap()),
    "YAML of objects": b"!!python/object/apply:os.mkdir [sprung]\n",
    "deep": DEEP,
    "null": b"null",
    "a list": b"[1]",
}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sweep, its results and a pack of them."""
    folder = tmp_path_factory.mktemp("original")
    (folder / "s.yaml").write_text(SWEEP)
    (folder / "own.py").write_text(OWN)
    with within(folder):
        assert type_command("run", "s.yaml", "--backend", "inline").exit_code == 0
        assert type_command("pack", "results", "--out", "s.zip").exit_code == 0
    return folder


@pytest.fixture
def place(original: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of the folder, which is the current one."""
    folder = shutil.copytree(original, tmp_path / "place")
    with within(folder):
        yield folder
        assert not (folder / "sprung").exists(), "an object was opened"
        assert {path.name for path in tmp_path.iterdir()} == {"place"}, "written outside"


@contextmanager
def within(folder: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "path", [*sys.path])
        patch.setattr(page_commands, "run_servers", read_in_process)
        yield


def read_in_process(commands: Sequence[Sequence[str]]) -> int:
    """Do in this process what the processes of `report` and `dashboard` read and draw."""
    for _, _, _, module, *words in commands:
        if module == "dashboards.report":
            write_report(words)
        elif module == "dashboards.serve":
            draw_pages(Path(words[0]))
    return 0


def draw_pages(folder: Path) -> None:
    """Read what pages show of a folder, and draw a chart and a figure; some may be refused."""
    warehouse = open_results([folder])
    for sweep in warehouse.folders:
        for read in (stage_rows, trial_rows, read_endings):
            with suppress(RepertoireError):
                read(warehouse, sweep.name)
    with suppress(RepertoireError):
        draw_trade_off(warehouse, Scope())
    with suppress(RepertoireError):
        draw(warehouse, "forgetting")


def type_command(*words: str) -> Result:
    """Type a command; it must end by itself, or by an error that is shown in a line."""
    result = CliRunner().invoke(app, words)
    error = result.exception
    shown = isinstance(error, RepertoireError | SystemExit | None)
    shown = shown or (isinstance(error, OSError) and describe_os_error(error) is not None)
    assert shown, (words, error)
    return result


def trial_id(place: Path) -> str:
    return str(pq.read_table(place / "results/s/trials.parquet")["trial_id"][0].as_py())


def type_all(place: Path, trial: str) -> None:
    """Type every command that reads results, a store or a sweep."""
    for words in (
        ("plan", "s.yaml"),
        ("plan", "s.yaml", "--simulate", "nodes=1,cpus=1", "--durations", "results"),
        ("compare", "results"),
        ("show", "results/s", trial),
        ("list", "methods"),
        ("pack", "results", "--out", "again.zip"),
        ("import", "s.zip", "--out", "results"),
        ("ui", "results"),
        ("dashboard", "results"),
        ("report", "results"),
        ("track", "results"),
        ("store", "verify", "results"),
        ("store", "gc", "results"),
        ("store", "audit", "results"),
        ("reproduce", "results/s", trial),
        ("run", "s.yaml", "--backend", "inline"),
    ):
        type_command(*words)


def replace_files(*patterns: str) -> Callable[[Path, bytes], None]:
    def act(results: Path, content: bytes) -> None:
        paths = [path for pattern in patterns for path in results.glob(pattern)]
        assert paths
        for path in paths:
            path.write_bytes(content)

    return act


def add_beside_records(name: str) -> Callable[[Path, bytes], None]:
    def act(results: Path, content: bytes) -> None:
        for path in results.glob("stages/??/*/record.json"):
            (path.parent / name).write_bytes(content)

    return act


def add_leases(results: Path, content: bytes) -> None:
    (results / "stages/leases").mkdir(exist_ok=True)
    for path in results.glob("stages/??/*/record.json"):
        (results / f"stages/leases/{path.parent.name}.json").write_bytes(content)


REPLACED: dict[str, Callable[[Path, bytes], None]] = {
    "side files": replace_files(*(f"s/{name}" for name in SIDE_FILES)),
    "kept code": replace_files("s/code/*"),
    "tables": replace_files("s/*.parquet"),
    "records": replace_files("stages/??/*/record.json"),
    "states": replace_files("stages/??/*/state*"),
    "failures": add_beside_records("failure.json"),
    "references": replace_files("stages/folders/*.json"),
    "leases": add_leases,
    "pack": lambda results, content: (results.parent / "s.zip").write_bytes(content) and None,
    "database": lambda results, content: (results / "mlflow.db").write_bytes(content) and None,
}


@pytest.mark.variant
@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("what", REPLACED)
def test_every_command_survives_files_of_somebody_else(
    place: Path, what: str, content: str
) -> None:
    trial = trial_id(place)
    REPLACED[what](place / "results", CONTENTS[content])
    type_all(place, trial)


def reals(change: float) -> Callable[[pa.Array], pa.Array]:
    def act(column: pa.Array) -> pa.Array:
        return pa.array([change] * len(column)) if pa.types.is_floating(column.type) else column

    return act


def texts(change: str | bytes) -> Callable[[pa.Array], pa.Array]:
    def act(column: pa.Array) -> pa.Array:
        return pa.array([change] * len(column)) if pa.types.is_string(column.type) else column

    return act


COLUMNS: dict[str, Callable[[pa.Array], pa.Array]] = {
    "nested": lambda column: pa.array([[[{"a": ["x"]}]]] * len(column)),
    "null": lambda column: pa.nulls(len(column), column.type),
    "infinite": reals(float("inf")),
    "no number": reals(float("nan")),
    "huge texts": texts("x" * 3_000_000),
    "no texts": texts(b"\xff\xfe"),
}


@pytest.mark.parametrize(
    "table",
    ["trials", *(pytest.param(name, marks=pytest.mark.variant) for name in ("stages", "accuracy"))],
)
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(k, marks=[pytest.mark.variant] if "huge" in k or k == "infinite" else [])
        for k in COLUMNS
    ],
)
def test_commands_that_read_tables_survive_columns_of_other_kinds(
    place: Path, table: str, kind: str
) -> None:
    trial, path = trial_id(place), place / f"results/s/{table}.parquet"
    content = pq.read_table(path)
    columns = {n: COLUMNS[kind](content[n].combine_chunks()) for n in content.column_names}
    pq.write_table(pa.table(columns), path)
    for words in (
        ("compare", "results"),
        ("show", "results/s", trial),
        ("plan", "s.yaml"),
        ("plan", "s.yaml", "--simulate", "nodes=1,cpus=1", "--durations", "results"),
        ("store", "gc", "results"),
        ("report", "results"),
        ("dashboard", "results"),
    ):
        type_command(*words)


def with_config(text: str) -> Callable[[pa.Table], pa.Table]:
    def act(trials: pa.Table) -> pa.Table:
        return replace_column(trials, "config", [text] * len(trials))

    return act


TRIALS: dict[str, tuple[Callable[[pa.Table], pa.Table], str]] = {
    "brackets": (with_config("[" * 200_000), "config is no configuration in JSON"),
    "a list": (with_config("[1]"), "config is no configuration in JSON"),
    "a huge number": (with_config(f'{{"a": 1{"0" * 30}}}'), "config is no configuration in JSON"),
    "half a character": (with_config('{"a": "\\ud800"}'), "config is no configuration in JSON"),
    "another table": (lambda trials: pa.table({"a": [1]}), "sweep is missing in some rows"),
}


@pytest.mark.parametrize("kind", TRIALS)
def test_trials_that_comparisons_refuse_are_named_by_reports_and_pages(
    place: Path, kind: str
) -> None:
    trial, path = trial_id(place), place / "results/s/trials.parquet"
    change, problem = TRIALS[kind]
    pq.write_table(change(pq.read_table(path)), path)
    assert type_command("pack", "results", "--out", "again.zip").exit_code == 0
    for words in (
        ("compare", "results"),
        ("show", "results/s", trial),
        ("plan", "s.yaml", "--simulate", "nodes=1,cpus=1", "--durations", "results"),
        ("import", "again.zip", "--out", "there"),
    ):
        answer = type_command(*words).exception
        assert isinstance(answer, RepertoireError), words
        assert problem in f"{answer} {answer.__cause__}"
    assert not (place / "there").exists()
    for words in (("report", "results"), ("dashboard", "results")):
        assert type_command(*words).exit_code == 0
    page = (place / "results/report.html").read_text()
    assert f"trials.parquet is damaged and left out ({problem}); repertoire run" in page


@pytest.mark.variant
@pytest.mark.parametrize("kind", TRIALS)
def test_every_command_survives_such_trials(place: Path, kind: str) -> None:
    trial, path = trial_id(place), place / "results/s/trials.parquet"
    pq.write_table(TRIALS[kind][0](pq.read_table(path)), path)
    type_all(place, trial)


@pytest.mark.parametrize(
    "name",
    ["search.jsonl", *(pytest.param(name, marks=pytest.mark.variant) for name in OTHERS)],
)
def test_a_pipe_or_a_folder_in_place_of_a_file_is_named_and_not_waited_for(
    place: Path, name: str
) -> None:
    path = place / "results/s" / name
    path.unlink()
    path.mkdir()
    for words in (("plan", "s.yaml"), ("compare", "results"), ("pack", "results")):
        type_command(*words)
    path.rmdir()
    os.mkfifo(path)
    for words in (
        ("plan", "s.yaml"),
        ("run", "s.yaml", "--backend", "inline"),
        ("report", "results"),
        ("dashboard", "results"),
    ):
        result = type_command(*words)
        assert f"{name} is a pipe" in str(result.exception)
    # Also where a page reads a folder anew, after the command began.
    folders, (note,) = open_folders([place / "results"])
    assert (folders, f"{name} is a pipe" in note) == ([], True)


@pytest.mark.parametrize("size", [0, progress_file.MAX_BYTES + 1])
def test_a_progress_file_that_no_run_wrote_is_not_read(place: Path, size: int) -> None:
    path = place / "results/s/progress.json"
    assert progress_file.read_first_run(path.parent) is not None
    os.truncate(path, size)  # a hole, which takes no disk
    assert progress_file.read_first_run(path.parent) is None
    path.unlink()
    path.symlink_to("/dev/zero")
    assert progress_file.read_first_run(path.parent) is None
    with pytest.raises(OSError, match=r"progress\.json"):
        progress_file.read_bounded(path)


@pytest.mark.parametrize("name", ["report.html", "s/search.jsonl", "s/search.jsonl.damaged"])
def test_nothing_is_written_through_a_link_in_a_results_folder(place: Path, name: str) -> None:
    own, path, journal = (
        place / "own.txt",
        place / "results" / name,
        place / "results/s/search.jsonl",
    )
    own.write_bytes(journal.read_bytes() + b"no entry\n")
    before = own.read_bytes()
    journal.write_bytes(before)
    path.unlink(missing_ok=True)
    path.symlink_to(own)
    assert type_command("report", "results").exit_code == 0
    result = type_command("run", "s.yaml", "--backend", "inline")
    assert (f"{name} is a link" in str(result.exception)) == (name != "report.html")
    assert own.read_bytes() == before
    assert "<html" in (place / "results/report.html").read_text()


ODD = (None, "x", float("inf"))  # others are in the tests of the journal


def test_a_journal_whose_entries_lack_fields_or_have_others_is_refused_or_set_aside(
    place: Path,
) -> None:
    path = place / "results/s/search.jsonl"
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    kinds = {tuple(entry): (number, entry) for number, entry in enumerate(entries)}
    assert len(kinds) == 3
    for number, entry in kinds.values():
        for field in entry:
            rest = {name: value for name, value in entry.items() if name != field}
            for odd in (rest, *(entry | {field: value} for value in ODD)):
                lines = [*entries[:number], odd, *entries[number + 1 :]]
                path.write_text("".join(json.dumps(line) + "\n" for line in lines))
                type_command("plan", "s.yaml")
    group = {"group": "ewc", "number": 0}
    draw = next(entry for entry in entries if "point" in entry)
    for step in (
        {"source": 0, "adopted": {"method.lam": "a"}},
        {"source": 0, "adopted": {"method.of_none": 1}},
        {"after": 1, "decision": "stop", "values": [0.5, 0.5]},
        {"after": 99, "decision": "stop", "values": [0.5]},
    ):
        lines = (entries[0], draw, group | step)
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        problem = str(type_command("plan", "s.yaml").exception)
        assert (
            f"search.jsonl: no search of this sweep wrote {canonical_json(group | step)};"
            in problem
        )


@pytest.mark.parametrize("content", [*CONTENTS.values(), b"{}", b'{"steps": 1, "method": []}'])
def test_a_checkpoint_that_is_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / tune_trainable.CHECKPOINT).write_bytes(content)
    with pytest.raises(RepertoireError, match=r"is no checkpoint of a trial"):
        tune_trainable.read_checkpoint(tmp_path)
    assert not (tmp_path / "sprung").exists()


def test_a_checkpoint_is_read_as_it_was_written(tmp_path: Path) -> None:
    content = {"key": "ab", "method": "ewc", "steps": [{"method.lam": 1.0}]}
    (tmp_path / tune_trainable.CHECKPOINT).write_text(json.dumps(content))
    assert tune_trainable.read_checkpoint(tmp_path) == content
