"""Results in a bucket are as in a folder, for several machines, also after one was away.

The bucket is one of an S3 server on the loopback address. A machine is a folder of local copies.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from bucket_lab import Machine, objects, run_sweep_file, type_command

import orchestrator as rp
from dashboards.serve import keep_fetching
from orchestrator.cli.run import fill_database
from orchestrator.errors import RepertoireError
from orchestrator.results.addresses import copy_folder
from orchestrator.results.bucket import publisher, sweep_copy
from orchestrator.results.bucket.bucket_folder import open_bucket_folder
from orchestrator.results.bucket.fetch import fetch_results
from orchestrator.stages.storage.address import ObjectFiles
from orchestrator.tracking.target import Target

pytestmark = pytest.mark.slow

SWEEP = """\
name: ok
benchmark: {{name: split_digits, scenario: class, num_tasks: 2, samples_per_task: 32}}
network: {{name: mlp, hidden: [8]}}
training: {{epochs: 1, batch_size: 16}}
methods: [{methods}]
seeds: [{seeds}]
{more}
"""
MEASURED = ("seconds", "peak_memory_bytes", "working_bytes")  # ends of names of columns
TABLES = ("accuracy.parquet", "stages.parquet", "trials.parquet")
FILES = sorted([*TABLES, "progress.json", "sweep.yaml", "versions.json"])


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requests that the S3 server gets from now on, such as "GET ok/trials.parquet"."""
    from moto.moto_server.threaded_moto_server import DomainDispatcherApplication

    seen: list[str] = []
    answer = DomainDispatcherApplication.__call__

    def count(self: Any, environ: dict[str, Any], start_response: Any) -> Any:
        words = f"{environ['PATH_INFO']} {environ['QUERY_STRING']}".replace("%2F", "/")
        if "/stages/" not in words.removeprefix("/stages/"):  # those of the store are others
            listed = "" if "prefix=" not in words else words.rpartition("prefix=")[2]
            path = environ["PATH_INFO"].partition("/stages/")[2].partition("/")[2]
            seen.append(f"{environ['REQUEST_METHOD']} {listed or path}")
        return answer(self, environ, start_response)

    monkeypatch.setattr(DomainDispatcherApplication, "__call__", count)
    return seen


def write_sweep(methods: str = "finetune", seeds: str = "0", more: str = "") -> None:
    Path("sweep.yaml").write_text(SWEEP.format(methods=methods, seeds=seeds, more=more))


def test_the_tables_in_a_bucket_are_those_of_a_folder(
    machine: Machine, bucket: Callable[[str], str], tmp_path: Path
) -> None:
    write_sweep("finetune, {name: ewc, lam: {grid: [1, 10]}}")
    output = run_sweep_file(there := bucket("same"))
    assert f'6 stages computed. Tables: "{bucket("same/ok/*.parquet")}"' in output
    assert f"Stages: {bucket('same/stages')}" in output
    database = f"sqlite:///{copy_folder(there)}/mlflow.db"
    assert str(tmp_path) not in output.replace(database, "")
    stored = objects(there)
    assert sorted(stored) == [f"ok/{name}" for name in FILES]
    # From the same stages a folder has the same bytes.
    run_sweep_file("here", "--store", bucket("same/stages"))
    assert [stored[f"ok/{name}"] == Path("here/ok", name).read_bytes() for name in TABLES] == (
        [True] * 3
    )
    # From stages of its own, the same values but for what was measured with a clock.
    run_sweep_file("own")
    for name in TABLES:
        (copy_folder(there) / "ok" / name).write_bytes(stored[f"ok/{name}"])
        one, other = (pq.read_table(Path(p) / "ok" / name) for p in (copy_folder(there), "own"))
        measured = {c for c in one.column_names if not one[c].equals(other[c])}
        assert {c for c in measured if not c.endswith(MEASURED)} == set()


