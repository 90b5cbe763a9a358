"""The command `compare`: methods in a table, in several formats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import zip_longest
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from orchestrator.cli.options import Dirs, show
from orchestrator.errors import RepertoireError
from orchestrator.sweep.objective.expression import OBJECTIVE_NAMES

if TYPE_CHECKING:
    from rich.console import RenderableType

    from orchestrator.results.results import Results


class Format(StrEnum):
    """How a comparison is written."""

    table = "table"
    markdown = "markdown"
    latex = "latex"
    csv = "csv"
    json = "json"


USUAL_FRONT = "acc,storage_bytes,compute_flops"


class CompareCommand(TyperCommand):
    """A command whose `--pareto` takes an optional list of metrics."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments, with the metrics of `--pareto` added if they are missing."""
        return super().parse_args(ctx, list(self._complete_pareto(args)))

    def _complete_pareto(self, args: Sequence[str]) -> Iterator[str]:
        for word, following in zip_longest(args, args[1:], fillvalue=""):
            yield word
            # A word that is no metric is the next argument, and --pareto has the usual ones.
            metrics = {*OBJECTIVE_NAMES, *USUAL_FRONT.split(","), "seconds"}
            if word == "--pareto" and not metrics.intersection(following.split(",")):
                yield USUAL_FRONT


def compare_command(  # noqa: PLR0913 - an argument for each option
    dirs: Dirs,
    by: Annotated[
        str, typer.Option("--by", help="A row for each: method, trial_id, or a config.* column.")
    ] = "method",
    format: Annotated[
        Format,
        typer.Option("--format", metavar="FORMAT", help=f"{', '.join(Format)}."),
    ] = Format.table,
    against: Annotated[
        str | None,
        typer.Option(
            "--against", metavar="LABEL", help="The row to compare others with; default: best."
        ),
    ] = None,
    pareto: Annotated[
        str | None,
        typer.Option(
            "--pareto",
            metavar="[METRICS]",
            help=f"Mark the Pareto front of {USUAL_FRONT.replace(',', ', ')}, or of others.",
        ),
    ] = None,
    means: Annotated[
        bool,
        typer.Option("--means", help="At equal means: accuracy by budget, winners, rates."),
    ] = False,
    prices: Annotated[
        str | None,
        typer.Option(
            "--prices",
            metavar="PRICES",
            help="At equal means, the best method for each price: "
            "storage=0.02/GB-month, compute=2/GPU-hour (or /PFLOP), months=12, "
            "predictions=1e6/month.",
        ),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option("--sort", metavar="COLUMN", help="Best first: acc, storage, n, or method."),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option("--columns", metavar="NAMES", help="Those to print: acc,forgetting,time."),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="One table or surface, with a warning if not comparable."),
    ] = False,
) -> None:
    """Compare methods: means with 95 % intervals, paired differences, ranks, Pareto front."""
    from orchestrator.results.arrangement import sort_rows, values_with, with_columns
    from orchestrator.results.best import with_best
    from orchestrator.results.comparison import comparison
    from orchestrator.results.contrasts import with_differences
    from orchestrator.results.front import with_front
    from orchestrator.results.load import load
    from orchestrator.results.ranking import with_ranks
    from orchestrator.terminal.comparison.rendering import render
    from orchestrator.terminal.console import terminal_width

    if means or prices is not None:
        others = {"by": by, "format": format, "against": against, "pareto": pareto, "sort": sort}
        refuse_with_means(means, **others, columns=columns)
    results = load(*dirs)
    if means or prices is not None:
        for page in means_pages(results, means, prices, len(dirs) > 1, force):
            show(page)
        return
    values = values_with([*(columns or "").split(","), sort or ""])
    table = comparison(results, by, together=len(dirs) > 1, force=force, values=values)
    table = with_ranks(with_differences(results, table, against))
    if pareto is not None:
        table = with_front(table, [name.strip() for name in pareto.split(",")])
    if sort is not None:
        table = sort_rows(table, sort)
    if columns is not None:
        table = with_columns(table, columns.split(","))
    if format in (Format.markdown, Format.latex):
        table = with_best(results, table)
    show(render(table, format.value, terminal_width()))


def refuse_with_means(means: bool, **given: object) -> None:
    """Refuse options of the table of methods beside `--means` or `--prices`.

    Raises:
        RepertoireError: one is given.
    """
    usual = {"by": "method", "format": Format.table}
    if wrong := [f"--{name}" for name, value in given.items() if value != usual.get(name)]:
        option = "--means" if means else "--prices"
        raise RepertoireError(
            f"compare {option}: does not go with {', '.join(wrong)}; {option} prints tables of its "
            f"own. Leave {', '.join(wrong)} out, or leave {option} out for a table of methods; the "
            "cells as data are in trials.parquet, columns means_storage_bytes and means_compute"
        )


def means_pages(
    results: Results, means: bool, prices: str | None, together: bool, force: bool
) -> Iterator[RenderableType]:
    """Yield the surface of each setting with its costs, its winners by price, or both.

    Args:
        results: of one folder or several.
        means: whether to yield the surface with its costs.
        prices: to yield the winners by; None for none.
        together: as for `surfaces`.
        force: as for `surfaces`.
    """
    from orchestrator.results.surface.prices import parse_prices
    from orchestrator.results.surface.surface import surfaces
    from orchestrator.terminal.growth_tables import cost_tables
    from orchestrator.terminal.price_tables import price_table
    from orchestrator.terminal.surface_tables import surface_tables

    paid = None if prices is None else parse_prices(prices)
    for surface in surfaces(results, together=together, force=force):
        if means:
            yield surface_tables(surface)
            yield from cost_tables(results, surface)
        if paid is not None:
            yield price_table(surface, paid)
