"""The searches of results as a table: winners with their hyperparameters, and what was tried."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from orchestrator.results.searches import STATUSES, GroupOutcome
from orchestrator.results.units import objective_text
from orchestrator.terminal.broken_text import break_name


def search_tables(outcomes: Sequence[GroupOutcome]) -> RenderableType:
    """Return a table for each sweep that searched, with the reasons why candidates ended early."""
    sweeps = dict.fromkeys(each.sweep for each in outcomes)
    return Group(
        *(
            piece
            for sweep in sweeps
            for piece in _sweep_pieces(sweep, [each for each in outcomes if each.sweep == sweep])
        )
    )


def candidates_text(outcome: GroupOutcome) -> str:
    """Return the number of candidates that were tried, and their statuses, as text."""
    counts = ", ".join(f"{number} {status}" for status, number in outcome.statuses.items())
    return f"{outcome.num_candidates} candidates were tried: {counts}"


def _sweep_pieces(sweep: str, outcomes: Sequence[GroupOutcome]) -> Iterator[RenderableType]:
    statuses = [each for each in STATUSES if any(each in one.statuses for one in outcomes)]
    table = Table(box=SIMPLE, pad_edge=False, collapse_padding=True)
    table.add_column("searched")
    table.add_column("chosen")
    for header in ("objective", "tried", *statuses):
        table.add_column(header, justify="right", no_wrap=True)
    for outcome in outcomes:
        for group, chosen, *numbers in _rows(outcome, statuses):
            table.add_row(break_name(group), break_name(chosen), *map(Text, numbers))
    yield Text(f"search of {sweep}", style="bold")
    yield table
    for outcome in outcomes:
        for reason in outcome.reasons:
            yield Text(f"{outcome.group}: {reason}", style="dim")


def _rows(outcome: GroupOutcome, statuses: Sequence[str]) -> Iterator[list[str]]:
    """Yield the cells of each winner, the first with the counts of the group."""
    counts = [str(outcome.statuses.get(status, 0)) for status in statuses]
    first = [str(outcome.num_candidates), *counts]
    for i, (hyperparameters, value) in enumerate(outcome.winners or (("nothing", float("nan")),)):
        rest = [""] * len(first) if i else first
        chosen = hyperparameters or "the only values"
        yield ["" if i else outcome.group, chosen, objective_text(value), *rest]
