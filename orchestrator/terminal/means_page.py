"""The cells of a sweep with means as lines: what fits, what does not and why."""

from __future__ import annotations

from collections import Counter

from orchestrator.sweep.means.cells import describe_cell
from orchestrator.sweep.means.solve import missing_prices
from orchestrator.sweep.sweep import Sweep

MAX_LISTED = 20  # reasons


def means_lines(sweep: Sweep) -> list[str]:
    """Return lines on the cells of a solved sweep; none for a sweep without means."""
    if sweep.means is None:
        return []
    left_out = [cell for cell in sweep.cells if cell.outcome is not None]
    waiting = [cell for cell in sweep.cells if cell.prices]
    ready = len(sweep.trials) + len(sweep.groups)
    counts = Counter(cell.outcome[0] for cell in left_out if cell.outcome)
    parts = [f"{ready} fit", *(f"{n} {status}" for status, n in sorted(counts.items()))]
    if waiting:
        parts.append(f"{len(waiting)} to solve for once their prices are counted")
    lines = [f"means: {ready + len(sweep.cells)} cells: {', '.join(parts)}"]
    if prices := missing_prices(sweep):
        stages = sum(trial.benchmark.num_tasks * len(trial.seeds) for trial in prices)
        lines.append(
            f"prices: {len(prices)} are missing, each a method that learns every task for one "
            f"epoch; the run begins with their {stages} stages at most"
        )
    reasons = dict.fromkeys(describe_cell(cell) for cell in left_out)
    lines += [f"  {reason}" for reason in list(reasons)[:MAX_LISTED]]
    if len(reasons) > MAX_LISTED:
        lines.append(f"  and {len(reasons) - MAX_LISTED} more")
    return lines
