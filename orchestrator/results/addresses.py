"""Addresses of results folders in a bucket, and the local folders that are copies of them.

The copy of s3://bucket/prefix is s3/bucket/prefix below one folder of this user. So a path tells
its address, and the copy of a sweep's folder lies in that of its results folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from orchestrator.errors import RepertoireError
from orchestrator.stages.storage.uri import (
    BUCKET_CHARACTERS,
    BUCKET_SCHEMES,
    escape_uri,
    hide_secrets,
    is_bucket_name,
)

COPIES_VARIABLE = "REPERTOIRE_RESULTS_CACHE"
LOCAL_PARTS = ("mlflow.db", "mlartifacts")  # of a copy: no bucket has them
_BAD_PART = re.compile(r"\.{0,2}|.*[/\x00-\x1f\x7f\\\ud800-\udfff].*", re.DOTALL)
_PLAIN = re.compile(r"[A-Za-z0-9.-]")
_PATH = r"/[^\s'\"`();,|]*[^\s'\"`();,|.:]"  # of a file or folder within a sentence


def is_results_address(text: str) -> bool:
    """Return whether text is an address that a results folder can have."""
    return text.startswith(tuple(f"{scheme}://" for scheme in BUCKET_SCHEMES))


def copies_folder() -> Path:
    """Return the folder of all local copies, with links resolved."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    given = os.environ.get(COPIES_VARIABLE) or f"{home}/repertoire/results"
    return _resolve(os.path.abspath(os.path.expanduser(given)))


@cache  # asked for with each text that is shown
def _resolve(path: str) -> Path:
    return Path(path).resolve()


def copy_folder(address: str) -> Path:
    """Return the folder of the local copy of an address; nothing is read or written.

    A name is escaped in it as in the address, however that was spelled, so it has no spaces.

    Raises:
        RepertoireError: it names no bucket, holds a secret, or parts that no path has.
    """
    parts, shown = urlsplit(address), hide_secrets(address)
    if "@" in parts.netloc or address != shown:
        raise RepertoireError(
            f"an address of results ({shown}) must hold no user name or password; give them in the "
            "environment, such as AWS_ACCESS_KEY_ID"
        )
    names = [parts.netloc, *filter(None, parts.path.split("/"))]
    if parts.fragment or any(map(_BAD_PART.fullmatch, [*names, *map(unquote, names)])):
        raise RepertoireError(
            f"{address!r} is no address of a results folder; example: s3://my-bucket/results"
        )
    if not is_bucket_name(parts.netloc):
        raise RepertoireError(
            f"{address!r}: {parts.netloc!r} is no name of a bucket, which has {BUCKET_CHARACTERS}; "
            "example: s3://my-bucket/results"
        )
    escaped = urlsplit(escape_uri(address))
    options = f"?{escaped.query}" if escaped.query else ""
    names = [escaped.netloc, *filter(None, escaped.path.split("/"))]
    return copies_folder().joinpath(_encode(f"{escaped.scheme}{options}"), *names)


def address_of(folder: Path) -> str | None:
    """Return the address that a folder, or a file, is the local copy of; None for any other."""
    # Absolute before it is compared: `.` may be within a copy.
    full, root = Path(os.path.abspath(folder)), copies_folder()
    if not full.is_relative_to(root) or len(full.relative_to(root).parts) < 2:
        return None
    first, *names = full.relative_to(root).parts
    scheme, mark, options = _decode(first).partition("?")
    return f"{scheme}://{'/'.join(names)}{mark}{options}" if scheme in BUCKET_SCHEMES else None


def show_addresses(text: str) -> str:
    """Return text as it may be shown: with addresses for the paths of their local copies.

    What is secret in an address is hidden; see `hide_secrets`.
    """
    text, root = hide_secrets(text), str(copies_folder())
    if root not in text:
        return text
    return re.sub(f"{re.escape(root)}{_PATH}", _show_address, text)


def _show_address(match: re.Match[str]) -> str:
    path = Path(match[0])
    local = any(part in LOCAL_PARTS for part in path.parts)
    address = None if local else address_of(path)
    # Options of an address (?a=b&c=d) would mean something else to a shell.
    return f'"{address}"' if address and "?" in address else address or match[0]


@contextmanager
def errors_with_addresses() -> Iterator[None]:
    """Have the errors of a block name addresses, not the local copies of what is there."""
    try:
        yield
    except RepertoireError as error:
        error.args = tuple(show_addresses(str(each)) for each in error.args)
        raise


def _encode(text: str) -> str:
    """Return text as the name of a folder, without characters of patterns and of addresses."""
    letters = (chr(byte) for byte in text.encode())
    return "".join(c if _PLAIN.fullmatch(c) else f"_{ord(c):02x}" for c in letters)


def _decode(name: str) -> str:
    plain = re.sub(rb"_([0-9a-f]{2})", lambda code: bytes([int(code[1], 16)]), name.encode())
    return plain.decode(errors="replace")
