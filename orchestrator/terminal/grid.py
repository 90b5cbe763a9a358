"""R as a grid for a terminal: numbers on coloured cells, or plain numbers without colour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

from rich.console import Console, ConsoleOptions, RenderResult
from rich.style import Style
from rich.text import Text

from orchestrator.results.cells import AccuracyCell, spread_tasks
from orchestrator.results.colours import hex_text
from orchestrator.results.metrics import R

HEAD, CELL = 9, 6  # characters
MOST_TASKS = 30  # of more, as many are shown as fit beside each other


@dataclass(frozen=True)
class AccuracyGrid:
    """R, shape [T+1, T], with a row per number of tasks learned, in several parts if it is wide.

    The accuracy on the task learned last is bold; NaN is a dash. If there are more than MOST_TASKS
    tasks, some are shown, from the first to the last, with the rows after these tasks.
    """

    r: R

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines."""
        num_tasks = self.r.shape[1]
        at_once = max(1, (options.max_width - HEAD) // CELL)
        if num_tasks > MOST_TASKS:
            shown = spread_tasks(range(1, num_tasks + 1), at_once)
            yield from self._part([task - 1 for task in shown], [0, *shown])
            note = f"{len(shown)} of {num_tasks} tasks; all: accuracy.parquet, repertoire dashboard"
            yield Text(f"{note}\n", style="dim")
            return
        # Parts of equal width, rather than a last one of a column or two.
        size = ceil(num_tasks / ceil(num_tasks / at_once))
        for first in range(0, num_tasks, size):
            tasks = range(first, min(first + size, num_tasks))
            yield from self._part(tasks, range(num_tasks + 1))

    def _part(self, tasks: Sequence[int], rows: Sequence[int]) -> Iterator[Text]:
        """Yield the lines of some of the tasks, counted from 0, after some numbers of tasks."""
        yield Text(f"{'':{HEAD}}task", style="dim")
        numbers = "".join(f"{task + 1:^{CELL}}" for task in tasks)
        yield Text(f"{'learned':{HEAD}}{numbers}".rstrip(), style="dim")
        for after in rows:
            line = Text.assemble((f"{after:>7}  ", "dim"))
            for task in tasks:
                cell = AccuracyCell(after, task + 1, float(self.r[after, task]))
                line.append(f"{cell.text:^{CELL}}", cell_style(cell))
            yield line
        yield Text("")


def cell_style(cell: AccuracyCell) -> Style:
    """Return the style of a cell: its colours, and bold for the task learned last."""
    bold = Style(bold=cell.is_just_learned)
    if not cell.is_measured:
        return Style(dim=True) + bold
    return Style.parse(f"{hex_text(cell.text_colour)} on {hex_text(cell.background)}") + bold
