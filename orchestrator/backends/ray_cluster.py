"""Connects to a Ray cluster or starts one, and sets up its workers."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from orchestrator.backends.ray_head import require_listener
from orchestrator.errors import RepertoireError

ENVIRONMENT = {
    # No telemetry.
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "1",
    # Warnings about Ray Train, which is not used.
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    # The default of coming releases, about which Ray warns as long as it is not chosen.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def cluster(address: str | None, hook: bool = True) -> Iterator[None]:
    """Connect to Ray or start it, and shut it down; an initialised Ray is used and kept.

    Args:
        address: of a cluster; None starts one on this machine.
        hook: whether workers import Repertoire before anything else.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import ray
    from ray.exceptions import RayError

    if ray.is_initialized():
        yield
        return
    if address is not None and has_token():  # Ray would use it for the address "auto" alone
        use_token()
    local: dict[str, Any] = {"include_dashboard": False} if address is None else {}
    try:
        require_listener(address or "")
        with preserve_signal_handlers(), own_process_groups():
            ray.init(
                address=address or "local",
                log_to_driver=False,
                logging_level=logging.ERROR,
                runtime_env=runtime_env() if hook else {},
                **local,
            )
    except (OSError, ValueError, RuntimeError, RayError) as error:
        raise RepertoireError(
            f"Ray cannot be reached at {address or 'this machine'}: {error}"
        ) from error
    silence_raylets()
    try:
        yield
    finally:
        ray.shutdown()


def silence_raylets() -> None:
    """Suppress the reports of raylets on dead workers; the driver reports those itself.

    `log_to_driver` does not cover them. This is the switch that Ray's own debugger uses; if a
    release drops it, the reports appear again.
    """
    from ray._private import worker

    worker._worker_logs_enabled = False


@contextmanager
def preserve_signal_handlers() -> Iterator[None]:
    """Restore the signal handlers that Ray replaces; Ray's end the process with C++ stacks."""
    # Python sets signal handlers in the main thread alone, so there is nothing to restore.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            if callable(handler):
                signal.signal(number, handler)


@contextmanager
def own_process_groups() -> Iterator[None]:
    """Have Ray start its processes outside this command's process group.

    A terminal that closes and `timeout` send their signal to the whole group: a raylet that got it
    would end the stages that this command lets finish. Ray itself blocks SIGINT alone. Its
    processes still end with this one.
    """
    from ray._private import services

    popen = getattr(services, "ConsolePopen", None)
    if popen is None:  # another release of Ray
        yield
        return
    setattr(services, "ConsolePopen", partial(popen, process_group=0))  # noqa: B010
    try:
        yield
    finally:
        setattr(services, "ConsolePopen", popen)  # noqa: B010


def has_token() -> bool:
    """Return whether Ray finds a token of its authentication on this machine."""
    if os.environ.get("RAY_AUTH_TOKEN"):
        return True
    path = os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token"
    return Path(path).is_file()


def use_token() -> None:
    """Have Ray use its token, unless the user set a mode.

    Ray reads the mode when it is imported, as a search does before it connects. Therefore it is
    read again, in the way in which Ray does so for the address "auto".
    """
    from ray._raylet import Config  # type: ignore[attr-defined]

    os.environ.setdefault("RAY_AUTH_MODE", "token")
    Config.initialize("")


def runtime_env() -> dict[str, Any]:
    """Return the runtime environment: workers import the packages before they run anything.

    User code is sent with the stages. Ray puts the driver's current folder first on the path of a
    worker; packages imported before that cannot be shadowed by a folder named `methods`.
    """
    return {"worker_process_setup_hook": "orchestrator.stages.worker.import_packages"}
