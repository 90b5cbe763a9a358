"""The surface of sweeps with means, and the growth of costs with the number of tasks."""

from __future__ import annotations

import pandas as pd

from dashboards.data.comparing import add_labels
from dashboards.data.scope import IS_COMPARED, Scope
from dashboards.data.warehouse import Warehouse
from orchestrator.results.agreement import measured_costs
from orchestrator.results.bodies import APART, WITHOUT_BODY, subtract_bodies
from orchestrator.results.growth import LIMIT, memory_limits
from orchestrator.results.pooling import TABLE
from orchestrator.results.protocol import setting_title
from orchestrator.results.results import Results
from orchestrator.results.surface.costs import search_costs
from orchestrator.results.surface.surface import (
    BUDGETS,
    DIAL,
    Surface,
    have_means,
    surfaces,
)

BUDGET = r"\s*\bmeans\.\w+=\S+"  # of a cell, in a label


def read_surfaces(warehouse: Warehouse, scope: Scope, metric: str = "acc") -> list[Surface]:
    """Return the surface of each setting in scope; none if no trial in scope has means."""
    trials = warehouse.results.trials
    trials = trials[scope.mask(trials)]
    if not have_means(trials).any():
        return []
    return list(surfaces(Results(trials, pd.DataFrame(), pd.DataFrame()), metric))


def read_costs(warehouse: Warehouse, scope: Scope) -> pd.DataFrame:
    """Return FLOPs and seconds of each trial in scope, see `measured_costs`, and its `setting`."""
    trials = warehouse.results.trials
    return name_settings(measured_costs(trials[scope.mask(trials)]))


def read_search_costs(warehouse: Warehouse, surface: Surface) -> pd.DataFrame:
    """Return the rows of `search_costs` of a surface; none where nothing was searched."""
    trials = warehouse.results.trials
    if not (trials["phase"] == "search").any():
        return pd.DataFrame()
    columns = "sweep, trial_id, seed, key, train_flops, consolidate_flops"
    stages = warehouse.frame(f"SELECT {columns} FROM stages")
    return search_costs(Results(trials, pd.DataFrame(), stages), surface)


def name_settings(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with `setting`, the title of their setting, for the columns of TABLE."""
    settings = rows[TABLE].itertuples(index=False)
    titles = [setting_title(*setting) for setting in settings]
    return rows.drop(columns=TABLE).assign(setting=pd.Series(titles, rows.index, object))


def select_cell(costs: pd.DataFrame, surface: Surface, place: tuple[int, int]) -> pd.DataFrame:
    """Return the rows of `read_growth` in one cell of a surface, without its budgets in labels."""
    budgets = surface.storage[place[0]], surface.compute[place[1]]
    among = costs["setting"] == surface.title
    for name, budget in zip(BUDGETS, budgets, strict=True):
        among &= costs[name].isna() if budget is None else costs[name] == budget
    rows = costs[among]
    return rows.assign(label=rows["label"].astype(str).str.replace(BUDGET, "", regex=True))


def read_growth(warehouse: Warehouse, scope: Scope) -> pd.DataFrame:
    """Return the costs of each configuration in scope after each task, means over its seeds.

    Columns: `setting` (its title), `label`, those of BUDGETS, `after` (from 1), `storage_bytes`
    carried after this task that count against the budget, `compute_flops` of its training and
    consolidation, LIMIT and APART; tasks whose costs are not known are left out.
    """
    own = ", ".join([*TABLE, "phase", *BUDGETS])
    answer = warehouse.frame(
        f"SELECT sweep, trial_id, {own}, after, max({DIAL}) AS {DIAL}, "
        f"avg(s.storage_bytes) AS storage_bytes, avg(s.{WITHOUT_BODY}) AS {WITHOUT_BODY}, "
        "avg(s.train_flops + s.consolidate_flops) AS compute_flops "
        "FROM (SELECT * FROM stages WHERE after > 0) AS s "
        f"JOIN (SELECT sweep, trial_id, seed, place, {own}, {DIAL} FROM trials "
        f"WHERE {scope.where(*IS_COMPARED)}) USING (sweep, trial_id, seed) "
        "GROUP BY ALL ORDER BY min(place), after"
    )
    costs = ["storage_bytes", "compute_flops"]
    known = subtract_bodies(answer.dropna(subset=costs), warehouse.results.trials)
    rows = name_settings(add_labels(warehouse, known))
    rows = rows.assign(**{LIMIT: memory_limits})
    return rows[["setting", "label", *BUDGETS, "after", *costs, LIMIT, APART]]
