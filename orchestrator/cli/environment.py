"""Adapts commands to the machine: odd paths, terminals without UTF-8, a long TMPDIR."""

from __future__ import annotations

import codecs
import os
import re
import sys
from io import TextIOWrapper
from pathlib import Path
from urllib.parse import unquote, urlsplit

import typer

from orchestrator.errors import RepertoireError
from orchestrator.results.addresses import copy_folder, is_results_address
from orchestrator.stages.storage.uri import BUCKET_SCHEMES, escape_uri, require_readable_uri

PLAIN = str.maketrans(
    dict(zip("·–—×↑↓│┃─━•★✓✗“”’‘", "---x^v||--**+x\"\"''", strict=True))
    | {"±": "+/-", "→": "->", "…": "...", "Δ": "delta ", "≤": "<=", "≥": ">="}
)
MAX_FOLDER_BYTES = 35
LOCAL = "file:///"
# With one slash as well, as `Path` makes of two.
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|(?:s3|gs|gcs|abfss?|hdfs|https?|file):/")


def parse_folder(typed: str | Path) -> Path:
    """Return a results folder: that of a path, or the local copy of one in a bucket."""
    text = str(typed)
    if is_results_address(text):
        return copy_folder(text)
    if text.startswith(LOCAL):
        text = unquote(urlsplit(text).path)
    if ADDRESS.match(text):
        scheme, _, rest = text.partition(":/")
        slash = f" has one slash; give {scheme}://{rest} as text" if rest[:1] != "/" else ""
        raise RepertoireError(
            f"{text!r}{slash or ' is no address that results can have'}; valid: a folder, "
            "s3://bucket/prefix, gs://bucket/prefix, file:///folder"
        )
    return parse_local_folder(text)


def fetch_folder(typed: str | Path) -> Path:
    """Return a results folder to read, as `parse_folder` does; one in a bucket is fetched."""
    folder = parse_folder(typed)
    if is_results_address(str(typed)):
        from orchestrator.results.bucket.fetch import fetch_results

        fetch_results(folder)
    return folder


def parse_local_folder(text: str) -> Path:
    """Return a folder with its tilde expanded; bash does not expand that of `--out=~/res`."""
    refuse_address(text)
    # Lone surrogates stand for bytes that are not UTF-8.
    if any(ord(letter) < 32 or 0xD800 <= ord(letter) < 0xE000 for letter in text):
        raise typer.BadParameter(f"{text!r} holds control characters or is not UTF-8")
    path = Path(os.path.expanduser(text))  # pathlib would take ./~ for ~
    if text.startswith("~") and path == Path(text):
        raise typer.BadParameter(
            f"{text!r}: no such user has a home here; a folder of that name is ./{text}"
        )
    if path.exists() and not path.is_dir():
        # Not by typer, whose box would break a long path in the middle of a word.
        raise RepertoireError(f"{text!r} is a file; give a folder")
    return path


def parse_file(typed: str) -> Path:
    """Return the path of a file to write."""
    refuse_address(typed)
    return Path(typed)


def refuse_address(text: str) -> None:
    """Raise RepertoireError if text is an address such as s3://bucket, and not a path."""
    if ADDRESS.match(text):
        raise RepertoireError(f"{text!r} is an address; give a path of this machine")


def parse_store(text: str) -> str:
    """Return the address of a store: a URI with its names escaped, a path without a tilde."""
    if "://" in text:
        require_readable_uri(text)
        return escape_uri(text)
    if ADDRESS.match(text):
        scheme, _, rest = text.partition(":/")
        raise RepertoireError(f"--store: {text!r} has one slash; give {scheme}://{rest}")
    scheme, colon, _ = text.partition(":")
    if colon and scheme in BUCKET_SCHEMES and not Path(text).exists():
        # Not shown whole: it may hold a password, and is no address in which that is found.
        raise RepertoireError(f"--store: '{scheme}:...' has no slashes; give {scheme}://BUCKET")
    return str(parse_local_folder(text))


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
