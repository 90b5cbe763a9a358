"""A real MLflow server and MLflow's own pages: runs nested, numbers equal, the picture opens."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pandas as pd
import pytest

from orchestrator.tracking import (
    MLflowTracker,
    Target,
    mlflow_command,
    resolve_target,
    run_ids,
    sync,
)

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated"),
]

PATIENCE = 200.0  # seconds for a server or a sender, on a machine with much other work
ACC = [[0.5, 0.5], [0.9, 0.5], [0.6, 0.8]]


def write_tables(folder: Path, stages: int = 3) -> Path:
    """Write the tables of one trial on two seeds, the second a tenth below the first."""
    folder.mkdir(exist_ok=True)
    trials, accuracy, spent = [], [], []
    for seed in (0, 1):
        trial_keys = {"sweep": folder.name, "trial_id": "er-1", "seed": seed}
        status = "complete" if stages == 3 else "stopped"
        trials.append(
            trial_keys
            | {"phase": "evaluation", "selected": False, "status": status, "method": "er"}
            | {"benchmark": "split_digits", "scenario": "task", "network": "mlp", "num_tasks": 2}
            | {"config": json.dumps({"method": {"name": "er"}}), "mlflow_run_id": None}
        )
        for after in range(stages):
            zero = dict.fromkeys(
                ("consolidate_flops", "eval_flops", "consolidate_seconds", "eval_seconds"), 0.0
            )
            cost = {
                "storage_bytes": 10,
                "train_flops": 5.0,
                "train_seconds": 1.0,
                "status": "complete",
            }
            spent.append(trial_keys | zero | cost | {"after": after})
            for split in ("validation", "test"):
                for task, value in enumerate(ACC[after], 1):
                    place = {"split": split, "after": after, "task": task}
                    accuracy.append(trial_keys | place | {"accuracy": value - 0.1 * seed})
    for name, rows in (("trials", trials), ("accuracy", accuracy), ("stages", spent)):
        pd.DataFrame(rows).to_parquet(folder / f"{name}.parquet")
    (folder / "sweep.yaml").write_text("name: served\n")
    return folder


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def run_server(command: list[str], port: int, log: Path) -> Iterator[str]:
    """Run a server until its health page answers; end it and its workers by their process group."""
    quiet = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    with log.open("w") as out:
        server = subprocess.Popen(
            command, stdout=out, stderr=out, env=quiet, start_new_session=True
        )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(address, server, log)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(PATIENCE)


def wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        assert server.poll() is None, log.read_text()
        try:
            with urlopen(f"{address}/health", timeout=2) as answer:
                assert answer.status == 200
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(log.read_text())


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of `mlflow server` on a database of its own."""
    port = free_port()
    storage = [
        "--backend-store-uri",
        f"sqlite:///{tmp_path}/served.db",
        "--artifacts-destination",
        str(tmp_path / "kept"),
    ]
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        *storage,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    with run_server(command, port, tmp_path / "server.log") as address:
        yield address


def get(address: str, page: str, **query: str) -> bytes:
    with urlopen(f"{address}/{page}?{urlencode(query)}", timeout=PATIENCE) as answer:
        body: bytes = answer.read()
        return body


def points(address: str, run_id: str, metric: str) -> list[tuple[int, float]]:
    body = get(address, "api/2.0/mlflow/metrics/get-history", run_id=run_id, metric_key=metric)
    return [(int(point.get("step", 0)), point["value"]) for point in json.loads(body)["metrics"]]


def run_of(address: str, run_id: str) -> dict[str, Any]:
    run: dict[str, Any] = json.loads(get(address, "api/2.0/mlflow/runs/get", run_id=run_id))["run"]
    return run


@pytest.mark.storm
def test_a_server_is_told_a_sweep_as_it_runs_and_once(tmp_path: Path, server: str) -> None:
    folder = write_tables(tmp_path / "served", stages=2)
    messages: list[str] = []
    tracker = MLflowTracker(folder, Target(server), messages.append, first_seconds=0.0)
    tracker.notify()
    deadline = time.monotonic() + PATIENCE
    while not tracker.run_ids() and time.monotonic() < deadline:
        time.sleep(0.05)
    run_id = run_ids(folder)["er-1"]
    assert run_of(server, run_id)["info"]["status"] == "RUNNING"
    write_tables(folder)
    report = tracker.close(timeout_seconds=PATIENCE)
    assert (messages, report.complete, report.runs, report.steps) == ([], True, 0, 1)

    run = run_of(server, run_id)
    tags = {tag["key"]: tag["value"] for tag in run["data"]["tags"]}
    parent = run_of(server, tags["mlflow.parentRunId"])
    assert (run["info"]["status"], run["info"]["run_name"]) == ("FINISHED", "er")
    assert (parent["info"]["status"], parent["info"]["run_name"]) == ("FINISHED", "served")
    expected = {
        "acc": [(1, pytest.approx(0.85)), (2, pytest.approx(0.65))],
        "acc_std": [(1, pytest.approx(0.1 / 2**0.5)), (2, pytest.approx(0.1 / 2**0.5))],
        "bwt": [(2, pytest.approx(-0.3))],
        "train_flops": [(0, 5.0), (1, 10.0), (2, 15.0)],
    }
    assert {metric: points(server, run_id, metric) for metric in expected} == expected

    (folder / "tracking.json").unlink()
    again = sync(folder, Target(server))
    assert (again.runs, again.steps, again.artifacts) == (0, 0, 0)
    assert {metric: points(server, run_id, metric) for metric in expected} == expected
    picture = get(server, "get-artifact", path="r_matrix.png", run_id=run_id)
    assert picture.startswith(b"\x89PNG")


@pytest.mark.storm
def test_the_user_interface_shows_the_runs_and_opens_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    directory = tmp_path / "my results"
    directory.mkdir()
    folder = write_tables(directory / "shown")
    sync(folder, resolve_target(directory))
    run_id = run_ids(folder)["er-1"]
    port = free_port()
    with run_server(mlflow_command(directory, port), port, tmp_path / "ui.log") as address:
        assert b"<html" in get(address, "").lower()
        assert points(address, run_id, "acc")[-1] == (2, pytest.approx(0.65))
        assert get(address, "get-artifact", path="r_matrix.png", run_id=run_id).startswith(
            b"\x89PNG"
        )
        assert b"mean,2," in get(address, "get-artifact", path="r_matrix.csv", run_id=run_id)
