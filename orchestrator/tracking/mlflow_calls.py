"""Calls of MLflow: silent, and with errors that say what to do."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.errors import shell_word
from orchestrator.tracking.database import database_advice
from orchestrator.tracking.target import Target, TrackingError

# A dead server is noticed in seconds, and nothing is printed among the lines of the sweep.
ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


@contextmanager
def quiet_mlflow() -> Iterator[None]:
    """Import and call mlflow silently, with those of ENVIRONMENT that the user does not set."""
    unset = [name for name in ENVIRONMENT if name not in os.environ]
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic")]
    os.environ.update({name: ENVIRONMENT[name] for name in unset})
    try:
        import mlflow  # noqa: F401  # the first import sets up its logger

        levels = [logger.level for logger in loggers]
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
    finally:
        for name in unset:
            os.environ.pop(name, None)


@contextmanager
def translate_errors(folder: Path, target: Target) -> Iterator[None]:
    """Raise TrackingError for any error of MLflow, its database or the network."""
    try:
        with quiet_mlflow():
            yield
    except TrackingError:
        raise
    except Exception as error:  # the tracker's edge
        reason = _error_line(error, target)
        raise TrackingError(
            f"MLflow at {target.safe_uri} does not have everything: {reason}. The tables in "
            f"{folder} are complete; send the rest later: "
            f"repertoire track {shell_word(folder.parent)}"
        ) from error


def _error_line(error: BaseException, target: Target) -> str:
    """Return a line: the message of the network or the disk, if they failed, else MLflow's."""
    # The first cause is what a user can do something about: MLflow wraps it several times.
    root = error
    while cause := root.__cause__ or root.__context__:
        root = cause
    text = str(root if isinstance(root, OSError) else error).strip() or type(error).__name__
    line = target.hide(text.splitlines()[0])[:300].rstrip(".")
    return line + database_advice(target, line)
