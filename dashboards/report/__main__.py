"""`python -m dashboards.report DIR [--out FILE] [--figures DIR]`, behind `repertoire report`."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dashboards.data.folders import SweepFolder
from dashboards.data.warehouse import open_results
from orchestrator.benchmarks.atomic_files import write_atomically
from orchestrator.errors import RepertoireError
from orchestrator.results.addresses import show_addresses
from orchestrator.results.units import bytes_text
from orchestrator.terminal.escaping import replace_controls
from orchestrator.tracking.sync import attach_file
from orchestrator.tracking.target import read_target


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the report of results folders, and print its path."""
    given = create_parser().parse_args(arguments)
    warehouse = open_results(given.dirs)
    # Plotly takes a second to import, for which a folder without results need not wait.
    from dashboards.report.page import render

    file: Path = given.out or given.dirs[0] / "report.html"
    given_words = map(show_addresses, arguments or sys.argv[1:])
    command = shlex.join(["repertoire", "report", *given_words])
    if given.figures:  # before a report is written that has none
        with _one_message("the figures", given.figures):
            given.figures.mkdir(parents=True, exist_ok=True)
    page = render(warehouse, command)
    with _one_message("the report", file):
        if given.out:  # the caller's own choice, which may be a link or a device
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(page, encoding="utf-8")
        else:
            # Not through a link, which a folder of another user may have to the caller's file.
            write_atomically(file, page)
    print_line(f"report: {file} ({bytes_text(len(page.encode()))})")
    for line in attach_report(warehouse.folders, file):
        print_line(line)
    if given.figures:
        from dashboards.figures import save_all  # matplotlib is slow to import

        with _one_message("the figures", given.figures):
            files = list(save_all(warehouse, given.figures))
        print_line(f"figures: {len(files)} files in {given.figures}")


def create_parser() -> argparse.ArgumentParser:
    """Return the parser of the arguments."""
    parser = argparse.ArgumentParser(prog="repertoire report", description=main.__doc__)
    parser.add_argument("dirs", type=Path, nargs="+", metavar="DIR", help="results folders")
    out = "default: report.html in the first DIR"
    parser.add_argument("--out", type=Path, metavar="FILE", help=out)
    parser.add_argument("--figures", type=Path, metavar="DIR", help="also SVG and PDF figures")
    return parser


@contextmanager
def _one_message(what: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RepertoireError(f"{what} cannot be written to {path}: {error.strerror}") from None


def print_line(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{show_addresses(line)}\n")


def attach_report(folders: Sequence[SweepFolder], report: Path) -> Iterator[str]:
    """Store the report with the MLflow run of each sweep; yield a line on success or failure."""
    for folder in folders:
        try:
            target = read_target(folder.path)
            attach_file(folder.path, target, report)
        except RepertoireError as error:
            yield f"{folder.name}: not in MLflow: {' '.join(str(error).split())}"
        else:
            yield f"{folder.name}: in MLflow ({target.safe_uri}) as {report.name}"


if __name__ == "__main__":
    try:
        main()
    except RepertoireError as error:
        sys.stderr.write(show_addresses(replace_controls(f"repertoire: {error}\n")))
        sys.exit(2)
