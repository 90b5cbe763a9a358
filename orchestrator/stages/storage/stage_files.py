"""The files of a stage: their paths below a store's root, and the envelope of JSON files.

Files of a stage, under `<first two of key>/<key>/`: the state, then `record.json`, whose presence
says that the stage is complete and which names the state's file and digest;
`evaluation-<digest>.json` for tasks added later; `failure.json` while its last attempt failed.
A damaged file is moved to `damaged/`.

The envelope is the same in all releases: {"content": ..., "digest": ...}. `format` is part of the
content and is raised when older releases would misread it; adding a field does not raise it.
"""

from __future__ import annotations

import importlib.metadata
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from orchestrator.errors import OtherRelease, StoreCorrupt
from orchestrator.hashing import (
    DIGEST_PATTERN,
    canonical_json,
    digest,
    digest_bytes,
    is_digest,
    parse_json,
)
from orchestrator.stages.storage.files import Files
from orchestrator.stages.storage.state_cache import StateCache

RECORD, STATE, FAILURE = "record.json", "state.safetensors", "failure.json"
DAMAGED = "damaged"
STAGE_FORMAT = 1
_SET_ASIDE = re.compile(f"({DIGEST_PATTERN}|[0-9a-f]{{2}})-[0-9a-f]{{8}}")
_JSON = re.compile(rf"record\.json|failure\.json|evaluation-{DIGEST_PATTERN}\.json")
_HEAD, _TAIL, _CLOSE = b'{"content":', b',"digest":"', b'"}'


def stage_path(key: str, name: str) -> str:
    """Return the path of a stage's file.

    Raises:
        StoreCorrupt: the path of the key, which a forged record may have, would leave the store.
    """
    if "/" in key or key.startswith("."):
        raise StoreCorrupt(f"{key[:80]!r} is no key of a stage")
    return f"{key[:2]}/{key}/{name}"


def is_stage_file(parts: list[str]) -> bool:
    """Return whether the parts of a path below a store's root are those of a stage's file.

    Nothing else is ever listed or deleted as a stage: a root may be, by mistake, any folder.
    """
    return len(parts) == 3 and parts[0] == parts[1][:2] and is_digest(parts[1])


def is_json_file(name: str) -> bool:
    """Return whether a stage may have a JSON file of a name."""
    return bool(_JSON.fullmatch(name))


def is_damaged_file(parts: list[str]) -> bool:
    """Return whether the parts of a path are those of a file that was set aside."""
    return len(parts) == 3 and parts[0] == DAMAGED and bool(_SET_ASIDE.fullmatch(parts[1]))


def evaluation_name(task_keys: Iterable[str]) -> str:
    """Return the file that holds a stage's scores on a set of further tasks."""
    return f"evaluation-{digest('evaluation', sorted(task_keys))}.json"


def find_state(content: Mapping[str, Any], where: str) -> tuple[str, str] | None:
    """Return the file and the digest of a record's state; None if the training diverged.

    Raises:
        OtherRelease: they are none that this release writes; a record never names a path.
    """
    digest, name = content.get("state", ""), content.get("file", STATE)
    if digest is None:
        return None
    if not (isinstance(digest, str) and is_digest(digest)):  # a cache has files of this name
        raise other_release_error(content, where, f"with a state of digest {show_value(digest)}")
    if name not in (STATE, f"state-{digest}.safetensors"):
        raise other_release_error(content, where, f"with its state in {show_value(name)}")
    return name, digest


def write_state(
    files: Files, key: str, data: bytes | memoryview, state_digest: str
) -> dict[str, str]:
    """Write a state; return the entry of the record that names its file.

    A file that a record may refer to is never replaced by other bits. So the name holds the digest
    where other bits lie under the usual one, or could come to lie there from a second writer.
    """
    usual = stage_path(key, STATE)
    if files.is_exclusive and (files.create(usual, data) or files.read(usual) == data):
        return {}
    name = f"state-{state_digest}.safetensors"
    files.write(stage_path(key, name), data)
    return {"file": name}


@cache
def release() -> str:
    """Return the version of this release."""
    try:
        return importlib.metadata.version("repertoire-cl")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def seal(name: str, content: Mapping[str, Any]) -> bytes:
    """Return the bytes of a JSON file of a name, given content that consists of JSON types."""
    encoded = canonical_json(content).encode()
    return b"".join((_HEAD, encoded, _TAIL, _digest(name, encoded), _CLOSE))


def unseal(name: str, data: bytes) -> dict[str, Any] | None:
    """Return the content of a file; None if its bytes are not what was written."""
    content, _, rest = data.removeprefix(_HEAD).rpartition(_TAIL)
    # Bytes as `seal` writes them are verified as they are, others by their content.
    sealed = rest == _digest(name, content) + _CLOSE
    try:
        envelope = parse_json(data)
        plain = envelope["content"]
        if isinstance(plain, dict) and (sealed or envelope["digest"] == digest(name, plain)):
            return plain
    except (ValueError, KeyError, TypeError):
        pass
    return None


