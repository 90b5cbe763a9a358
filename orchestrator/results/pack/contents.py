"""The contents of a pack: the index, the files it may hold, and the limits of what is taken in.

A pack is a zip file. Its last member, `pack.json`, is sealed like the files of a store and lists
every other member with its bytes and digest. A member whose name is none of those below, or that
is not in the index, makes the whole pack invalid.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from orchestrator.errors import RepertoireError
from orchestrator.results.folder.kept_files import FILES, FORMER
from orchestrator.stages.storage.stage_files import release
from orchestrator.sweep.sweep import RESERVED_NAMES

INDEX, PACK_FORMAT = "pack.json", 1
RECORDS, SWEEP_FILE = "records.jsonl", "sweep.yaml"
TABLE_FILES = FILES[:3]
# A pack may be a stranger's: it must fill neither the disk nor the memory.
MAX_FILES, MAX_BYTES, MAX_INDEX_BYTES = 100_000, 4 * 10**9, 64 * 10**6
MAX_SWEEP_BYTES = 10**7  # which takes a minute to read
# Of a file's bytes to its packed ones, if it is large; tables are compressed already.
MAX_RATIO, LARGE_BYTES = 300, 10**7

_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}"
_FILES = "|".join(map(re.escape, FILES))
_CODE = r"code/(?:sweep\.yaml|(?:[A-Za-z_]\w{0,99}/){0,20}[A-Za-z_]\w{0,99}\.py)"
_SWEEP = rf"(?P<sweep>{_NAME})/(?:(?:{FORMER}/[0-9]{{1,6}}/)?(?:{_FILES})|{_CODE}|{RECORDS})"
# For a reader of the zip file; an import leaves them, since a page may hold scripts.
_PAGES = rf"report\.html|figures/{_NAME}\.(?:svg|pdf|png)"
MEMBER = re.compile(rf"(?:{_SWEEP}|(?P<page>{_PAGES}))", re.ASCII)


@dataclass(frozen=True)
class Member:
    """A file of a pack: its path, bytes, and digest."""

    path: str
    size: int
    digest: str

    @property
    def sweep(self) -> str | None:
        """The sweep whose folder it belongs to; None for a page."""
        match = MEMBER.fullmatch(self.path)
        return match["sweep"] if match else None


@dataclass(frozen=True)
class Index:
    """The list of a pack's files, sorted by path, and the release that wrote it."""

    members: tuple[Member, ...]
    release: str

    @property
    def sweeps(self) -> list[str]:
        """The names of its sweeps, sorted."""
        return sorted({member.sweep for member in self.members if member.sweep})


def is_member(path: str) -> bool:
    """Return whether a pack may hold a file of this path."""
    match = MEMBER.fullmatch(path)
    return match is not None and match["sweep"] not in RESERVED_NAMES


def index_content(members: Iterable[Member]) -> dict[str, Any]:
    """Return the content of the index of a pack that this release writes."""
    return {
        "format": PACK_FORMAT,
        "release": release(),
        "files": [asdict(each) for each in members],
    }


def parse_index(content: Mapping[str, Any], file: Path) -> Index:
    """Return the index of a pack from its content.

    Raises:
        RepertoireError: a later release wrote it, it lists a file that no pack has, or it is too
            large.
    """
    maker, given = str(content.get("release", "unknown"))[:40], content.get("format")
    if given != PACK_FORMAT:
        raise RepertoireError(
            f"{file} was made by release {maker!r}, in format {str(given)[:40]}, which release "
            f"{release()} cannot read; use that release"
        )
    try:
        members = tuple(
            Member(str(each["path"]), int(each["size"]), str(each["digest"]))
            for each in content["files"]
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise refusal(file, f"its index cannot be read ({error!r})") from error
    for member in members:
        if not is_member(member.path):
            raise refusal(file, f"it holds {member.path!r}, which is no file of results")
    if len({member.path.casefold() for member in members}) < len(members):
        raise refusal(file, "it lists a file twice")
    return Index(members, maker)


def refusal(file: Path, why: str) -> RepertoireError:
    """Return the error for a pack that is not taken in."""
    return RepertoireError(f"{file}: {why}; nothing of it was taken in. Ask its sender for another")
