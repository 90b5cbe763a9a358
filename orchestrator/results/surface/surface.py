"""The accuracy of each method in each cell of a sweep with means, by seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from orchestrator.columns import INFEASIBLE
from orchestrator.errors import RepertoireError
from orchestrator.results.intervals import Floats, half_width
from orchestrator.results.pooling import pool_trials, sweeps_by_row
from orchestrator.results.results import Results
from orchestrator.results.surface.budgets import allowed_flops, network_numbers
from orchestrator.results.surface.comparable import comparable_trials
from orchestrator.results.surface.excess import Mask, excess_mask
from orchestrator.results.surface.task_figures import (
    add_task_figures,
    have_common_steps,
    share_figures,
    trial_costs,
)
from orchestrator.results.surface.trials import (
    BUDGETS,
    COMPUTE_BUDGET,
    STORAGE_BUDGET,
    have_means,
    method_names,
)


@dataclass(frozen=True, eq=False)
class Surface:
    """The methods of a sweep over the grid of its means, in one setting.

    Attributes:
        title: of the setting.
        methods: names [M], in the order of the sweep.
        kinds: the method of each, without the label and the hyperparameters of its name [M].
        networks: number of the network of each [M].
        storage: budgets in bytes [A], rising; (None,) if storage is free.
        compute: budgets in epochs of fine-tuning [B], rising; (None,) if computation is free.
        seeds: [S].
        values: the metric by method, storage, compute and seed [M, A, B, S]; NaN where a trial is
            not complete, or a cell is above its budget.
        infeasible: whether the method does not fit the cell [M, A, B].
        excess: whether a trial of the cell is above its budget, so that the method cannot be
            compared with others there, likewise.
        carried: bytes after the task with the most, by seed [M, A, B, S]; NaN where a trial is not
            complete.
        bodies: bytes of a frozen body, which `carried` includes, likewise.
        spent: FLOPs of training and consolidation of all tasks, likewise.
        seconds: of training and consolidation of all tasks, likewise.
        prediction_flops: FLOPs of predicting one example after the last task, likewise; NaN where
            no release counted them.
        prediction_seconds: of predicting one example, at the seconds for a FLOP that evaluation
            took, likewise.
        shares: of the FLOPs that its budget allows, those that a trial spent, likewise; NaN where
            either is not known.
        least_shares: likewise of one task, the least of all tasks; of all tasks where tables of
            earlier releases do not have the budget of each.
        most_shares: likewise, the most.
        flops: FLOPs of training and consolidation of all tasks that a budget of computation allows
            each method, in epochs of its own network [M, B]; NaN if they are not known.
        common_steps: whether a method has as many steps on seeds whose tasks differ in size, which
            leave different shares of their budgets.
        sweeps: its sweeps where others of its setting are not comparable with them; else none.
        note: in what the sweeps of its setting differ; "" if they are comparable.
        asked: whether a sweep asks for the method in the cell [M, A, B]; where sweeps are joined,
            none may ask for it.
    """

    title: str
    methods: tuple[str, ...]
    kinds: tuple[str, ...]
    networks: tuple[int, ...]
    storage: tuple[int | None, ...]
    compute: tuple[float | None, ...]
    seeds: tuple[int, ...]
    values: Floats
    infeasible: Mask
    excess: Mask
    carried: Floats
    bodies: Floats
    spent: Floats
    seconds: Floats
    prediction_flops: Floats
    prediction_seconds: Floats
    shares: Floats
    least_shares: Floats
    most_shares: Floats
    flops: Floats
    common_steps: bool = False
    sweeps: tuple[str, ...] = ()
    note: str = ""
    asked: Mask = field(default_factory=lambda: np.ones((1, 1, 1), dtype=bool))

    @property
    def mean(self) -> Floats:
        """The mean over the seeds [M, A, B]; NaN unless every seed is complete."""
        return np.asarray(self.values.mean(axis=-1))

    @property
    def half_width(self) -> Floats:
        """Half of the 95% Student-t interval of the mean [M, A, B]; NaN with one seed."""
        return half_width(self.values)


def surfaces(
    results: Results, metric: str = "acc", together: bool = False, force: bool = False
) -> Iterator[Surface]:
    """Yield the surface of each setting of results; several where sweeps are not comparable.

    Args:
        results: of one sweep or several.
        metric: a column of `trials`.
        together: refuse sweeps of one setting that are not comparable, as `comparison` does.
        force: one surface for each setting, with a note on what is not comparable.

    Raises:
        RepertoireError: no trial has means, or, with `together`, sweeps are not comparable.
    """
    trials = pool_trials(results.trials).trials
    trials = trials[have_means(trials)]
    if trials.empty:
        raise RepertoireError(
            "no trial has means: a sweep compares methods at equal storage and computation with a "
            "section `means`, see docs/equal_means.md"
        )
    trials = add_task_figures(trials, results.stages)
    for part in comparable_trials(trials, together, force):
        built = build_surface(part.title, part.trials, metric)
        yield replace(built, sweeps=part.sweeps, note=part.note)


def build_surface(title: str, rows: pd.DataFrame, metric: str) -> Surface:
    """Return the surface of the trials of one setting."""
    names = method_names(rows)
    methods = tuple(names.unique())
    storage, compute = (_axis(rows[name]) for name in BUDGETS)
    seeds = tuple(int(seed) for seed in sorted(rows["seed"].unique()))
    infeasible = np.zeros((len(methods), len(storage), len(compute)), dtype=bool)
    method = [methods.index(name) for name in names]
    cell = (method, _places(rows[STORAGE_BUDGET], storage), _places(rows[COMPUTE_BUDGET], compute))
    complete = (rows["status"] == "complete").to_numpy()
    seed = [seeds.index(each) for each in rows["seed"]]
    by_seed: dict[str, Floats] = {}
    given = {"values": rows[metric], **share_figures(rows, compute), **trial_costs(rows)}
    for name, figures in given.items():
        by_seed[name] = np.full((*infeasible.shape, len(seeds)), np.nan)
        by_seed[name][*cell, seed] = np.where(complete, figures.to_numpy(float), np.nan)
    np.logical_or.at(infeasible, cell, (rows["status"] == INFEASIBLE).to_numpy())
    excess = excess_mask(storage, *(by_seed[name] for name in ("carried", "bodies", "most_shares")))
    by_seed["values"][excess] = np.nan
    return Surface(
        title=title,
        methods=methods,
        kinds=tuple(rows["method"].groupby(names, sort=False).first().astype(str)),
        networks=method_networks(rows, names),
        storage=storage,
        compute=compute,
        seeds=seeds,
        infeasible=infeasible,
        excess=excess,
        **by_seed,
        flops=allowed_flops(rows, method, compute),
        common_steps=have_common_steps(rows, names),
        sweeps=(),
        note="",
        asked=asked_mask(rows, cell, infeasible.shape),
    )


def asked_mask(rows: pd.DataFrame, cell: tuple[list[int], ...], shape: tuple[int, ...]) -> Mask:
    """Return whether a sweep asks for a method in a cell: it has the method and both budgets.

    Args:
        rows: the trials of a setting; a table that is not complete lacks some of its sweep.
        cell: the place of each in the grid.
        shape: of the grid [M, A, B].
    """
    asked = np.zeros(shape, dtype=bool)
    places = pd.DataFrame(dict(enumerate(cell))).assign(sweep=sweeps_by_row(rows).to_numpy())
    for _, own in places.explode("sweep").groupby("sweep"):
        asked[np.ix_(*(own[axis].unique() for axis in range(asked.ndim)))] = True
    return asked


def method_networks(rows: pd.DataFrame, names: pd.Series[str]) -> tuple[int, ...]:
    """Return the number of the network of each method: where it is searched, of a cell that fits.

    Args:
        rows: the trials of a setting.
        names: the method of each.
    """
    # A search chooses nothing where a method does not fit.
    fits = rows["status"] != INFEASIBLE
    judged = rows[fits | ~fits.groupby(names).transform("any")]
    numbers = network_numbers(judged).groupby(names[judged.index], sort=False).first()
    return tuple(int(numbers[name]) for name in names.unique())


def _axis(column: pd.Series[Any]) -> tuple[Any, ...]:
    values = sorted(column.dropna().unique())
    return tuple(value.item() for value in values) or (None,)


def _places(column: pd.Series[Any], axis: tuple[Any, ...]) -> list[int]:
    return [0] * len(column) if axis == (None,) else [axis.index(value) for value in column]
