"""Connecting to Ray: signal handlers, a token in the home folder."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from orchestrator.backends import ray_backend
from orchestrator.backends.ray_cluster import (
    has_token,
    join,
    preserve_signal_handlers,
    runtime_env,
    use_token,
)
from orchestrator.errors import RepertoireError


def test_handlers_of_signals_are_put_back_after_ray_replaced_them() -> None:
    def ours(number: int, frame: object) -> None:
        """Drain."""

    def rays(number: int, frame: object) -> None:
        """Print stacks."""

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        signal.signal(signal.SIGTERM, ours)
        with preserve_signal_handlers():
            signal.signal(signal.SIGTERM, rays)
            signal.signal(signal.SIGHUP, rays)
        assert signal.getsignal(signal.SIGTERM) is ours
        assert signal.getsignal(signal.SIGHUP) is before[signal.SIGHUP], "the default is one too"
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.mark.parametrize("where", ["home", "path", "value", "nowhere"])
def test_a_token_is_seen_wherever_ray_keeps_it(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ray").mkdir()
    if where == "home":
        (tmp_path / ".ray" / "auth_token").write_text("secret")
    elif where == "path":
        (tmp_path / "mine").write_text("secret")
        monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "mine"))
    elif where == "value":
        monkeypatch.setenv("RAY_AUTH_TOKEN", "secret")
    assert has_token() is (where != "nowhere")


def test_the_token_is_used_although_ray_was_imported_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from ray._raylet import AuthenticationMode, Config, get_authentication_mode

    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    Config.initialize("")
    try:
        use_token()
        assert get_authentication_mode() == AuthenticationMode.DISABLED, "as the user set it"
        monkeypatch.delenv("RAY_AUTH_MODE")
        use_token()
        assert get_authentication_mode() == AuthenticationMode.TOKEN
    finally:
        monkeypatch.undo()
        os.environ.pop("RAY_AUTH_MODE", None)
        Config.initialize("")


@pytest.mark.parametrize(
    ("address", "line"),
    [(None, "starting Ray on this machine"), ("10.0.0.1:6379", "connecting to Ray at 10.0.0.1:")],
)
def test_that_ray_is_starting_is_said_before_it_starts_and_once(
    address: str | None, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []

    def cluster(address: str | None, local: None) -> None:
        assert len(lines) == 1, "said before the seconds that it takes"
        raise KeyboardInterrupt

    def drive(client: object, workers: ray_backend.LazyWorkers, *rest: object) -> None:
        with pytest.raises(KeyboardInterrupt):
            workers.slots()

    monkeypatch.setattr(ray_backend, "cluster", cluster)
    monkeypatch.setattr(ray_backend, "drive", drive)
    backend = ray_backend.OnRay(address, lines.append)
    for _ in range(2):  # of a search and of the evaluation
        backend.compute(*[None] * 5)  # type: ignore[arg-type]
    assert [each.startswith(line) for each in lines] == [True]


def test_what_ray_says_of_an_address_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    story = (
        "Initialization failure from server:\nTraceback (most recent call last):\n"
        '  File "proxier.py", line 772, in Datapath\n    raise RuntimeError(\n'
        "RuntimeError: Starting Ray client server failed. See its log.\n\n"
    )

    def refuse(**_: object) -> None:
        raise ConnectionAbortedError(story)

    monkeypatch.setattr("ray.init", refuse)
    with pytest.raises(RepertoireError) as refused:
        join("ray://head:10001", {})
    assert str(refused.value) == (
        "Ray cannot be reached at ray://head:10001: Initialization failure from server: "
        "RuntimeError: Starting Ray client server failed. See its log."
    )


def test_nodes_are_given_no_variable_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert runtime_env().keys() == {"worker_process_setup_hook"}
    assert "secret" not in str(runtime_env())
