"""`python -m dashboards.report DIR [--out FILE] [--figures DIR]`, behind `repertoire report`."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from dashboards.figures import save_all
from dashboards.gathering import opened
from dashboards.report.page import render
from dashboards.report.publishing import publish
from orchestrator.errors import RepertoireError


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the report of a results folder, and say where it is."""
    parser = argparse.ArgumentParser(prog="repertoire report", description=main.__doc__)
    parser.add_argument("dir", type=Path, metavar="DIR", help="a results folder")
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: DIR/report.html")
    parser.add_argument("--figures", type=Path, metavar="DIR", help="also SVG and PDF figures")
    given = parser.parse_args(arguments)
    warehouse = opened([given.dir])
    out: Path = given.out or given.dir / "report.html"
    command = shlex.join(["repertoire", "report", *(arguments or sys.argv[1:])])
    page = render(warehouse, command)
    _write(out, page)
    say(f"report: {out} ({len(page.encode()) / 1e6:.1f} MB)")
    for line in publish(warehouse.folders, out):
        say(line)
    if given.figures:
        files = list(save_all(warehouse, given.figures))
        say(f"figures: {len(files)} files in {given.figures}")


def _write(path: Path, page: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise RepertoireError(f"the report cannot be written to {path}: {error.strerror}") from None


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    try:
        main()
    except RepertoireError as error:
        sys.stderr.write(f"repertoire: {error}\n")
        sys.exit(2)
