"""What nodes report before a sweep, and the one message that names those that cannot run it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
import torch

from orchestrator.backends import preflight
from orchestrator.backends.node_checks import (
    NodeRequest,
    check_gpu,
    check_node,
    check_store,
    probe_path,
)
from orchestrator.backends.node_reports import (
    NodeReport,
    distinct_labels,
    find_problems,
    require_ready_nodes,
)
from orchestrator.backends.preflight import create_probe, distinct_stages, probe_folder
from orchestrator.cli.run_sweep import pending_orders
from orchestrator.errors import RepertoireError
from orchestrator.results.folder.places import open_store
from orchestrator.stages.storage.maintenance import delete_files, list_inventory
from orchestrator.stages.storage.store import StageStore
from orchestrator.sweep.sweep import Sweep

EXPECTED = {"Python": "3.11.4", "Repertoire": "0.1.0", "torch": "2.6.0", "Ray": "2.50.0"}
SWEEP = """
name: checked
benchmark: {name: split_digits, num_tasks: 2, samples_per_task: 16}
network: {name: mlp, hidden: [4]}
methods: [finetune, ewc]
seeds: [0, 1]
"""


def test_nodes_that_are_as_this_machine_pass() -> None:
    require_ready_nodes([], EXPECTED, "/store")
    require_ready_nodes([NodeReport(name, EXPECTED) for name in "ab"], EXPECTED, "/store")


def test_one_message_names_every_node_that_fails_and_what_to_do() -> None:
    reports = [
        NodeReport("10.0.0.1", EXPECTED),
        NodeReport("10.0.0.2", EXPECTED | {"torch": "2.5.1", "Python": "3.11.9"}),
        NodeReport("10.0.0.3", EXPECTED | {"Repertoire": ""}),
        NodeReport("10.0.0.4", EXPECTED, ["does not see store /s; give --store"]),
        NodeReport("10.0.0.5", EXPECTED, ["does not see store /s; give --store"]),
        NodeReport("10.0.0.6", EXPECTED, wrote=False),
        NodeReport("10.0.0.7", error="did not answer within 300 s; look at it"),
    ]
    with pytest.raises(RepertoireError) as raised:
        require_ready_nodes(reports, EXPECTED, "/s")
    assert raised.value.exit_code == 2
    head, *lines = str(raised.value).splitlines()
    assert head.startswith("6 of the 7 nodes that have room for a stage cannot run this sweep")
    assert lines[0].startswith(
        "  - 10.0.0.2: Python 3.11.9, expected 3.11.4; torch 2.5.1, expected 2.6.0; install"
    )
    assert lines[1].startswith("  - 10.0.0.3: Repertoire is missing, expected 0.1.0; install")
    assert lines[2] == "  - 10.0.0.4, 10.0.0.5: does not see store /s; give --store"
    assert lines[3].startswith("  - 10.0.0.6: what it wrote to store /s cannot be read here")
    assert lines[4] == "  - 10.0.0.7: did not answer within 300 s; look at it"
    assert len(lines) == 5


def test_a_node_with_other_versions_is_not_blamed_for_what_it_was_not_asked() -> None:
    other = NodeReport("a", EXPECTED | {"torch": "2.5.1"}, wrote=False)
    assert len(find_problems(other, EXPECTED, "/s")) == 1


def test_nodes_of_one_address_are_told_apart() -> None:
    labels = distinct_labels({"a" * 56: "10.0.0.1", "b" * 56: "10.0.0.1", "c" * 56: "10.0.0.2"})
    assert list(labels.values()) == [
        "10.0.0.1 (node aaaaaaaa)",
        "10.0.0.1 (node bbbbbbbb)",
        "10.0.0.2",
    ]


def test_a_node_reads_the_probe_and_writes_its_own_and_nothing_is_left(tmp_path: Path) -> None:
    uri = str(tmp_path / "new" / "stages")
    with probe_folder(uri) as (store, token):
        assert check_store(uri, token, "n1") == ""
        assert store.files.read(probe_path(token, "n1")) == b"n1"
    assert not (tmp_path / "new").exists()
    StageStore(uri)
    with probe_folder(uri):
        pass
    assert list(Path(uri).iterdir()) == []


def test_probes_that_a_killed_command_left_are_files_that_gc_deletes_once_they_are_old(
    tmp_path: Path,
) -> None:
    store, token = StageStore(str(tmp_path)), uuid4().hex
    left = [probe_path(token, writer) for writer in ("command", "n1")]
    for path in (*left, probe_path("photos", "mine")):  # a folder of somebody
        store.files.write(path, b"")
    found = list_inventory(store)
    assert sorted(entry.path for entry in found.partial) == left, "as a file that is half written"
    delete_files(store, found.partial)
    assert [path.name for path in (tmp_path / "probes").iterdir()] == ["photos"]


@pytest.mark.parametrize("exists", [True, False])
def test_a_node_that_sees_another_folder_says_so_and_writes_nothing(
    tmp_path: Path, exists: bool
) -> None:
    elsewhere = tmp_path / "elsewhere"
    if exists:
        elsewhere.mkdir()
    problem = check_store(str(elsewhere), "token", "n1", visible_seconds=0.0)
    assert problem.startswith(f"does not see in store {elsewhere} what this machine wrote there")
    assert not exists or list(elsewhere.iterdir()) == []
    assert elsewhere.exists() is exists


def test_a_node_checks_code_and_data_of_each_kind_of_stage(
    tmp_path: Path, load: Callable[[str], Sweep]
) -> None:
    sweep = load(SWEEP)
    orders = pending_orders(sweep, open_store(tmp_path, None, read_only=True), tmp_path / "checked")
    stages = distinct_stages(orders)
    assert sorted(stage.method.name for stage in stages) == ["ewc", "finetune"]
    uri = str(tmp_path / "stages")
    with probe_folder(uri) as (_, token):
        assert check_node(NodeRequest(uri, token, stages, gpu=False), "n1") == []
        strange = replace(stages[0], task_keys=("f" * 64, "e" * 64))
        (problem,) = check_node(NodeRequest(uri, token, [strange], gpu=False), "n1")
    assert "is not the data this sweep was planned with" in problem


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_only_a_number_is_named() -> None:
    assert check_gpu().startswith(f"offers a GPU to Ray, but torch {torch.__version__} there ")


def test_a_node_with_other_versions_imports_nothing_of_repertoire() -> None:
    report = create_probe(b"not a pickle")("n1", EXPECTED, {"torch": "no-such-distribution"})
    assert report["versions"]["torch"] == ""
    assert report.keys() == {"versions"}


def test_a_node_that_died_while_it_was_checked_is_none_and_other_errors_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import ray
    from ray.exceptions import NodeDiedError, TaskUnschedulableError, WorkerCrashedError

    def answer(error: Exception) -> object:
        def get(ref: object) -> object:
            raise error

        monkeypatch.setattr(ray, "get", get)
        return preflight.read_answer("a task", late=False)

    assert answer(NodeDiedError("gone")) is None
    assert answer(TaskUnschedulableError("no such node")) is None
    assert "WorkerCrashedError" in str(answer(WorkerCrashedError()))
    assert "did not answer" in str(preflight.read_answer("a task", late=True))
