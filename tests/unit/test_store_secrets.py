"""What is secret in the address of a store opens it, and is in nothing that is shown or kept."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from bucket_lab import run_sweep_file, type_command

import orchestrator as rp
from orchestrator.backends.node_checks import check_store
from orchestrator.backends.worker_log import last_lines
from orchestrator.cli.environment import parse_store
from orchestrator.errors import RepertoireError, StoreUnreachable
from orchestrator.graph.progress import Progress
from orchestrator.graph.progress_file import ProgressFile
from orchestrator.stages.outcomes import failure_story
from orchestrator.stages.storage.address import ObjectFiles
from orchestrator.stages.storage.retry import RetryPolicy
from orchestrator.stages.storage.store import StageStore
from orchestrator.stages.storage.uri import hide_secrets

SECRET = "S3CR3T"
SWEEP = """\
name: ok
benchmark: {name: split_digits, scenario: class, num_tasks: 2, samples_per_task: 32}
network: {name: mlp, hidden: [8]}
training: {epochs: 1, batch_size: 16}
methods: [finetune, "own:Failing"]
seeds: [0]
"""
FAILING = """\
from methods.finetune import Finetune


class Failing(Finetune):
    def begin_task(self, task):
        raise OSError("s3://me:S3CR" + "3T@bucket/x is away")
"""
GIVEN_AND_SHOWN = [
    ("s3://me:S3CR3T@bucket/x?region=a", "s3://***@bucket/x?region=a"),
    ("s3://me:S3C/R3T@bucket/x?region=a", "s3://***@bucket/x?region=a"),
    ("s3://me:S3C@R3T@bucket/x", "s3://***@bucket/x"),
    ("s3://S3CR3T@bucket/a@b", "s3://***@bucket/a@b"),
    ("s3:/me:S3CR3T@bucket/x", "s3:/***@bucket/x"),
    ("abfss://box:S3CR3T@host.net/x", "abfss://***@host.net/x"),
    ("hdfs://me:S3CR3T@host:80/x", "hdfs://***@host:80/x"),
    ("s3://b/x?secret_key=S3CR3T&scheme=http", "s3://b/x?secret_key=***&scheme=http"),
    ("abfs://c@a.net/x?client_secret=S3CR3T", "abfs://c@a.net/x?client_secret=***"),
    ("s3://b/x?access_key=S3CR3T", "s3://b/x?access_key=***"),
    ("s3://b/x?secret_key=S3'CR3T&a=1", "s3://b/x?secret_key=***&a=1"),
    ("s3://me:S3CR3T%40bucket/x", "s3://***%40bucket/x"),
    (
        "s3://b?endpoint%5Foverride=me:S3CR3T@h:9&a=1",
        "s3://b?endpoint_override=***@h:9&a=1",
    ),
    ("abfs://c@a.net/x?sas=S3CR3T&pwd=S3CR3T", "abfs://c@a.net/x?sas=***&pwd=***"),
    ("s3://b?endpoint_override=me:S3CR3T@h:9&a=1", "s3://b?endpoint_override=***@h:9&a=1"),
    (
        "s3://b?endpoint_override=http://me:S3C@R3T@h:9",
        "s3://b?endpoint_override=http://***@h:9",
    ),
    (
        "s3://b?endpoint_override=http%3A%2F%2Fme%3AS3CR3T%40h%3A9",
        "s3://b?endpoint_override=http%3A%2F%2F***%40h%3A9",
    ),
]
WITHOUT = [
    "http://127.0.0.1:5000/#/experiments/1/runs?viewStateShareKey=split_digits-task",
    "s3://bucket/a@b:c",
    "s3://bucket/x?endpoint_override=http://h:9000&scheme=http&region=us-east-1",
    "hdfs://me@host:80/x",
    "abfss://container@account.net/x",
    "gs://anonymous@bucket/x",
    "file:///a/b@c",
    "/a/folder?secret_key=1",
    "lam=3, tokens=5 at user@host:80, 10:30/x@y",
]


@pytest.mark.parametrize(("given", "shown"), GIVEN_AND_SHOWN)
def test_a_secret_is_hidden_and_all_else_is_shown(given: str, shown: str) -> None:
    assert hide_secrets(given) == hide_secrets(shown) == shown
    story = "store '{}' and ({}) are away: {}"
    assert hide_secrets(story.format(given, given, given)) == story.format(shown, shown, shown)


@pytest.mark.parametrize("text", WITHOUT)
def test_what_holds_no_secret_is_shown_as_it_is(text: str) -> None:
    assert hide_secrets(text) == text


@pytest.mark.parametrize(
    "uri",
    [
        *(given for given, _ in GIVEN_AND_SHOWN if given.startswith("s3://me")),
        "s3://me:S3CR3T@bucket/x#y",
        "s3://me:S3CR3T@bücket/x",
        "s3://me:S3CR3T@bucket/x\n",
        "nowhere://me:S3CR3T@host/x",
        "gs://me:S3CR3T@bucket/x",
        "s3://b/x?secret_key=S3CR3T",
        "s3://b/x?endpoint_override=me:S3CR3T@host:90x",
        "s3://b/x?endpoint_override=me:S3C/R3T@host:90x",
    ],
)
def test_no_message_on_an_address_that_cannot_be_opened_has_its_secret(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = list[str]()

    def fail(*_: object) -> bytes:
        raise OSError("AWS Error NETWORK_CONNECTION")

    monkeypatch.setattr(ObjectFiles, "read", fail)

    def read() -> None:
        retry = RetryPolicy(0.0, warn=messages.append)
        StageStore(uri, create=False, retry=retry).record("0" * 40)

    for attempt in (lambda: parse_store(uri), read):
        try:
            attempt()
        except (RepertoireError, StoreUnreachable) as error:
            messages += [str(error), failure_story(error)]
    assert messages, "no file system has it, or it does not answer"
    for part in ("S3C", "R3T"):
        assert part not in str(messages)


def test_neither_progress_nor_a_story_nor_a_log_nor_the_report_of_a_node_has_a_secret(
    tmp_path: Path,
) -> None:
    uri = "nowhere://me:S3CR3T@host/x"
    assert SECRET not in check_store(uri, "token", "node")
    (tmp_path / "log").write_text(f"store {uri} is away\n")
    assert last_lines([(tmp_path / "log", 0)]) == "store nowhere://***@host/x is away"
    assert "nowhere://***@host/x is away" in failure_story(OSError(f"{uri} is away"))
    for given, _ in GIVEN_AND_SHOWN:
        ProgressFile(tmp_path, given).show(Progress())
        text = (tmp_path / "progress.json").read_text()
        assert '"store": ""' in text


def texts(folder: Path) -> dict[str, str]:
    """Return path -> text of all files below a folder, those of packs and tables unpacked."""
    for pack in folder.rglob("*.zip"):
        with zipfile.ZipFile(pack) as file:
            file.extractall(folder / f"{pack.name} unpacked")
    return {
        str(path): str(pq.read_table(path).to_pylist())
        if path.suffix == ".parquet"
        else path.read_bytes().decode(errors="replace")
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def uri(
    bucket: Callable[[str], str],
    answer: Callable[..., tuple[int, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """A store whose address alone opens it, with a sweep that was run there, of two trials."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    Path("sweep.yaml").write_text(SWEEP)
    Path("own.py").write_text(FAILING)
    return bucket("kept").replace("s3://", f"s3://me:{SECRET}@")


