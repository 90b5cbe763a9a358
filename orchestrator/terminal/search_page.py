"""The searches of results as tables: winners with their hyperparameters, and what was tried."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from orchestrator.results.searches import STATUSES, GroupOutcome
from orchestrator.results.units import objective_text
from orchestrator.terminal.broken_text import break_name
from orchestrator.terminal.comparison.block import Block


def search_tables(outcomes: Sequence[GroupOutcome]) -> RenderableType:
    """Return a table for each sweep that searched, with the reasons why candidates ended early."""
    return Group(*(piece for block in search_blocks(outcomes) for piece in _pieces(block)))


def search_blocks(outcomes: Sequence[GroupOutcome]) -> list[Block]:
    """Return a table for each sweep that searched; its notes are why candidates ended early."""
    sweeps = dict.fromkeys(each.sweep for each in outcomes)
    return [_block(name, [each for each in outcomes if each.sweep == name]) for name in sweeps]


def candidates_text(outcome: GroupOutcome) -> str:
    """Return the number of candidates that were tried, and their statuses, as text."""
    counts = ", ".join(f"{number} {status}" for status, number in outcome.statuses.items())
    return f"{outcome.num_candidates} candidates were tried: {counts}"


def _block(sweep: str, outcomes: Sequence[GroupOutcome]) -> Block:
    statuses = [each for each in STATUSES if any(each in one.statuses for one in outcomes)]
    return Block(
        title=f"search of {sweep}",
        headers=("searched", "chosen", "objective", "tried", *statuses),
        rows=[row for outcome in outcomes for row in _rows(outcome, statuses)],
        notes=[f"{each.group}: {reason}" for each in outcomes for reason in each.reasons],
        left=2,
    )


def _pieces(block: Block) -> Iterator[RenderableType]:
    table = Table(box=SIMPLE, pad_edge=False, collapse_padding=True)
    for i, header in enumerate(block.headers):
        if i < block.left:
            table.add_column(header)
        else:
            table.add_column(header, justify="right", no_wrap=True)
    for group, chosen, *numbers in block.rows:
        table.add_row(break_name(group), break_name(chosen), *map(Text, numbers))
    yield break_name(block.title, "bold")
    yield table
    yield from (Text(note, style="dim") for note in block.notes)


def _rows(outcome: GroupOutcome, statuses: Sequence[str]) -> Iterator[list[str]]:
    """Yield the cells of each winner, the first with the counts of the group."""
    counts = [str(outcome.statuses.get(status, 0)) for status in statuses]
    first = [str(outcome.num_candidates), *counts]
    for i, (hyperparameters, value) in enumerate(outcome.winners or (("nothing", float("nan")),)):
        rest = [""] * len(first) if i else first
        chosen = hyperparameters or "the only values"
        yield ["" if i else outcome.group, chosen, objective_text(value), *rest]
