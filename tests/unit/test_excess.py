"""A cell that is above its budget wins nothing, and is in no area, volume, rate or price."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from test_surface import ABOVE, rows, surface

from orchestrator.results.surface.areas import (
    compute_areas,
    front_volume,
    storage_areas,
    volumes,
)
from orchestrator.results.surface.crossings import break_even
from orchestrator.results.surface.exchange import exchange_rate
from orchestrator.results.surface.prices import Prices, price_winners, trial_prices
from orchestrator.results.surface.rates import marginal_rates
from orchestrator.results.surface.surface import Surface, build_surface
from orchestrator.results.surface.winners import winner_map
from orchestrator.terminal.price_tables import price_table
from orchestrator.terminal.surface_budgets import describe_unspent
from orchestrator.terminal.surface_findings import findings
from orchestrator.terminal.surface_tables import accuracy_text, winner_table

ACC = {"er": [[0.5, 0.6], [0.6, 0.9]], "joint": [[0.2, 0.4], [0.3, 0.7]]}  # storage by computation
FLOPS = {1.0: 100.0, 2.0: 200.0}  # that a budget of computation allows


def grid(above: str, place: tuple[int, int] = (1, 1)) -> Surface:
    """Return er and joint at 1 and 2 kB and at 1 x and 2 x, where er would be the best everywhere.

    Args:
        above: of which budget er has more in a cell, on one of two seeds: "bytes", "FLOPs" or "".
        place: of the cell.
    """
    cells = [
        {"method": name, "means_storage_bytes": 1000 * (a + 1), "means_compute": 1.0 + b}
        | {"acc": acc[a][b], "seed": seed, "storage_bytes": 900 * (a + 1)}
        for name, acc in ACC.items()
        for a, b, seed in np.ndindex(2, 2, 2)
    ]
    given = pd.DataFrame(cells)
    table = rows().iloc[[0] * len(given)].reset_index(drop=True).assign(**given)
    allowed = table["means_compute"].map(FLOPS)
    table = table.assign(means_flops=allowed, train_flops=allowed, consolidate_flops=0.0)
    if above:
        column = {"bytes": "storage_bytes", "FLOPs": "train_flops"}[above]
        table.loc[4 * place[0] + 2 * place[1], column] = 2001
    return build_surface("lab", table, "acc")


@pytest.mark.parametrize("above", ["bytes", "FLOPs"])
def test_a_cell_above_its_budget_is_left_out_of_all_that_compares(above: str) -> None:
    drawn = grid(above)
    assert np.argwhere(drawn.excess).tolist() == [[0, 1, 1]]
    assert [cell.best for cell in winner_map(drawn)] == [0, 0, 0, 1]
    # er has no area of which the cell is a part: at 2 x, and with 2 kB.
    expected = [[0.55, np.nan], [0.25, 0.55]]
    assert storage_areas(drawn).mean(-1) == pytest.approx(np.array(expected), nan_ok=True)
    expected = [[0.55, np.nan], [0.3, 0.5]]
    assert compute_areas(drawn).mean(-1) == pytest.approx(np.array(expected), nan_ok=True)
    assert volumes(drawn).mean(-1) == pytest.approx([np.nan, 0.4], nan_ok=True)
    # It might be the best of the cell. Else that is .5 and .6 at 1 kB, .6 and .9 at 2 kB.
    assert np.isnan(front_volume(drawn)).all()
    assert front_volume(grid("")).mean() == pytest.approx((0.55 + 0.75) / 2)
    rates = marginal_rates(drawn)
    assert np.isnan([rates.storage[0, 0, 1], rates.compute[0, 1, 0]]).all()
    assert rates.storage[0, 0, 0] == pytest.approx(0.1)
    assert np.isnan(break_even(drawn, 0, 1, 1).value), "joint is behind at 1 x"


def test_a_cell_above_its_budget_has_no_exchange_rate() -> None:
    assert np.isfinite(exchange_rate(grid(""), 0, 0, 0).value)
    for place in ((0, 0), (0, 1), (1, 0)):
        assert np.isnan(exchange_rate(grid("bytes", place), 0, 0, 0).value)


@pytest.mark.parametrize("above", ["bytes", "FLOPs"])
def test_a_cell_above_its_budget_has_no_price(above: str) -> None:
    prices = Prices(compute=1.0)
    drawn = grid(above)
    assert np.isnan(trial_prices(drawn, prices)[0, 1, 1])
    # At 200, er at 1 kB and 2 x before joint with .7; without an excess it is er with .9.
    assert list(price_winners(drawn, prices))[-1].method == 1
    assert list(price_winners(grid(""), prices))[-1].method == 0


def test_a_method_above_its_budget_leaves_none_of_it_there() -> None:
    """a spends half of its budget of all tasks, though more than that of one."""
    spent = np.array([[[[0.5, 0.5]], [[0.5, 0.5]]], [[[0.9, 0.9]], [[0.9, 0.9]]]])
    above = np.array([[[True], [False]], [[False], [False]]])
    drawn = surface(spent, shares=spent, excess=above)
    (line,) = describe_unspent(drawn)
    assert line.endswith("over cells: a 0.50, b 0.90.")
    above[0] = True
    (line,) = describe_unspent(surface(spent, shares=spent, excess=above))
    assert line.endswith("over cells: b 0.90.")


def printed(drawn: object) -> str:
    console = Console(width=200)
    with console.capture() as text:
        console.print(drawn)
    return " ".join(text.get().split())


def test_what_is_above_its_budget_is_said_once_and_marked_in_its_cell() -> None:
    drawn = grid("bytes")
    sentence = f"{ABOVE}: er (2 kB and 2 x)."
    assert [line for line in findings(drawn) if line.startswith("Above")] == [sentence]
    assert printed(price_table(drawn, Prices(compute=1.0))).count(sentence) == 1
    assert "of the best method of each cell" not in " ".join(findings(drawn))
    assert accuracy_text(drawn, (0, 1, 1)) == "above budget"
    assert accuracy_text(drawn, (1, 1, 1)) == "0.700 ± 0.000"
    assert "2 kB er joint" in printed(winner_table(drawn))
    within = grid("")
    assert not any(line.startswith("Above") for line in findings(within))
    assert "of the best method of each cell" in " ".join(findings(within))
    prices = printed(price_table(within, Prices(compute=1.0)))
    assert "Above" not in prices
    assert "each price, 2 seeds" in prices