def test_another_machine_reads_the_results_and_extends_them(
    machine: Machine, bucket: Callable[[str], str]
) -> None:
    write_sweep()
    run_sweep_file(there := bucket("späte läufe"))
    shown = type_command("compare", there)
    machine("b")
    assert type_command("compare", bucket("sp%C3%A4te%20l%C3%A4ufe/ok")) == shown
    assert type_command("compare", there) == shown
    assert "1 of 1 complete" in type_command("show", there)
    assert list(rp.load(there).trials["status"]) == ["complete"]
    assert "0 stages computed" in run_sweep_file(there)
    write_sweep(seeds="0, 1")
    assert "3 stages computed" in run_sweep_file(there)
    machine("a")
    assert list(rp.load(there).trials["seed"]) == [0, 1]
    write_sweep(seeds="0, 1, 2")
    assert rp.Sweep.from_file("sweep.yaml").plan(there).stages_left == 3
    results = rp.Sweep.from_file("sweep.yaml").run(there, backend="inline")
    assert list(results.trials["seed"]) == [0, 1, 2]
    machine("b")
    assert rp.load(there).trials.equals(results.trials)


def test_results_and_stages_go_to_places_of_their_own(
    machine: Machine, bucket: Callable[[str], str], answer: Callable[..., tuple[int, str]]
) -> None:
    """A store is no results folder and the other way round, also when a run would make both."""
    write_sweep()
    here, there = "here", bucket("apart")
    run_sweep_file(here)
    run_sweep_file(there)
    type_command("pack", here)
    run, store = ("run", "sweep.yaml", "--backend", "inline", "--out"), "--store"
    plan = ("plan", "sweep.yaml", "--out")
    cases = [
        *((*run, stages) for stages in ("here/stages", bucket("apart/stages"))),
        ("import", "here.pack.zip", "--out", "here/stages"),
        *((*run, out, store, results) for out in ("new", here) for results in (here, "here/ok")),
        *((*run, out, store, there) for out in ("new", there)),
        (*run, "both", store, "both"),
        (*plan, "here/stages"),
        (*plan, "new", store, "here/ok"),
        (*plan, "new", store, Path("here").absolute().as_uri()),
        (*plan, bucket("new"), store, "here"),
        (*run, bucket("both"), store, bucket("both/")),
    ]
    for words in cases:
        code, text = answer(*words)
        problem = "is a results folder, and no store" if store in words else "is a stage store, and"
        assert (code, problem in text, text.count("\n")) == (2, True, 1), text
    with pytest.raises(RepertoireError, match="is a stage store, and no results folder"):
        rp.Sweep.from_file("sweep.yaml").plan("here/stages")
    assert {path.name for path in Path().iterdir()} == {"a", "here", "here.pack.zip", "sweep.yaml"}
    assert objects(bucket("both")) == {}
    assert sorted(path.name for path in Path("here").iterdir()) == ["ok", "stages"]
    assert "0 stages computed" in run_sweep_file("other", store, bucket("apart/stages"))


def test_what_an_earlier_release_kept_in_one_folder_goes_on(machine: Machine) -> None:
    write_sweep()
    run_sweep_file("mixed")
    for path in Path("mixed/stages").iterdir():
        path.rename(Path("mixed", path.name))
    Path("mixed/stages").rmdir()
    assert "0 stages computed" in run_sweep_file("mixed", "--store", "mixed")
    write_sweep(seeds="0, 1")
    assert "3 stages computed" in run_sweep_file("mixed", "--store", "mixed")
    assert "0 stages computed" in run_sweep_file("new", "--store", "mixed")


def test_a_local_copy_that_is_deleted_is_fetched_again_and_costs_no_stage(
    machine: Machine, bucket: Callable[[str], str], tmp_path: Path
) -> None:
    write_sweep()
    run_sweep_file(there := bucket("lost"))
    shown, stored = type_command("compare", there), objects(there)
    shutil.rmtree(tmp_path / "a")
    # That the folder is gone from this host does not count: the address refers to the stages.
    assert "deleted 0 stages" in type_command("store", "gc", there, "--older-than", "0")
    assert type_command("compare", there) == shown
    (copy_folder(there) / "ok" / "trials.parquet").unlink()
    assert type_command("compare", there) == shown
    shutil.rmtree(tmp_path / "a")
    assert "0 stages computed" in run_sweep_file(there)
    assert {name: objects(there)[f"ok/{name}"] for name in TABLES} == {
        name: stored[f"ok/{name}"] for name in TABLES
    }