def _digest(name: str, encoded: bytes) -> bytes:
    """Return the same as `digest`, from the bytes of the content in a file."""
    return digest_bytes(b"[%b,%b]" % (canonical_json(name).encode(), encoded)).encode()


def require_known_format(content: Mapping[str, Any], where: str) -> None:
    """Raise OtherRelease if a file's content is in a format that this release does not know."""
    file_format = content.get("format", STAGE_FORMAT)
    if not (isinstance(file_format, int) and file_format <= STAGE_FORMAT):
        raise other_release_error(content, where, f"in format {show_value(file_format)}")


def other_release_error(content: Mapping[str, Any], where: str, why: str) -> OtherRelease:
    """Return the error for a file that is whole and cannot be read by this release."""
    maker = show_value(content.get("release", "unknown"))
    # Of a development between two releases, or damaged before it was sealed.
    same = maker == release()
    reader = "this copy of that release" if same else f"release {release()}"
    return OtherRelease(
        f"{where} was made by release {maker}, {why}, which {reader} cannot read; it was not "
        f"touched. Use {'the copy that made it' if same else 'that release'}, or another store "
        "(--store)"
    )


def show_value(value: object) -> str:
    """Return a value of a file as text for a message, which stays a line."""
    return " ".join(str(value)[:60].split())


class StageFiles:
    """Reads the files of stages and verifies them; a damaged one is moved to `damaged/`.

    Args:
        files: of the store.
        read_only: whether damaged files stay where they are.

    Attributes:
        damaged: the damaged files that were read, a line each.
        stateless: keys of the stages that were found to have a record and no state, and left so.
    """

    def __init__(self, files: Files, read_only: bool) -> None:
        self._files, self._read_only = files, read_only
        self.damaged: list[str] = []
        self.stateless: list[str] = []

    def read_json(
        self, key: str, name: str, read: Callable[[str], bytes | None] | None = None
    ) -> dict[str, Any] | None:
        """Return the content of a JSON file; None if it is missing or damaged.

        With `read`, its bytes are read by that function of its path.
        """
        return self._unseal(key, name, (read or self._files.read)(stage_path(key, name)))

    def read_state(
        self,
        key: str,
        where: str,
        check: Callable[..., object],
        cache: StateCache | None = None,
        needed: bool = True,
    ) -> tuple[str, bytes] | None:
        """Return the name and content of a state file; None if it is missing or damaged.

        The record of a state that is damaged is moved as well, so that the stage is computed anew;
        so is that of a state that is missing, if it is needed.

        Args:
            key: of the stage.
            where: the stage, for messages.
            check: called with the record's content and `where`; raises OtherRelease if this release
                cannot read the record.
            cache: of states, on this node.
            needed: whether a stage waits for the state; else a record alone is left as it is.
        """
        record = self._files.read(stage_path(key, RECORD))
        content = self._unseal(key, RECORD, record)
        if record is None or content is None:
            return None
        check(content, where)
        state_file = find_state(content, where)
        if state_file is None:
            return None
        name, state_digest = state_file
        if cache and (cached := cache.get(state_digest)) is not None:
            return name, cached
        data = self._files.read(stage_path(key, name))
        if data is not None and digest_bytes(data) == state_digest:
            if cache:
                cache.put(state_digest, data)
            return name, data
        if data is None and not needed:
            self.stateless.append(key)
            return None
        reason = "missing" if data is None else "not what was written"
        self.damaged.append(f"stage {key}: {name} is {reason}")
        # The record first, whose presence says that the stage is complete.
        # A name that holds the digest may be written anew at any time, and then is whole.
        if self._move(key, RECORD, record) and data is not None and name == STATE:
            self._move(key, name, data)
        return None

    def _unseal(self, key: str, name: str, data: bytes | None) -> dict[str, Any] | None:
        content = None if data is None else unseal(name, data)
        if data is not None and content is None:
            self.damaged.append(f"stage {key}: {name} is not what was written")
            self._move(key, name, data)
        return content

    def _move(self, key: str, name: str, damaged: bytes) -> bool:
        """Move a damaged file, unless another process has replaced it meanwhile."""
        target = f"{DAMAGED}/{key}-{uuid.uuid4().hex[:8]}/{name}"
        if self._read_only or not self._files.move(stage_path(key, name), target):
            return False
        moved = self._files.read(target)
        if moved is not None and moved != damaged:
            # A whole file that came to lie there between the reading and the move.
            self._files.create(stage_path(key, name), moved)
            return False
        return True
