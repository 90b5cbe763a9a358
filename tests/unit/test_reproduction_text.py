"""What is told of the machines on which a stage was computed, and computed again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from orchestrator.terminal.reproduction import describe_environments


def test_versions_that_an_earlier_release_did_not_record_are_no_difference() -> None:
    def on(device: str, **environment: str) -> Any:
        return SimpleNamespace(environment=environment, costs=SimpleNamespace(device=device))

    before = on("cpu", python="3.11", torch="2.12", pid="1")
    result: Any = SimpleNamespace(stored=before, anew=on("cpu", python="3.11", torch="2.13"))
    assert describe_environments(result) == "torch was 2.12, is 2.13"
    result.anew = on("cpu", python="3.11", torch="2.12", pid="2", **{"repertoire-cl": "0.2"})
    same = "versions and machine are the same: device cpu, python 3.11, torch 2.12"
    assert describe_environments(result) == same
