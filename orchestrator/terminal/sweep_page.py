"""What a sweep names, section by section, as a table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.terminal.comparison.block import Block

LONGEST = 300  # characters of a cell
Row = tuple[str, str, str]


def sweep_block(title: str, content: Mapping[str, Any]) -> Block:
    """Return a row for each section of a sweep file, and one for each entry of `methods`.

    Args:
        title: printed above the table.
        content: the sections of a valid file, as YAML gives them.
    """
    sections = {name: value for name, value in content.items() if name != "name"}
    rows = [row for name, value in sections.items() for row in section_rows(name, value)]
    note = "What is not given has its default. plan() counts the stages, run() computes them."
    return Block(title, ("section", "name", "options"), rows, (note,), left=3)


def section_rows(section: str, value: Any) -> Iterator[Row]:
    """Yield section, name and options of a section; of a list of entries, a row for each."""
    entries = value if section == "methods" and isinstance(value, list) else [value]
    for entry in entries:
        name, options = split_name(entry)
        yield section, shorten(name), shorten(options)


def split_name(entry: Any) -> tuple[str, str]:
    """Return the name of an entry, "" if it has none, and its options as text."""
    if isinstance(entry, str):
        return entry, ""
    if not isinstance(entry, Mapping):
        return "", option_value_text(entry)
    options = {key: value for key, value in entry.items() if key != "name"}
    return option_value_text(entry.get("name", "")), options_text(options)


def options_text(options: Mapping[str, Any]) -> str:
    """Return options as `key=value, key=value`."""
    return ", ".join(f"{key}={option_value_text(value)}" for key, value in options.items())


def option_value_text(value: Any) -> str:
    """Return a value; a space as `loguniform [1, 100]`, other options in brackets after a name."""
    if isinstance(value, Mapping):
        if len(value) == 1 and "name" not in value:
            ((kind, inner),) = value.items()
            return f"{kind} {option_value_text(inner)}"
        name, options = split_name(value)
        return f"{name} ({options})" if options else name
    if isinstance(value, list):
        return f"[{', '.join(map(option_value_text, value))}]"
    if value is None or isinstance(value, bool):
        return json.dumps(value)  # as the file has it
    return f"{value:g}" if isinstance(value, float) else str(value)


def shorten(text: str) -> str:
    """Return a text that is cut if it is long."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
