"""Arguments as callers in Python give them: folders, and one name or several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import TypeVar

import typer

from orchestrator.cli.environment import fetch_folder
from orchestrator.errors import RepertoireError

Name = TypeVar("Name", bound=str)
Given = TypeVar("Given")
Parsed = TypeVar("Parsed")


def as_names(given: Name | Sequence[Name]) -> Sequence[Name]:
    """Return names; text is one name, not one for each of its letters."""
    return (given,) if isinstance(given, str) else given


def fetch_folders(folders: Sequence[object]) -> list[Path]:
    """Return folders of results; those in a bucket are fetched.

    Raises:
        RepertoireError: there is none, or one is neither a path nor an address of a bucket.
    """
    if not folders:
        raise RepertoireError("load: a folder is needed: load('results')")
    for each in folders:
        if not isinstance(each, str | PathLike):
            raise RepertoireError(
                f"load: must be paths of folders, given {each!r}; several are given one by one: "
                "load('results', 'more')"
            )
    return [parse("load", fetch_folder, str(each)) for each in folders]


def parse(name: str, reader: Callable[[Given], Parsed], given: Given) -> Parsed:
    """Return an argument as the command line reads it.

    Raises:
        RepertoireError: it is not valid; the message begins with the name of the argument.
    """
    try:
        return reader(given)
    except typer.BadParameter as error:
        raise RepertoireError(f"{name}: {error.message}") from None
