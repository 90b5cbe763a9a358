"""The charts and figures of results folders by their names, for Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from matplotlib.figure import Figure

from dashboards import charts, figures
from dashboards.data.candidates import read_candidates, read_learning_curves
from dashboards.data.comparing import configurations
from dashboards.data.matrices import read_average_curves, read_curves
from dashboards.data.scope import SCOPE_COLUMNS, Scope, list_choices, list_labels, list_whole_labels
from dashboards.data.sharing import count_shared
from dashboards.data.warehouse import Warehouse, open_results
from orchestrator.errors import RepertoireError, UnknownName
from orchestrator.results.front import with_front
from orchestrator.results.results import Results
from orchestrator.terminal.comparison.blocks import table_title
from orchestrator.terminal.trial_selection import TrialSelection, select_trial

NOTHING = "no complete trial to draw: run the sweep to its end first"
NO_SEARCH = "no candidate of a search to draw: it takes a sweep with a section `search`"


def draw_chart(
    folders: Sequence[Path], name: str, scope: Mapping[str, str | Sequence[str]]
) -> go.Figure:
    """Draw one of CHARTS.

    Args:
        folders: results folders.
        name: of the chart.
        scope: the values to show of "sweep", "benchmark", "scenario" and "method", one or several.

    Raises:
        UnknownName: there is no such chart, column to choose by, or value of it.
        RepertoireError: there is nothing to draw, or rows of several tables are in the scope.
    """
    if name not in CHARTS:
        raise UnknownName("chart", name, [*CHARTS, R_MATRIX])
    warehouse = open_results(folders)
    return CHARTS[name](
        warehouse,
        read_scope(
            with_methods(scope, list_whole_labels(warehouse)),
            list_choices(warehouse),
            list_labels(warehouse),
        ),
    )


def draw_r_matrix(
    results: Results, trial: str, seed: int | None = None, scenario: str | None = None
) -> go.Figure:
    """Draw R of a trial on test data, with the cells of backward transfer highlighted.

    A candidate of a search has R on validation data alone, and the title says so.

    Args:
        results: tables that have it.
        trial: its label, its id, or the beginning of its id.
        seed: None: the mean over the complete seeds, or over all if none is.
        scenario: of the trial, where several have the label; None: any.

    Raises:
        UnknownName: there is no such trial, seed or scenario.
        RepertoireError: several trials match, or nothing was measured.
    """
    shown = select_trial(results, trial, seed, None, scenario)
    r = shown.mean
    if not (r == r).any():
        raise RepertoireError(f"no {shown.split} accuracy of {shown.label} was measured")
    split = "" if shown.split == "test" else f", {shown.split}"
    return charts.r_matrix(r, "bwt", shown.label, describe_seeds(shown) + split)


def describe_seeds(shown: TrialSelection) -> str:
    """Return which seeds the mean of a selection is of: `mean of 2 complete seeds of 3`."""
    averaged = shown.averaged_seeds
    if len(averaged) == 1:
        return f"seed {shown.seeds['seed'].iloc[averaged[0]]}"
    if len(averaged) < len(shown.seeds):
        return f"mean of {len(averaged)} complete seeds of {len(shown.seeds)}"
    return f"mean of {len(averaged)} seeds{'' if any(shown.is_complete) else ', none complete'}"


def draw_figure(folders: Sequence[Path], name: str) -> Figure:
    """Draw a figure for a paper.

    Raises:
        UnknownName: there is no such figure.
        RepertoireError: there is nothing to draw.
    """
    known = (*figures.FIGURES, *figures.MEANS_FIGURES)
    if name not in known:
        raise UnknownName("figure", name, known)
    return figures.draw(open_results(folders), name)


def with_methods(
    given: Mapping[str, str | Sequence[str]], labels: Mapping[str, str]
) -> Mapping[str, str | Sequence[str]]:
    """Return a scope in which labels that stand for a whole method are replaced by it.

    Args:
        given: column -> its value, or several.
        labels: label -> method.
    """
    methods = given.get("method")
    if methods is None:
        return given
    if isinstance(methods, str):
        return {**given, "method": labels.get(methods, methods)}
    return {**given, "method": [labels.get(each, each) for each in methods]}


def read_scope(
    given: Mapping[str, str | Sequence[str]],
    choices: Mapping[str, Sequence[str]],
    labels: Mapping[str, str],
) -> Scope:
    """Return the scope with these values of its columns, which have the values of `choices`.

    Args:
        given: column -> its value, or several.
        choices: column -> the values that there are.
        labels: label of an entry -> its method.

    Raises:
        UnknownName: there is no such column, or no such value of it.
        RepertoireError: no value of a column is chosen, or a method by one label of several.
    """
    scope: dict[str, tuple[str, ...]] = {}
    for column, values in given.items():
        if column not in SCOPE_COLUMNS:
            raise UnknownName("argument of this chart", column, SCOPE_COLUMNS)
        several = isinstance(values, Iterable) and not isinstance(values, str)
        scope[column] = tuple(values) if several else (values,)  # type: ignore[assignment]
        if not scope[column]:
            raise RepertoireError(
                f"nothing is chosen by {column}=[]; leave it out to draw all, "
                f"or choose from: {', '.join(choices[column])}"
            )
        for value in scope[column]:
            if column == "method" and value in labels and value not in choices[column]:
                raise RepertoireError(
                    f"{value!r} is a label of {labels[value]} beside others, and charts are chosen "
                    f"by the method: method={labels[value]!r}"
                )
            if value not in choices[column]:
                raise UnknownName(column, str(value), choices[column])
    return Scope(**scope)


def draw_trade_off(warehouse: Warehouse, scope: Scope) -> go.Figure:
    """Draw the accuracy of each configuration against its costs, panels for each table."""
    return charts.trade_off(_compare(warehouse, scope))


def draw_cost_plane(warehouse: Warehouse, scope: Scope) -> go.Figure:
    """Draw the costs of each configuration, with its accuracy as colour, a panel for each table."""
    return charts.cost_plane(with_front(_compare(warehouse, scope)))


def draw_forgetting(warehouse: Warehouse, scope: Scope) -> go.Figure:
    """Draw the accuracy on each task while later tasks are learned."""
    curves = read_curves(warehouse, _one_table(warehouse, scope))
    if not curves["accuracy_mean"].notna().any():
        raise RepertoireError("no accuracy was measured: accuracy.parquet has none")
    return charts.forgetting(curves)


def draw_average_accuracy(warehouse: Warehouse, scope: Scope) -> go.Figure:
    """Draw the accuracy over the tasks seen while tasks are learned."""
    return charts.average_accuracy(read_average_curves(warehouse, _one_table(warehouse, scope)))


def draw_sharing(warehouse: Warehouse, scope: Scope) -> go.Figure:
    """Draw how many stages were computed, how many were shared, and how many the store had."""
    return charts.sharing(count_shared(warehouse, scope))


def draw_candidates(draw: Callable[[pd.DataFrame, str], go.Figure]) -> DrawChart:
    """Return the chart of the candidates of a search, by a function of them and their objective."""

    def draw_candidates(warehouse: Warehouse, scope: Scope) -> go.Figure:
        rows = read_candidates(warehouse, scope)
        if rows.empty:
            raise RepertoireError(NO_SEARCH)
        return draw(rows, "objective" if rows["objective"].notna().any() else "val_acc")

    return draw_candidates


def draw_learning_curves(warehouse: Warehouse, scope: Scope) -> go.Figure:
    """Draw the validation accuracy of the candidates of a search, task by task."""
    curves = read_learning_curves(warehouse, scope)
    if curves.empty:
        raise RepertoireError(NO_SEARCH)
    return charts.learning_curves(curves)


def chart_of_rows(draw: Callable[[pd.DataFrame], go.Figure]) -> DrawChart:
    """Return the chart of the rows of one table of the comparison, by a function of them."""
    return lambda warehouse, scope: draw(_one_table(warehouse, scope))


def _compare(warehouse: Warehouse, scope: Scope) -> pd.DataFrame:
    rows = configurations(warehouse, scope)
    if rows.empty:
        raise RepertoireError(NOTHING)
    return rows


def _one_table(warehouse: Warehouse, scope: Scope) -> pd.DataFrame:
    """Return the rows of the comparison in scope, which must be of one table."""
    rows = _compare(warehouse, scope)
    titles = [table_title(part) for _, part in rows.groupby("table", sort=False)]
    if len(titles) > 1:
        raise RepertoireError(
            f"this chart shows one table, and there are {len(titles)}: {'; '.join(titles)}; choose "
            f"one by {', '.join(f'{name}=' for name in SCOPE_COLUMNS)}"
        )
    return rows


DrawChart = Callable[[Warehouse, Scope], Any]
R_MATRIX = "r_matrix"
CHARTS: dict[str, DrawChart] = {
    "trade_off": draw_trade_off,
    "cost_plane": draw_cost_plane,
    "forgetting": draw_forgetting,
    "average_accuracy": draw_average_accuracy,
    "storage": chart_of_rows(charts.storage),
    "computation": chart_of_rows(charts.computation),
    "sharing": draw_sharing,
    "parallel_coordinates": draw_candidates(charts.parallel_coordinates),
    "importance": draw_candidates(charts.importance),
    "learning_curves": draw_learning_curves,
}
