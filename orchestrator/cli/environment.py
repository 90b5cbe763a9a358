"""Adapts commands to the machine: odd paths, terminals without UTF-8, full disks, signals."""

from __future__ import annotations

import codecs
import errno
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from threading import Timer
from typing import Any

import typer

PLAIN = str.maketrans(
    dict(zip("·–—×↑↓│┃─━•★✓✗“”’‘", "---x^v||--**+x\"\"''", strict=True))
    | {"±": "+/-", "→": "->", "…": "...", "Δ": "delta ", "≤": "<=", "≥": ">="}
)
KEPT = "what was computed is kept, and the same command continues"
ELSEWHERE = "choose another folder (--out, --store), or look at what is there: repertoire compare"
REMEDIES = {
    errno.ENOSPC: f"make room (repertoire store gc may); {KEPT}",
    errno.EDQUOT: f"make room (repertoire store gc may); {KEPT}",
    errno.EROFS: ELSEWHERE,
    errno.EACCES: ELSEWHERE,
    errno.EPERM: ELSEWHERE,
    errno.ENAMETOOLONG: "choose a folder with a shorter path",
    errno.EIO: f"look at the disk; {KEPT}",
    errno.ESTALE: f"the file system went away; {KEPT}",
    errno.EMFILE: f"raise the limit of open files (ulimit -n); {KEPT}",
}
END_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
GRACE_SECONDS = 10.0
MAX_FOLDER_BYTES = 35


def parse_folder(typed: str | Path) -> Path:
    """Return a folder with its tilde expanded; bash does not expand that of `--out=~/res`."""
    text = str(typed)
    if any(ord(letter) < 32 or 0xD800 <= ord(letter) < 0xE000 for letter in text):
        raise typer.BadParameter(f"{text!r} holds control characters or is not UTF-8")
    path = Path(os.path.expanduser(text))  # pathlib would take ./~ for ~
    if text.startswith("~") and path == Path(text):
        raise typer.BadParameter(
            f"{text!r}: no such user has a home here; a folder of that name is ./{text}"
        )
    if path.exists() and not path.is_dir():
        raise typer.BadParameter(f"{text!r} is a file; give a folder")
    return path


def parse_store(text: str) -> str:
    """Return the address of a store: a URI as it is, a path with its tilde expanded."""
    return text if "://" in text else str(parse_folder(text))


def replace_unprintable() -> None:
    """Replace characters that the terminal cannot encode by plain ones."""
    codecs.register_error("plain", _plain_text)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="plain")


def _plain_text(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(PLAIN)
    return text.encode("ascii", "replace").decode(), error.end


def shorten_ray_folder() -> None:
    """Have Ray keep its sockets in /tmp if TMPDIR is too long for them.

    The path of a socket has at most 107 bytes, of which Ray needs some 70 below its folder.
    """
    if len(os.environ.get("TMPDIR", "").encode()) > MAX_FOLDER_BYTES:
        os.environ.setdefault("RAY_TMPDIR", "/tmp")


def describe_os_error(error: OSError) -> str | None:
    """Return the problem and its remedy in one line; None if there is no known remedy."""
    remedy = REMEDIES.get(error.errno or 0)
    if remedy is None:
        return None
    place = f": {error.filename}" if error.filename else ""
    return f"{os.strerror(error.errno or 0)}{place}; {remedy}"


def run_server(command: Sequence[str]) -> int:
    """Run a server until it or this process is ended; then end all processes it started.

    Returns:
        Its exit code; 0 after a signal.
    """
    stopped: list[int] = []
    server = subprocess.Popen(list(command), start_new_session=True)
    last = Timer(GRACE_SECONDS, _kill_group, (server, signal.SIGKILL))
    last.daemon = True

    def stop(number: int, frame: Any) -> None:
        _kill_group(server, signal.SIGKILL if stopped else signal.SIGTERM)
        if not stopped:
            last.start()
        stopped.append(number)

    before = {number: signal.signal(number, stop) for number in END_SIGNALS}
    try:
        code = server.wait()
    finally:
        last.cancel()
        _kill_group(server, signal.SIGTERM)  # workers that it left
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0 if stopped else code


def _kill_group(server: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(server.pid, number)
