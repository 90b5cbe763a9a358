"""Files and folders of data: looked for, and stamped with size and time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from orchestrator.errors import MissingData, WrongData, suggest
from orchestrator.hashing import digest_bytes


def expand_home(text: str) -> Path:
    """Return a path, with the home of a user in place of ~ or ~USER.

    Raises:
        WrongData: this machine has no such user.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        user = text.partition("/")[0]
        raise WrongData(
            f"{text}: this machine has no home for {user}; give ./{text} for a file of that name, "
            "or a path from /"
        ) from error


def stamp_files(paths: Iterable[Path]) -> list[Any]:
    """Return path, size and time of files."""
    files = ((path, require_file(path).stat()) for path in paths)
    return [[str(path), status.st_size, status.st_mtime_ns] for path, status in files]


def require_file(path: Path, suffixes: Sequence[str] = ()) -> Path:
    """Return the path of a file.

    Args:
        path: of the file.
        suffixes: of files that a message may suggest; () for that of the path.

    Raises:
        MissingData: it is not there.
    """
    if path.is_file():
        return path
    if path.is_dir():
        advice = _list_candidates("", path, suffixes)
        raise MissingData(f"{path}: is a folder, not a file; give one file; {advice}")
    hint = _list_candidates(path.name, path.parent, suffixes or [path.suffix])
    raise MissingData(f"{path}: no such file; {hint}")


def _list_candidates(given: str, folder: Path, suffixes: Sequence[str]) -> str:
    """Return the files of a folder that may be meant, the nearest first; no suffix allows any."""
    files = (each for each in folder.glob("*") if each.is_file())
    names = sorted(each.name for each in files if not suffixes or each.suffix in suffixes)
    missing = " or ".join(filter(None, suffixes)) or "such"
    if not names:
        return f"{folder} has no {missing} file"
    # Without their suffixes, which all have in common.
    return suggest(given, names[:20], lambda name: Path(name).stem)


def require_folder(path: Path) -> Path:
    """Return the path of a folder.

    Raises:
        MissingData: it is not there.
    """
    if path.is_dir():
        return path
    what = "is a file, not a folder" if path.exists() else "no such folder"
    parent = path.parent
    beside = [each.name for each in parent.iterdir() if each.is_dir()] if parent.is_dir() else []
    hint = suggest(path.name, beside[:20]) if beside else f"{parent} has no folders"
    raise MissingData(f"{path}: {what}; {hint}")


def stamp_folder(folder: Path) -> list[Any]:
    """Return the path of a folder, and the number and a digest of all files below it."""
    lines = sorted(_list_files(str(folder)))
    return [str(folder), len(lines), digest_bytes("\n".join(lines).encode())]


def _list_files(folder: str) -> Iterator[str]:
    """Yield path, size and time of each file below a folder."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _list_files(entry.path)
            else:
                status = entry.stat()
                yield f"{entry.path}\0{status.st_size}\0{status.st_mtime_ns}"
