"""`python -m dashboards.figures DIR FILE [--figure NAME]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from dashboards.data.warehouse import open_results
from dashboards.figures import FIGURES, MEANS_FIGURES, draw
from dashboards.figures.canvas import save
from orchestrator.errors import RepertoireError


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw a figure of a results folder into a file."""
    parser = argparse.ArgumentParser(prog="python -m dashboards.figures", description=main.__doc__)
    parser.add_argument("dir", type=Path, metavar="DIR", help="a results folder")
    parser.add_argument("file", type=Path, metavar="FILE.png", help="where to; .svg and .pdf too")
    parser.add_argument("--figure", choices=[*FIGURES, *MEANS_FIGURES], default=FIGURES[0])
    given = parser.parse_args(arguments)
    figure = draw(open_results([given.dir]), given.figure)
    given.file.parent.mkdir(parents=True, exist_ok=True)
    save(figure, given.file)


if __name__ == "__main__":
    try:
        main()
    except RepertoireError as error:
        sys.exit(f"figures: {error}")
