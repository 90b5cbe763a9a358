"""The surface of sweeps with means, and the growth of costs with the number of tasks."""

from __future__ import annotations

import pandas as pd

from dashboards.data.comparing import add_labels
from dashboards.data.scope import IS_COMPARED, Scope
from dashboards.data.warehouse import Warehouse
from orchestrator.columns import STORAGE_BOUND
from orchestrator.results.agreement import measured_costs
from orchestrator.results.bodies import APART
from orchestrator.results.pooling import TABLE
from orchestrator.results.protocol import setting_title
from orchestrator.results.results import Results
from orchestrator.results.surface.comparable import are_of_part
from orchestrator.results.surface.costs import (
    BOUNDS,
    GROWING_COSTS,
    STAGE_COSTS,
    are_in_cell,
    search_costs,
    task_costs,
)
from orchestrator.results.surface.surface import Surface, surfaces
from orchestrator.results.surface.task_figures import CHAIN, STAGE_FIGURES
from orchestrator.results.surface.trials import BUDGETS, DIAL, have_means

BUDGET = r"\s*\bmeans\.\w+=\S+"  # of a cell, in a label


def read_surfaces(warehouse: Warehouse, scope: Scope, metric: str = "acc") -> list[Surface]:
    """Return the surfaces of `surfaces` in scope; none if no trial in scope has means."""
    trials = warehouse.results.trials
    trials = trials[scope.mask(trials)]
    if not have_means(trials).any():
        return []
    stages = warehouse.frame(
        f"SELECT {', '.join(STAGE_FIGURES)} FROM stages WHERE {is_compared(scope)}"
    )
    return list(surfaces(Results(trials, pd.DataFrame(), stages), metric))


def is_compared(scope: Scope) -> str:
    """Return the SQL condition that a stage is of a trial that is compared in a scope."""
    chain = ", ".join(CHAIN)
    return f"({chain}) IN (SELECT {chain} FROM trials WHERE {scope.where(*IS_COMPARED)})"


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


def select_surface(costs: pd.DataFrame, surface: Surface) -> pd.DataFrame:
    """Return the rows of `read_growth` or `read_costs` that are of a surface."""
    of_part = are_of_part(costs["setting"], costs["sweep"], surface.title, surface.sweeps)
    return costs[of_part]


def select_cell(costs: pd.DataFrame, surface: Surface, place: tuple[int, int]) -> pd.DataFrame:
    """Return the rows of `read_growth` in one cell of a surface, without its budgets in labels."""
    rows = select_surface(costs, surface)
    rows = rows[are_in_cell(rows, surface, place)]
    return rows.assign(label=rows["label"].astype(str).str.replace(BUDGET, "", regex=True))


def read_growth(warehouse: Warehouse, scope: Scope) -> pd.DataFrame:
    """Return the costs of each configuration in scope after each task, means over its seeds.

    Columns: `sweep`, `setting` (its title), `trial_id`, `label`, those of BUDGETS, and those of
    `task_costs`.
    """
    by = ["sweep", "trial_id", "phase", *TABLE, *BUDGETS]
    trials = warehouse.frame(
        f"SELECT {', '.join([*by, 'seed', DIAL, STORAGE_BOUND])} FROM trials "
        f"WHERE {scope.where(*IS_COMPARED)} ORDER BY place"
    )
    stages = warehouse.frame(
        f"SELECT {', '.join(STAGE_COSTS)} FROM stages WHERE {is_compared(scope)} ORDER BY after"
    )
    costs = task_costs(trials, stages, by, warehouse.results.trials)
    rows = name_settings(add_labels(warehouse, costs))
    names = ["sweep", "setting", "trial_id", "label"]
    return rows[[*names, *BUDGETS, "after", *GROWING_COSTS, *BOUNDS, APART]]
