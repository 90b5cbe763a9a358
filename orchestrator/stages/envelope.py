"""JSON files that carry their own digest, the format they are in and the release that wrote them.

The envelope is the same in all releases: {"content": ..., "digest": ...}. `format` stands in the
content and is raised when older releases would misread it; adding a field does not raise it.
"""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from orchestrator.errors import OtherRelease
from orchestrator.hashing import canonical, digest, digest_bytes

FORMAT = 1
_HEAD, _TAIL, _CLOSE = b'{"content":', b',"digest":"', b'"}'


@cache
def release() -> str:
    """Return the version of this release."""
    try:
        return importlib.metadata.version("repertoire-cl")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def seal(name: str, content: Mapping[str, Any]) -> bytes:
    """Return the bytes of a JSON file of a name."""
    return canonical({"content": content, "digest": digest(name, content)}).encode()


def unseal(name: str, data: bytes) -> dict[str, Any] | None:
    """Return the content of a file; None if its bytes are not what was written."""
    content, _, rest = data.removeprefix(_HEAD).rpartition(_TAIL)
    # The usual spelling needs no second encoding: the bytes that were hashed stand in the file.
    hashed = b"[" + canonical(name).encode() + b"," + content + b"]"
    sealed = rest == digest_bytes(hashed).encode() + _CLOSE
    try:
        envelope = json.loads(data)
        if sealed or envelope["digest"] == digest(name, envelope["content"]):
            return dict(envelope["content"])
    except (ValueError, KeyError, TypeError):
        pass
    return None


def require_known_format(content: Mapping[str, Any], where: str) -> None:
    """Raise OtherRelease if a file's content is in a format that this release does not know."""
    known = content.get("format", FORMAT)
    if not (isinstance(known, int) and known <= FORMAT):
        raise other_release(content, where, f"in format {known}")


def other_release(content: Mapping[str, Any], where: str, why: str) -> OtherRelease:
    """Return the error for a file that is whole and cannot be read by this release."""
    return OtherRelease(
        f"{where} was made by release {content.get('release', 'unknown')}, {why}, which release "
        f"{release()} cannot read; it was not touched. Use that release, or another store (--store)"
    )