def test_stages_of_the_last_sweep_that_was_deleted_from_a_bucket_are_let_go(
    machine: Machine, bucket: Callable[[str], str]
) -> None:
    write_sweep()
    run_sweep_file(there := bucket("ended"))
    open_bucket_folder(there).files().delete_folder("ok")
    collect = ("store", "gc", there, "--older-than", "0")
    assert "kept: 3 stages, ok in" in type_command(*collect)  # the other hosts are not asked
    machine("b")
    forgotten = type_command(*collect, "--forget", there)
    assert "no longer counted: ok in" in forgotten
    assert "deleted 3 stages" in forgotten
    assert open_bucket_folder(bucket("ended/stages")).files().entries() == []


def test_a_search_goes_on_at_another_machine_from_its_journal(
    machine: Machine, bucket: Callable[[str], str]
) -> None:
    method, search = (
        "{name: ewc, lam: {loguniform: [1, 1000]}}",
        "search: {algorithm: random, num_trials: 4}\n",
    )
    write_sweep(method, more=search)
    run_sweep_file("undisturbed")
    write_sweep(method, more=f"{search}budget: {{stages: 4}}")
    there = bucket("search")
    assert "the search has" in run_sweep_file(there, code=1)
    before = objects(there)["ok/search.jsonl"]
    machine("b")
    write_sweep(method, more=search)
    run_sweep_file(there)
    after = objects(there)["ok/search.jsonl"]
    assert after.startswith(before)
    assert len(after) > len(before) > 0
    copied, alone = copy_folder(there) / "ok", Path("undisturbed/ok")
    assert (copied / "search.json").read_bytes() == (alone / "search.json").read_bytes()


def test_a_run_takes_as_many_requests_as_files_changed_whatever_its_stages(
    machine: Machine, bucket: Callable[[str], str], requests: list[str], monkeypatch: Any
) -> None:
    """The numbers of docs/cluster.md; the lease of the writer is renewed every ten seconds."""
    monkeypatch.setattr(publisher.Publisher, "notify", lambda self: None)  # those of the time
    monkeypatch.setattr(sweep_copy, "SETTLED_SECONDS", -60.0)
    there = bucket("counted")
    counts = []
    for seeds in ("0", "0, 1, 2"):
        write_sweep(seeds=seeds)
        requests.clear()
        run_sweep_file(there)
        own = [w for w in requests if w.startswith("GET counted/") or " ok/" in w]
        # A slow machine renews the lease.
        counts.append(len(own) - sum("PUT ok/leases/writer" in word for word in own) + 1)
        names = [name for name in FILES if name != "versions.json" or seeds == "0"]
        puts = [word for word in own if word.startswith("PUT ok/") and "leases" not in word]
        assert sorted(puts) == [f"PUT ok/{name}" for name in names]
    # Two that tell that the address is no store, five for the lease, a listing, and a write for
    # each file; the second run knows the place, and reads what is young.
    assert counts == [2 + 6 + 6, 6 + 5 + 2 * 6]
    requests.clear()
    run_sweep_file(there)  # of the progress alone, which has the time
    assert [w for w in requests if w.startswith("PUT ok/") and "leases" not in w] == (
        ["PUT ok/progress.json"]
    )
    fetch_results(copy_folder(there))
    requests.clear()
    fetch_results(copy_folder(there))
    assert requests == ["GET counted/", "GET counted/ok/"]
    machine("b")
    requests.clear()
    fetch_results(copy_folder(there))
    assert len(requests) == 2 + 2 * len(FILES)  # Arrow asks for the size of each first


