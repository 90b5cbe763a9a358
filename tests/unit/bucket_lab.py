"""Results in a bucket for tests: machines, each with a folder of local copies, and commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from typer.testing import CliRunner, Result

from orchestrator.cli.app import app
from orchestrator.results.bucket.bucket_folder import open_bucket_folder

Machine = Callable[[str], None]


def objects(address: str) -> dict[str, bytes]:
    """Return path -> content of what a bucket has at an address, without the store."""
    files = open_bucket_folder(address).files()
    paths = [entry.path for entry in files.entries()]
    return {path: files.read(path) or b"" for path in paths if not path.startswith("stages/")}


def type_command(*words: str | Path, code: int = 0) -> str:
    """Return what a command prints."""
    result: Result = CliRunner().invoke(app, [*map(str, words)])
    assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
    return result.output


def run_sweep_file(out: str | Path, *words: str, code: int = 0) -> str:
    """Run sweep.yaml of the current folder; return what it prints."""
    usual = ("run", "sweep.yaml", "--out", out, "--backend", "inline")
    return type_command(*usual, *words, code=code)
