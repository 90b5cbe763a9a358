"""Sweep files of the tests here: read, found wrong, and given to the command line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
import typer.main
import typer.testing
from bucket_lab import Machine
from source_lab import forget
from stub_clock import Clock
from untracked import untracked

from orchestrator.backends import ray_head, ray_health
from orchestrator.cli.app import main
from orchestrator.errors import SweepError
from orchestrator.graph import brake
from orchestrator.results.addresses import COPIES_VARIABLE
from orchestrator.sweep.sweep import Sweep


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Replace the clock of the brake and of the checks of a Ray cluster."""
    stub = Clock()
    for module in (brake, ray_head, ray_health):
        monkeypatch.setattr(module, "time", stub)
    return stub


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Sweep]:
    """Read the text of a sweep file."""
    monkeypatch.setattr(sys, "path", [*sys.path])

    def load_text(text: str) -> Sweep:
        (tmp_path / "sweep.yaml").write_text(text, encoding="utf-8")
        return Sweep.load(tmp_path / "sweep.yaml")

    return load_text


@pytest.fixture
def mistakes(load: Callable[[str], Sweep]) -> Callable[[str], list[str]]:
    """Return the mistakes of the text of a sweep file, a line each."""

    def mistakes_in(text: str) -> list[str]:
        with pytest.raises(SweepError) as caught:
            load(text)
        assert "pydantic" not in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1 + len(caught.value.mistakes)
        return list(caught.value.mistakes)

    return mistakes_in


@pytest.fixture
def answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Type a command in the test's folder; return its exit code and what it says of errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])

    def typed(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["repertoire", *words])
        with pytest.raises(SystemExit) as left:
            main()
        assert isinstance(left.value.code, int)
        return left.value.code, capsys.readouterr().err

    return typed


@pytest.fixture(autouse=True, scope="package")
def _one_command_line() -> Iterator[None]:
    """Typer builds its commands at each call, which takes as long as most of them."""
    build = cache(typer.main.get_command)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.main, "get_command", build)
        patch.setattr(typer.testing, "_get_command", build)
        yield


@pytest.fixture(autouse=True, scope="package")
def _no_tracking() -> Iterator[None]:
    """Sweeps that a test runs by the command are not sent to MLflow."""
    with untracked():
        yield


@pytest.fixture(scope="session")
def blank_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with MLflow's schema and nothing in it: making one takes seconds.

    From here on no database of this process waits for the disk, and MLflow reads its migrations
    once, not for each database that it opens.
    """
    from mlflow import MlflowClient
    from mlflow.store.db import utils
    from sqlalchemy import Engine, event

    utils._get_latest_schema_revision = cache(utils._get_latest_schema_revision)
    event.listen(Engine, "connect", lambda file, _: file.execute("PRAGMA synchronous = OFF"))
    path = tmp_path_factory.mktemp("blank") / "mlflow.db"
    MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture(scope="session")
def no_component_search() -> Iterator[None]:
    """Let streamlit not read the metadata of every installed package for each page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streamlit.components.v2.manifest_scanner.scan_component_manifests", list)
        yield


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for data of the user's own, which this process has not read."""
    monkeypatch.setenv("REPERTOIRE_DATA", str(tmp_path / "data"))
    forget()
    yield tmp_path
    forget()


@pytest.fixture(scope="module")
def bucket() -> Iterator[Callable[[str], str]]:
    """An S3 server on the loopback address; returns a URI for a path in its one bucket."""
    import boto3
    from moto.server import ThreadedMotoServer

    with pytest.MonkeyPatch.context() as patch:
        for name in (
            "AWS_PROFILE",
            "AWS_ENDPOINT_URL",
            "http_proxy",
            "HTTP_PROXY",
            "all_proxy",
            "ALL_PROXY",
        ):
            patch.delenv(name, raising=False)
        for name, value in (
            ("AWS_ACCESS_KEY_ID", "me"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("REPERTOIRE_STATE_CACHE_GB", "0"),
        ):
            patch.setenv(name, value)
        server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        address = f"http://{host}:{port}"
        client = boto3.client("s3", endpoint_url=address)
        client.create_bucket(Bucket="stages")
        yield lambda path: f"s3://stages/{path}?endpoint_override={address}&scheme=http"
        server.stop()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Go on at a machine of this name; a test begins at "a"."""
    monkeypatch.chdir(tmp_path)

    def change(name: str) -> None:
        monkeypatch.setenv(COPIES_VARIABLE, str(tmp_path / name))

    change("a")
    return change
