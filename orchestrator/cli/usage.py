"""Mistakes in the words of a command, reported like all other mistakes."""

from __future__ import annotations

# Typer has its own copy of Click, and no public name for its errors.
from typer._click.exceptions import MissingParameter, NoArgsIsHelpError, UsageError

__all__ = ["UsageError", "describe_usage_error"]
PYDANTIC = ("Value error, ", "Input ")  # beginnings that pydantic puts before a reason


def describe_usage_error(error: UsageError) -> str:
    """Return what is wrong with the words of a command, and how to see those that are valid.

    For a command without arguments it is its help.
    """
    text = error.format_message().strip()
    if isinstance(error, NoArgsIsHelpError):
        return f"which command?\n{text}"
    for beginning in PYDANTIC:
        text = text.replace(f": {beginning}", ": ")
    if isinstance(error, MissingParameter) and error.param and error.param.nargs == -1:
        name = error.param.metavar  # as the usage has it, where several may be given
        text = text.replace(f"'{name}'", f"'{name}...'")
    command = error.ctx.command_path if error.ctx else "repertoire"
    return f"{text[:1].lower()}{text[1:].rstrip('.')}; see {command} --help"