@pytest.mark.slow
def test_a_store_is_opened_with_its_password_which_no_command_shows_or_keeps(
    uri: str, answer: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    store, shown = ("--store", uri), uri.replace(f"me:{SECRET}", "***")
    said = [
        run_sweep_file("here", *store, code=1),
        type_command("plan", "sweep.yaml", "--out", "here", *store),
        type_command("show", "here"),
        type_command("show", "here", "own:Failing"),
        type_command("compare", "here"),
        type_command("pack", "here", *store),
        type_command("import", "here.pack.zip", "--out", "there", "--records", *store),
        type_command("store", "audit", "here", "--share", "100%", *store),
        type_command("store", "verify", "here", *store),
        type_command("store", "gc", "here", *store),
        answer("store", "gc", "here", *store, "--forget", "nowhere")[1],
        answer("plan", "sweep.yaml", "--out", uri)[1],
        answer("plan", uri)[1],
        answer("compare", "here", "--format", uri)[1],
    ]
    assert "3 stages computed" in said[0]
    assert all(f"{shown}" in said[place] for place in (0, -4, -3))
    plan = rp.Sweep.from_file("sweep.yaml").plan("here", store=uri)
    assert plan.stages_stored == 3
    files = StageStore(uri, create=False).files
    stored = {each.path: str(files.read(each.path)) for each in files.entries()}
    kept = texts(tmp_path) | stored
    assert [path for path, text in kept.items() if SECRET in text] == []
    assert SECRET not in "\n".join([*said, repr(plan)])
    assert any("s3://***@bucket/x is away" in text for text in kept.values())
    assert any(shown in text for path, text in stored.items() if path.startswith("folders/"))


@pytest.mark.variant
def test_neither_the_report_nor_mlflow_has_the_password(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    run_sweep_file("here", "--store", uri, code=1)
    said = [type_command(command, "here") for command in ("report", "track")]
    kept = texts(tmp_path)
    assert any("s3://***@bucket/x is away" in text for text in kept.values())
    assert {"mlflow.db", "report.html"} <= {Path(path).name for path in kept}
    assert [path for path, text in kept.items() if SECRET in text] == []
    assert SECRET not in "\n".join(said)
