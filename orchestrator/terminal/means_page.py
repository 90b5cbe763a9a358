"""The cells of a sweep with means as lines: what fits, what it costs, what does not fit and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from orchestrator.results.units import flops_text, noun_text
from orchestrator.sweep.means.anchors import ANCHORS, EVERYWHERE, trains_output_layer_alone
from orchestrator.sweep.means.cells import Cell, describe_cell, is_ready
from orchestrator.sweep.means.estimates import estimate_budgets, estimate_free, estimate_prices
from orchestrator.sweep.means.means import Means
from orchestrator.sweep.search_estimates import estimate_search
from orchestrator.sweep.solve_means import missing_prices
from orchestrator.sweep.sweep import Sweep
from orchestrator.sweep.trial import Trial
from orchestrator.terminal.surface_budgets import networks_text

MAX_LISTED = 20  # reasons
T = TypeVar("T")
Figure = TypeVar("Figure")


def means_lines(sweep: Sweep) -> list[str]:
    """Return lines on the cells of a solved sweep; none for a sweep without means."""
    if sweep.means is None:
        return []
    return [
        cells_line(sweep.cells),
        *aligned_lines(sweep.cells, sweep.means),
        *price_lines(sweep),
        *free_lines(sweep.cells),
        *cost_lines(sweep.cells),
        *search_lines(sweep),
        *network_lines(sweep.cells),
        *anchor_lines(sweep.cells, sweep.means.anchors),
        *nowhere_lines(sweep.cells),
        *reason_lines(sweep.cells),
    ]


def cells_line(cells: Sequence[Cell]) -> str:
    """Return the numbers of cells that fit, that do not, and that are not solved for yet."""
    ended = Counter(cell.outcome[0] for cell in cells if cell.outcome)
    waiting = sum(bool(cell.prices) for cell in cells)
    parts = [f"{sum(map(is_ready, cells))} fit", *(f"{n} {s}" for s, n in sorted(ended.items()))]
    more = [f"{waiting} to solve for once their prices are counted"] if waiting else []
    return f"means: {noun_text(str(len(cells)), 'cell')}: {', '.join([*parts, *more])}"


def aligned_lines(cells: Sequence[Cell], means: Means) -> Iterator[str]:
    """Yield the storage that is not given in the file but follows from its methods, if any."""
    for size in dict.fromkeys(cell.storage for cell in cells):
        if size not in means.storage:
            yield (
                f"means: storage is {size:,} B, what the dearest method of the sweep carries as it "
                "is configured"
            )


def price_lines(sweep: Sweep) -> Iterator[str]:
    """Yield a line with the number of missing prices, if any."""
    if prices := missing_prices(sweep):
        stages = sum(trial.benchmark.num_tasks * len(trial.seeds) for trial in prices)
        yield (
            f"prices: {len(prices)} are missing, each a method that learns every task for an "
            f"epoch or two; the run begins with their {stages} stages at most{price_text(prices)}, "
            "and once they are counted it is known which cells fit their computation"
        )
        yield from budget_lines([cell for cell in sweep.cells if cell.prices])


def try_estimate(estimate: Callable[[Sequence[T]], Figure], given: Sequence[T]) -> Figure | None:
    """Return an estimate; None if a user's network raises, since a figure must not fail a plan."""
    try:
        return estimate(given)
    except Exception:
        return None


def price_text(prices: Sequence[Trial]) -> str:
    """Return what price trials cost at least, as far as it is known before they run; "" if not."""
    flops = try_estimate(estimate_prices, prices)
    if flops is None:
        return ""
    steps = flops_text(flops)
    return f", about {steps} or more (the steps of the network; what else methods add is not known)"


def budget_lines(cells: Sequence[Cell]) -> Iterator[str]:
    """Yield the FLOPs that cells may spend whose prices are missing, before and after sharing."""
    estimate = try_estimate(estimate_budgets, cells)
    if estimate is None:
        return
    before, after = estimate
    yield (
        f"cost: about {flops_text(before)} of training and consolidation on all seeds at most "
        f"in the cells to solve for, {flops_text(after)} where they share stages; the prices "
        "come on top"
    )


