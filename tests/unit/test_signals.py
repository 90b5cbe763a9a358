"""A signal that reaches a command before its stages run ends it in a line and leaves nothing."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from orchestrator.backends import preflight, ray_cluster
from orchestrator.cli import run_folder
from orchestrator.errors import CONTINUES, KEPT
from orchestrator.graph.signals import REASONS

SWEEP = """\
name: ended
benchmark: {name: split_digits, num_tasks: 2, samples_per_task: 16}
network: {name: mlp, hidden: [4]}
methods: [finetune]
seeds: [0]
"""
Answer = Callable[..., tuple[int, str]]


@pytest.fixture(autouse=True)
def _signals_have_their_defaults() -> Iterator[None]:
    """A shell's background processes ignore some signals from the start."""
    defaults = {number: signal.SIG_DFL for number in REASONS}
    defaults[signal.SIGINT] = signal.default_int_handler  # type: ignore[assignment]
    before = {number: signal.signal(number, handler) for number, handler in defaults.items()}
    yield
    assert {number: signal.getsignal(number) for number in REASONS} == defaults, "put back"
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", REASONS)
def test_while_a_sweep_is_planned(
    number: int, answer: Answer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    monkeypatch.setattr(run_folder, "solve_sweep", lambda *args: os.kill(os.getpid(), number))
    code, text = answer("run", "sweep.yaml", "--backend", "inline", "--store", "shared")
    line = f"repertoire: {REASONS[number]}; no stage was running, {CONTINUES}\n"
    assert (code, text) == (1, line)
    assert not (tmp_path / "shared").exists()


@pytest.mark.parametrize("number", REASONS)
def test_while_the_nodes_of_a_cluster_are_checked(
    number: int, answer: Answer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    probes: list[Path] = []

    def ask_nodes(*args: Any) -> None:
        probes.extend((tmp_path / "shared" / "probes").rglob("command"))
        try:
            os.kill(os.getpid(), number)
        except KeyboardInterrupt:
            raise KeyboardInterrupt from None  # as Ray does in a call that it waits in

    monkeypatch.setattr(preflight, "cluster", lambda *args, **more: nullcontext())
    monkeypatch.setattr(preflight, "ask_nodes", ask_nodes)
    code, text = answer("run", "sweep.yaml", "--address", "10.0.0.1:6379", "--store", "shared")
    line = f"repertoire: {REASONS[number]}; no stage was running, {CONTINUES}\n"
    assert (code, text, len(probes)) == (1, line, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.yaml"], "no probe is left"


@pytest.fixture
def send_while_connecting(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Have a signal arrive while Ray connects, which ends the process at SIGTERM."""

    def send(number: int) -> None:
        def connect(**options: Any) -> None:
            signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(number))
            os.kill(os.getpid(), number)

        monkeypatch.setattr("ray.init", connect)
        monkeypatch.setattr(ray_cluster, "require_listener", lambda address: None)

    return send


CLUSTER = ("--address", "ray://10.0.0.1:10001")


@pytest.mark.parametrize("number", REASONS)
def test_while_it_connects_to_check_a_cluster(
    number: int, answer: Answer, tmp_path: Path, send_while_connecting: Callable[[int], None]
) -> None:
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    send_while_connecting(number)
    line = f"repertoire: {REASONS[number]}; no stage was running, {CONTINUES}\n"
    assert answer("run", "sweep.yaml", *CLUSTER) == (1, line)


def test_sigterm_while_it_connects_to_run_on_a_cluster(
    answer: Answer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    send_while_connecting: Callable[[int], None],
) -> None:
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    monkeypatch.setattr(run_folder, "require_ready_cluster", lambda *args: None)
    send_while_connecting(signal.SIGTERM)
    assert answer("run", "sweep.yaml", *CLUSTER) == (1, f"repertoire: interrupted; {KEPT}\n")
