"""Arguments as callers in Python give them: folders, and one name or several."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TypeVar

from orchestrator.cli.environment import refuse_address
from orchestrator.errors import RepertoireError

Name = TypeVar("Name", bound=str)


def as_names(given: Name | Sequence[Name]) -> Sequence[Name]:
    """Return names; text is one name, not one for each of its letters."""
    return (given,) if isinstance(given, str) else given


def require_folders(folders: Sequence[object]) -> None:
    """Raise unless there are folders, and each is a path.

    Raises:
        RepertoireError: there is none, or one is not a path, such as s3://bucket.
    """
    if not folders:
        raise RepertoireError("load: a folder is needed: load('results')")
    for each in folders:
        if not isinstance(each, str | PathLike):
            raise RepertoireError(
                f"load: must be paths of folders, given {each!r}; several are given one by one: "
                "load('results', 'more')"
            )
        refuse_address(str(each))