def free_lines(cells: Sequence[Cell]) -> Iterator[str]:
    """Yield the FLOPs of the steps of cells of free computation, before and after sharing."""
    before, after = try_estimate(estimate_free, cells) or (0.0, 0.0)
    if before:
        yield (
            f"cost: about {flops_text(before)} for the steps of the network on all seeds, "
            f"{flops_text(after)} where cells share stages; computation is free, so that "
            "nothing is priced: what else a method adds is known once it has run"
        )


def cost_lines(cells: Sequence[Cell]) -> Iterator[str]:
    """Yield the FLOPs of the cells solved for, before and after sharing, and of the prices."""
    before, by_key = 0, dict[str, int]()
    for cell in cells:
        for seed in cell.trial.seeds if cell.flops else ():
            tasks = zip(cell.trial.stages(seed)[1:], cell.flops[seed], strict=True)
            flops = {stage.key: cost for stage, cost in tasks}
            before += sum(flops.values())
            by_key |= flops
    if before:
        after = sum(by_key.values())
        priced = {key: cost for cell in cells for key, cost in cell.price_flops.items()}
        prices = sum(cost for key, cost in priced.items() if key not in by_key)
        yield (
            f"cost: {flops_text(before)} of training and consolidation on all seeds, "
            f"{flops_text(after)} where cells share stages, and {flops_text(prices)} of "
            "the stages that count prices"
        )


def search_lines(sweep: Sweep) -> Iterator[str]:
    """Yield the FLOPs of the candidates of a search, which the costs of its winners leave out."""
    search = sweep.search
    flops = search and try_estimate(lambda cells: estimate_search(cells, search), sweep.cells)
    if flops:
        free = all(cell.compute is None for cell in sweep.cells)
        what = "for the steps of the network" if free else "at most, the budgets of their cells"
        yield (
            "cost: the candidates of the search come on top: on all of its seeds about "
            f"{flops_text(flops)} {what}, if none is stopped and no stage is shared"
        )


def network_lines(cells: Sequence[Cell]) -> Iterator[str]:
    """Yield a warning if networks differ: cells then have several units of computation."""
    networks = {str(cell.trial.config["network"]) for cell in cells if cell.compute is not None}
    if len(networks) > 1:
        yield f"means: {networks_text(len(networks))}"


def anchor_lines(cells: Sequence[Cell], added: Sequence[str]) -> Iterator[str]:
    """Yield the anchors that the means add to a sweep, and those that it leaves out."""
    methods = {cell.trial.method.name: cell.trial for cell in cells}
    if present := [name for name in added if name in methods]:
        yield f"means: added to the methods of the sweep, as anchors: {', '.join(present)}"
    parts = [(trial.benchmark, trial.network, trial.training) for trial in methods.values()]
    wanted = ANCHORS if all(trains_output_layer_alone(*each) for each in parts) else EVERYWHERE
    if missing := [name for name in wanted if name not in {*methods, *added}]:
        yield (
            f"means: a surface is read against {', '.join(missing)}, which this sweep leaves out "
            "(anchors: true adds those that go with it)"
        )


def nowhere_lines(cells: Sequence[Cell]) -> Iterator[str]:
    """Yield a line with the methods that fit no cell, if any."""
    fitting = {cell.trial.method.name for cell in cells if not cell.outcome}
    names = dict.fromkeys(cell.trial.method.name for cell in cells)
    if nowhere := [name for name in names if name not in fitting]:
        yield f"means: fit no cell: {', '.join(nowhere)}"


def reason_lines(cells: Sequence[Cell]) -> list[str]:
    """Return the reasons that cells do not fit, each once, one of every method first."""
    unfit = [cell for cell in cells if cell.outcome]
    first = dict[str, Cell]()
    for cell in unfit:
        first.setdefault(cell.trial.method.name, cell)
    listed = [*first.values(), *unfit]
    reasons = list(dict.fromkeys(f"  {describe_cell(cell)}" for cell in listed))
    most = max(MAX_LISTED, len(first))
    more = [f"  and {len(reasons) - most} more"] if len(reasons) > most else []
    return [*reasons[:most], *more]
