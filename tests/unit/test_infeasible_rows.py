"""The zeros in the costs of infeasible trials are read by nobody as costs.

joint, which fits nowhere, is added to a sweep of complete trials; what compares costs says the same
with it and without it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from random_tables import COSTS, random_tables
from test_means import finish

from dashboards.data.comparing import compare_configurations
from dashboards.data.means import read_costs, read_growth, read_surfaces
from dashboards.data.scope import EVERYTHING
from dashboards.data.warehouse import Warehouse
from orchestrator.columns import METRICS
from orchestrator.results.agreement import measured_costs
from orchestrator.results.comparison import comparison
from orchestrator.results.front import with_front
from orchestrator.results.load import load
from orchestrator.results.results import Results
from orchestrator.results.surface.areas import front_volume, volumes
from orchestrator.results.surface.costs import cell_costs
from orchestrator.results.surface.prices import parse_prices, price_winners
from orchestrator.results.surface.surface import surfaces
from orchestrator.results.tables.tables import Tables, write_tables

pytestmark = pytest.mark.slow

COMPARED = ("storage_bytes", "compute_flops")  # of which 0 would be the best
MEANS = {"means_storage_bytes": 10**9, "means_compute": 2.0, "means_dial": "{}", "device": "cpu"}


def add_infeasible(tables: Tables) -> Tables:
    """Return tables with the trials of a method that does not fit, as the tabulator writes them."""
    trials = tables.trials
    unfit = trials.filter(pc.equal(trials["method"], "finetune")).to_pylist()
    changes = {"trial_id": "joint-", "method": "joint", "status": "infeasible", "tasks_done": 0}
    changes |= dict.fromkeys(COSTS, 0) | dict.fromkeys((*METRICS, "val_acc"), None)
    rows = pa.Table.from_pylist([row | changes for row in unfit], trials.schema)
    return Tables(pa.concat_tables([trials, rows]), tables.accuracy, tables.stages)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The folders of the sweep without joint and with it."""
    folder = tmp_path_factory.mktemp("infeasible")
    tables = random_tables(np.random.default_rng(0), "lab", complete=1.0, more=MEANS)
    write_tables(tables, folder / "without" / "lab")
    write_tables(add_infeasible(tables), folder / "with" / "lab")
    return [folder / "without" / "lab", folder / "with" / "lab"]


def surface_figures(results: Results) -> pd.DataFrame:
    """Return what is said of the methods that fit, and who wins for how much."""
    (surface,) = surfaces(results)
    fit = [i for i, name in enumerate(surface.methods) if name != "joint"]
    prices = parse_prices("storage=1/MB-month,compute=2/PFLOP")
    figures = {"volume": volumes(surface)[fit], "front": front_volume(surface)}
    figures |= {"price": [each.price for each in price_winners(surface, prices)]}
    figures |= {"winner": [each.method for each in price_winners(surface, prices)]}
    return pd.DataFrame({"figure": figures, "of": surface.flops[0, 0]})


def growth(results: Results) -> pd.DataFrame:
    return cell_costs(results, next(surfaces(results)), (0, 0))


READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    "compare": lambda folder: with_front(comparison(load(folder)), COMPARED),
    "summary": lambda folder: load(folder).summary(),
    "pareto": lambda folder: load(folder).pareto(COMPARED),
    "surface": lambda folder: surface_figures(load(folder)),
    "growth": lambda folder: growth(load(folder)),
    "seconds": lambda folder: measured_costs(load(folder).trials),
    "page of growth": lambda folder: read_growth(Warehouse.open(folder), EVERYTHING),
    "page of seconds": lambda folder: read_costs(Warehouse.open(folder), EVERYTHING),
    "page of comparison": lambda folder: compare_configurations(Warehouse.open(folder)),
}


@pytest.mark.parametrize("reader", READERS)
def test_what_compares_costs_says_the_same_without_infeasible_trials(
    pair: list[Path], reader: str
) -> None:
    without, beside = (READERS[reader](folder) for folder in pair)
    assert len(without)
    assert list(beside.columns) == list(without.columns)
    pd.testing.assert_frame_equal(beside, without, check_dtype=False)


def test_an_infeasible_cell_has_no_costs(pair: list[Path]) -> None:
    (surface,) = read_surfaces(Warehouse.open(pair[1]), EVERYTHING)
    joint = surface.methods.index("joint")
    assert surface.infeasible[joint].all()
    assert not surface.infeasible.all()
    for costs in (surface.carried, surface.spent, surface.seconds, surface.prediction_flops):
        assert np.isnan(costs[joint]).all()


# A sweep whose method fits no cell or the larger one, and of its infeasible rows, by label, the
# values that they have and those that they have not.
SEARCH = {"search": "{algorithm: random, num_trials: 2}"}
BOTH = "{storage: {grid: [3 kB, 20 kB]}}"
MINE = "[{name: ewc, lam: {loguniform: [3, 100]}}, {name: ewc, lam: 7, label: mine}]"
RATE = {"training": "{batch_size: 8, lr: {loguniform: [0.01, 0.1]}}"}
SETTING = {
    "network": "{name: mlp, hidden: {choice: [[9], [8]]}}",
    "benchmark": "{name: split_digits, num_tasks: 2, samples_per_task: 64, scenario: class, "
    "validation: {choice: [0.25, 0.125]}}",
}
LISTED = "[{name: ewc, lam: {choice: [3, 9]}}, {name: ewc, lam: 3}, finetune]"
ROWS = {
    "a hyperparameter and a rate": (
        (MINE, BOTH, SEARCH | RATE),
        {"ewc": {"method.gamma": 1.0}, "mine": {"method.lam": 7}},
        {"ewc": ["method.lam", "training.lr"], "mine": ["training.lr"]},
    ),
    "network and benchmark": (
        ("[ewc]", BOTH, SEARCH | SETTING),
        {"ewc": {"network.name": "mlp", "benchmark.scenario": "class"}},
        {"ewc": ["network.hidden", "benchmark.validation"]},
    ),
    "a value that is listed too": (
        (LISTED, "{storage: 3 kB}", {"search": "{algorithm: grid}"}),
        {"ewc": {"method.lam": 3}},
        {},
    ),
}


@pytest.mark.parametrize("kind", ROWS)
def test_what_is_searched_has_no_value_where_nothing_fits(tmp_path: Path, kind: str) -> None:
    (methods, means, parts), kept, unset = ROWS[kind]
    trials = finish(tmp_path, methods, means, **parts)
    unfit = trials[trials["status"] == "infeasible"]
    rows = unfit.set_index(unfit["method_label"].fillna(unfit["method"]))
    assert sorted(rows.index) == sorted(kept), "one row of each"
    for name, values in kept.items():
        assert {place: rows.loc[name, f"config.{place}"] for place in values} == values
    for name, places in unset.items():
        assert rows.loc[name, [f"config.{place}" for place in places]].isna().all()
    (surface,) = surfaces(load(tmp_path / "results" / "lab"))
    assert {*kept} <= {*surface.methods}
    assert surface.infeasible.sum() == len(kept)
    assert len({*surface.networks}) == 1, "a row without a network is none of another"
