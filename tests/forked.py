"""Processes of their own for tests, without their start: importing torch takes seconds."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, NamedTuple


class Outcome(NamedTuple):
    """The exit code of a process, and what it printed."""

    code: int
    stdout: str
    stderr: str


def run_forked(
    work: Callable[[], object], folder: Path, environment: Mapping[str, str | None] | None = None
) -> Outcome:
    """Run a function in a copy of this process; what it imports and changes is lost with it.

    The copy has `folder` as its directory and first on its path. An uncaught exception ends it
    with code 1 and a traceback, SystemExit with the code that it carries.

    Args:
        work: the function.
        folder: where it runs.
        environment: variables to set; None as a value removes one.
    """
    with TemporaryFile() as stdout, TemporaryFile() as stderr:
        process = os.fork()
        if process == 0:
            _become(stdout, stderr, folder, environment or {})
            os._exit(_exit_code(work))
        return Outcome(_wait(process), _read(stdout), _read(stderr))


def run_together(work: Callable[[], object], copies: int) -> list[int]:
    """Run a function in several copies of this process at once; return their exit codes."""
    processes = []
    for _ in range(copies):
        process = os.fork()
        if process == 0:
            os._exit(_exit_code(work))
        processes.append(process)
    return [_wait(process) for process in processes]


def _wait(process: int) -> int:
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status)


def _become(
    stdout: IO[bytes], stderr: IO[bytes], folder: Path, environment: Mapping[str, str | None]
) -> None:
    for file, descriptor in ((stdout, 1), (stderr, 2)):
        os.dup2(file.fileno(), descriptor)
    sys.stdout, sys.stderr = (os.fdopen(fd, "w", encoding="utf-8", closefd=False) for fd in (1, 2))
    for name, value in environment.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    if kv := sys.modules.get("ray.experimental.internal_kv"):
        # A copy has no threads, so a call to the Ray of this process would wait for ever; the
        # import of Ray Tune makes one.
        kv._internal_kv_reset()
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True


def _exit_code(work: Callable[[], object]) -> int:
    code = 0
    try:
        work()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()
