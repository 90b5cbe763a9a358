"""Connects to a Ray cluster or starts one, and sets up its workers."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from orchestrator.backends.local_ray import ENVIRONMENT, LocalRay
from orchestrator.backends.ray_head import require_listener
from orchestrator.errors import RepertoireError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def cluster(
    address: str | None, hook: bool = True, local: LocalRay | None = None
) -> Iterator[None]:
    """Join a Ray cluster, and leave it; an initialised Ray is used and kept.

    Args:
        address: of a cluster; None starts one on this machine.
        hook: whether workers import Repertoire before anything else.
        local: a Ray on this machine that was started before, to be closed by the caller.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import ray

    if ray.is_initialized():
        yield
        return
    with ExitStack() as stack:
        if address is None:
            join((local or stack.enter_context(closing(LocalRay()))).address(), {})
        else:
            join(address, runtime_env() if hook else {})
        stack.callback(ray.shutdown)
        silence_raylets()
        yield


def join(address: str, runtime_env: dict[str, Any]) -> None:
    """Connect this process to a Ray cluster.

    Raises:
        RepertoireError: it cannot be reached.
    """
    import ray
    from ray.exceptions import RayError

    if has_token():  # Ray would use it for the address "auto" alone
        use_token()
    try:
        require_listener(address)
        with preserve_signal_handlers():
            ray.init(
                address=address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                runtime_env=runtime_env,
            )
    except (OSError, ValueError, RuntimeError, RayError) as error:
        problem = describe_without_traceback(error)
        raise RepertoireError(f"Ray cannot be reached at {address}: {problem}") from error


def describe_without_traceback(error: BaseException) -> str:
    """Return the message of an error in a line; that of a server of Ray holds its traceback."""
    lines = str(error).splitlines()
    return " ".join(each for each in lines if each and not each.startswith((" ", "Traceback")))


def silence_raylets() -> None:
    """Suppress the reports of raylets on dead workers; the driver reports those itself.

    `log_to_driver` does not cover them. This is the switch that Ray's own debugger uses; if a
    release drops it, the reports appear again.
    """
    from ray._private import worker

    worker._worker_logs_enabled = False


@contextmanager
def preserve_signal_handlers() -> Iterator[None]:
    """Restore the signal handlers that Ray replaces; Ray's end the process with C++ stacks.

    Raises:
        KeyboardInterrupt: SIGTERM came while Ray handled it; the handler from before was called.
    """
    # Python sets signal handlers in the main thread alone, so there is nothing to restore.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    terminated = False
    try:
        yield
    except SystemExit as end:  # of the handler that Ray has while it connects
        terminated = end.code == signal.SIGTERM
        if not terminated:
            raise
    finally:
        for number, handler in before.items():
            if handler is not None:  # else one that Python did not set, and cannot
                signal.signal(number, handler)
    if terminated:
        signal.raise_signal(signal.SIGTERM)
        raise KeyboardInterrupt  # where the handler returned: there is no connection to go on with


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
    return {"worker_process_setup_hook": "orchestrator.backends.worker_imports.import_packages"}