def refuse_writes(patch: pytest.MonkeyPatch, root: str) -> None:
    """Have a bucket refuse what is written below a folder, save leases."""
    write = ObjectFiles.write

    def refuse(self: Any, path: str, data: bytes | memoryview) -> None:
        if self._root.endswith(root) and not path.startswith("leases/"):
            raise OSError("AWS Error EXPIRED_TOKEN during PutObject operation")
        write(self, path, data)

    patch.setattr(ObjectFiles, "write", refuse)


def test_what_a_bucket_does_not_take_at_the_end_is_kept_and_published_later(
    machine: Machine, bucket: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sweep()
    there = bucket("away")
    with monkeypatch.context() as patch:
        refuse_writes(patch, "away/ok")
        output = " ".join(run_sweep_file(there, code=1).split())
    assert "3 stages computed" in output
    assert (
        f"not published in {bucket('away/ok')}: accuracy.parquet, progress.json, stages.parquet "
        "and 3 more (" in output
    )
    assert (
        "EXPIRED_TOKEN during PutObject operation). They are kept on this machine, and the same "
        "command publishes them" in output
    )
    assert objects(there) == {}
    machine("b")
    with pytest.raises(RepertoireError, match="no results here") as caught:
        rp.load(there)
    assert str(caught.value).startswith(f'"{there}": ')
    machine("a")
    assert "finetune" in type_command("compare", there)  # of what is here
    assert "0 stages computed" in run_sweep_file(there)
    assert sorted(objects(there)) == [f"ok/{name}" for name in FILES]


def test_a_pack_is_taken_into_a_bucket_and_a_page_is_written_there(
    machine: Machine, bucket: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sweep()
    run_sweep_file("here")
    type_command("pack", "here")
    there = bucket("packed")
    assert f'{there.replace("packed", "packed/ok")}": taken in' in (
        type_command("import", "here.pack.zip", "--out", there)
    )
    machine("b")
    (copy_folder(there) / "ok").mkdir(parents=True)  # of nothing that was fetched
    assert "already there, with the same tables" in (
        type_command("import", "here.pack.zip", "--out", there)
    )

    def write_page(commands: list[list[str]]) -> int:
        (copy_folder(there) / "report.html").write_text("a page")
        return 0

    monkeypatch.setattr("orchestrator.cli.page_commands.run_servers", write_page)
    type_command("report", there)
    stored = objects(there)
    assert stored["report.html"] == b"a page"
    assert stored["ok/trials.parquet"] == Path("here/ok/trials.parquet").read_bytes()
    type_command("pack", there)
    assert Path("packed.pack.zip").is_file()


def test_a_dashboard_fetches_what_other_machines_publish(
    machine: Machine, bucket: Callable[[str], str]
) -> None:
    files = open_bucket_folder(there := bucket("watched")).files()
    folder, waits = copy_folder(there), iter([b"1", b"22"])

    def wait(seconds: float) -> None:
        if (content := next(waits, None)) is None:
            raise KeyboardInterrupt
        files.write("ok/progress.json", content)
        seen.append((folder / "ok" / "progress.json").is_file())

    seen: list[bool] = []
    with pytest.raises(KeyboardInterrupt):
        keep_fetching([folder], wait)
    assert seen == [False, True]
    assert (folder / "ok" / "progress.json").read_bytes() == b"22"


def test_the_database_of_another_machine_is_made_of_the_tables(
    machine: Machine, bucket: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, str]] = []

    def note(folder: Path, target: Target, **_: object) -> None:
        sent.append((folder.name, target.uri))

    monkeypatch.setattr("orchestrator.cli.run.sync", note)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    write_sweep()
    run_sweep_file(there := bucket("tracked"))
    elsewhere = open_bucket_folder(there).files()
    elsewhere.write("served/sweep.yaml", b"name: served\nmlflow: {uri: 'http://127.0.0.1:1'}\n")
    elsewhere.write("served/trials.parquet", b"")
    machine("b")
    fetch_results(folder := copy_folder(there))
    fill_database(folder)  # of `ui`, which sends nothing to a server
    assert sent == [("ok", f"sqlite:///{folder}/mlflow.db")]
