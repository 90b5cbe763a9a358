"""The reference of the commands, from the functions behind them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from enum import Enum
from typing import Any, get_args, get_type_hints

import typer

from docs.site.fields import table
from orchestrator import errors
from orchestrator.cli import app as command_line

WORDS = {int: "INTEGER", float: "NUMBER"}
INTRODUCTION = """\
# Commands

Made of the commands themselves; `repertoire COMMAND --help` prints the same. A folder `DIR` is
`results` unless it is given.

"""


def commands_page() -> str:
    """Return the page on all commands and their exit codes."""
    parts = [INTRODUCTION, "## Exit codes\n\n", exit_codes()]
    for path, command in all_commands():
        parts.append(f"\n## `{path}`\n\n{(command.help or '').strip()}\n\n{parameters(command)}")
    return "".join(parts)


def all_commands() -> Iterator[tuple[str, Any]]:
    """Yield the words and the command of each leaf of the command line."""
    yield from _leaves("repertoire", typer.main.get_command(command_line.app))


def _leaves(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name, inner in command.commands.items():
        yield from _leaves(f"{path} {name}", inner)


def parameters(command: Any) -> str:
    """Return the arguments and options of a command as a table."""
    kinds = get_type_hints(inspect.unwrap(command.callback))
    rows = [describe(each, kinds.get(each.name)) for each in command.params]
    return table(["Argument or option", "Values", "Default", "Meaning"], rows) if rows else ""


def describe(parameter: Any, kind: Any) -> list[str]:
    """Return the row of an argument or option of some type."""
    if parameter.param_type_name == "argument":
        names = [parameter.metavar or parameter.name.upper()]
    else:
        names = parameter.opts
    return [
        ", ".join(map(_code, names)),
        values(parameter, kind),
        default_text(parameter.default),
        getattr(parameter, "help", "") or "",
    ]


def values(parameter: Any, kind: Any) -> str:
    """Return what an argument or option takes, "" for a switch or what its name says."""
    kind = next((each for each in get_args(kind) if each is not type(None)), kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return ", ".join(_code(each.value) for each in kind)
    if kind is bool or parameter.param_type_name == "argument":
        return ""
    return _code(parameter.metavar or WORDS.get(kind, "TEXT"))


def default_text(default: Any) -> str:
    """Return a default, "" for none."""
    if default is None or default is False or default in ([], ()):
        return ""
    if isinstance(default, list | tuple):
        return " ".join(map(default_text, default))
    return _code(getattr(default, "value", default))


def exit_codes() -> str:
    """Return the exit codes, and the errors that end with each."""
    kinds = [
        cls
        for cls in vars(errors).values()
        if isinstance(cls, type) and issubclass(cls, errors.RepertoireError)
    ]
    rows = [[_code(cls.__name__), f"{cls.exit_code}", first_line(cls)] for cls in kinds]
    codes = (command_line.main.__doc__ or "").partition(":")[2].strip().rstrip(".")
    return f"{codes}.\n\n{table(['Error', 'Exit code', 'Meaning'], rows)}"


def first_line(cls: type[Any]) -> str:
    """Return the first line of a docstring."""
    return (cls.__doc__ or "").partition("\n")[0]


def _code(value: object) -> str:
    return f"`{value}`"
