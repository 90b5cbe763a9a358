"""The help of every command, as wide as an ordinary terminal."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
import typer
from typer.testing import CliRunner

from orchestrator.cli.app import app


def command_paths(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the words of a command and of all below it."""
    yield path
    for name, one in getattr(command, "commands", {}).items():
        yield from command_paths(one, (*path, name))


PATHS = list(command_paths(typer.main.get_command(app)))


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_the_help_of_a_command_cuts_no_word_at_80_columns(
    path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = CliRunner().invoke(app, [*path, "--help"]).output
    assert max(map(len, text.splitlines())) == 80
    assert "Usage:" in text
    assert "…" not in text


def test_commands_of_the_store_are_among_all_commands() -> None:
    assert {(), ("compare",), ("store", "gc")} <= set(PATHS)
