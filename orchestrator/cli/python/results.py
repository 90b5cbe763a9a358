"""Results in Python: tables, the comparison, R, the Pareto front, and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from orchestrator.cli.python.arguments import as_names, fetch_folders
from orchestrator.cli.python.check_arguments import check_arguments
from orchestrator.cli.python.comparison import Comparison, as_comparison, comparison_html
from orchestrator.errors import RepertoireError, UnknownName
from orchestrator.results import load as loading
from orchestrator.results import results as tables
from orchestrator.results.addresses import errors_with_addresses
from orchestrator.results.arrangement import sort_rows, with_columns
from orchestrator.results.best import with_best
from orchestrator.results.comparison import VALUES, comparison
from orchestrator.results.contrasts import with_differences
from orchestrator.results.front import with_front
from orchestrator.results.lookup import find_configuration
from orchestrator.results.metrics import R
from orchestrator.results.names.trial_ids import match_id
from orchestrator.results.pareto import DEFAULT_METRICS, front_mask, require_numbers
from orchestrator.results.ranking import with_ranks
from orchestrator.results.searches import searches, winners_table
from orchestrator.sweep.objective.objective_text import Mode
from orchestrator.terminal.comparison.rendering import render_first
from orchestrator.terminal.search_page import search_blocks
from orchestrator.terminal.trial_selection import select_trial

if TYPE_CHECKING:
    from matplotlib.figure import Figure as PaperFigure
    from plotly.graph_objects import Figure


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Results(tables.Results):
    """The results of one sweep or of several; a notebook shows their comparison as one table.

    Attributes:
        trials: the table of trials and seeds, as a data frame.
        accuracy: the table of the cells of R.
        stages: the table of the stages of trials and seeds.
        notes: on rows that were left out, since several sweeps have them.
        folders: that were opened; figures are drawn from the tables in them.
    """

    folders: tuple[Path, ...] = ()

    @check_arguments
    def __init__(
        self,
        trials: pd.DataFrame,
        accuracy: pd.DataFrame,
        stages: pd.DataFrame,
        notes: tuple[str, ...] = (),
        folders: tuple[Path, ...] = (),
    ) -> None:
        super().__init__(trials, accuracy, stages, notes)
        object.__setattr__(self, "folders", folders)

    @check_arguments
    def summary(self) -> pd.DataFrame:
        """Return a row per trial with the mean and spread of each metric over its complete seeds.

        Trials without a complete seed have no row.
        """
        return super().summary()

    @check_arguments
    def compare(
        self,
        by: str = "method",
        *,
        against: str | None = None,
        sort: str | None = None,
        columns: str | Sequence[str] | None = None,
        force: bool = False,
    ) -> Comparison:
        """Return the comparison of the configurations: means, intervals, differences and ranks.

        Args:
            by: the source of the labels: "method", "trial_id", or a `config.*` column or its short
                name.
            against: label of the row that others are compared with on common seeds; None: the row
                of the largest mean ACC.
            sort: a metric or a cost, the best first; "n" or "method".
            columns: the metrics and costs to show, one or several; all are in the frame.
            force: one table for each benchmark, even if its rows are not comparable.

        Raises:
            UnknownName: there is no such column or row.
            RepertoireError: several folders have sweeps of one setting that are not comparable.
        """
        together = len(self.folders) > 1
        table = comparison(self, by, together=together, force=force)
        table = with_ranks(with_differences(self, table, against))
        table = table if sort is None else sort_rows(table, sort)
        table = table if columns is None else with_columns(table, as_names(columns))
        return as_comparison(with_best(self, table))

    @check_arguments
    def pareto(
        self,
        metrics: str | Sequence[str] = DEFAULT_METRICS,
        modes: Mode | Sequence[Mode] | None = None,
    ) -> Comparison:
        """Return the rows of the comparison that are on the Pareto front of their table.

        Args:
            metrics: columns of `trials`, or "compute_flops", those of training and consolidation.
            modes: "max" or "min" for each; None: "min" for costs and forgetting, else "max".

        Raises:
            UnknownName: there is no such metric or mode.
            RepertoireError: a metric is a column without numbers.
        """
        metrics, chosen = as_names(metrics), None if modes is None else as_names(modes)
        require_numbers(self.trials, metrics)
        more = [name for name in metrics if name not in VALUES and name in self.trials]
        table = comparison(self, values=(*VALUES, *more))
        front = table[front_mask(table, metrics, chosen, ["table"])].reset_index(drop=True)
        front.attrs = dict(table.attrs)
        return as_comparison(front)

    @check_arguments
    def winners(self) -> pd.DataFrame:
        """Return what searches chose, a row for each winner; empty if nothing was searched.

        Columns: `sweep`, `searched`, `chosen` (null where nothing won), `objective`, the number of
        candidates `tried`, of these `complete`, `stopped`, `diverged`, `failed` and
        `not_finished`, and the `reasons` of those that ended early.
        """
        return winners_table(searches(self))

    @check_arguments
    def r_matrix(
        self,
        trial_id: str,
        seed: int | None = None,
        split: str = "test",
        sweep: str | None = None,
        scenario: str | None = None,
    ) -> R:
        """Return R [T+1, T] of a trial; NaN where no accuracy was measured.

        Args:
            trial_id: its id, the beginning of one, its label, or a description, as for
                `repertoire show`.
            seed: one of its seeds; None: the mean over the complete ones, or over all if none is.
            split: "test" or "validation".
            sweep: name of a sweep that has the trial; None: any.
            scenario: "task", "domain" or "class", where trials of several have the label.

        Raises:
            UnknownName: there is no such trial, seed, split, sweep or scenario.
            RepertoireError: several trials match, or an argument has another type.
        """
        of_sweep = self._of_sweep(sweep)
        trial_id = of_sweep._find_id(trial_id, scenario)
        if seed is not None:
            return super().r_matrix(trial_id, seed, split, sweep)
        return select_trial(of_sweep, trial_id, None, split).mean

    @check_arguments
    def incremental_accuracy(
        self,
        trial_id: str,
        seed: int,
        split: str = "test",
        sweep: str | None = None,
        scenario: str | None = None,
    ) -> pd.DataFrame:
        """Return the accuracy on the tasks seen, after each task, of a trial on a seed.

        Columns: `after` 1..T; `by_task`, each task counting alike, of which
        `average_incremental_accuracy` is the mean; `by_example`, each example counting alike, as
        papers on class-incremental learning have it. Arguments and errors are those of `r_matrix`.
        """
        trial_id = self._of_sweep(sweep)._find_id(trial_id, scenario)
        return super().incremental_accuracy(trial_id, seed, split, sweep)

    def _of_sweep(self, sweep: str | None) -> Results:
        """Return the results with the trials of one sweep, or with all of them."""
        if sweep is None:
            return self
        if sweep not in set(self.trials["sweep"]):
            raise UnknownName("sweep", sweep, self.trials["sweep"].unique())
        return replace(self, trials=self.trials[self.trials["sweep"] == sweep])

    def _find_id(self, name: str, scenario: str | None) -> str:
        if scenario is None and match_id(self.trials["trial_id"], name).any():
            return name
        return str(find_configuration(self, name, scenario)["trial_id"])

    @check_arguments
    def figure(
        self,
        name: str = "trade_off",
        *,
        trial: str | None = None,
        seed: int | None = None,
        **chosen: str | Sequence[str],
    ) -> Figure:
        """Return an interactive chart of the results, of Plotly; a notebook draws it.

        Args:
            name: "trade_off" and "cost_plane"; "forgetting", "storage" and "computation" of one
                table of the comparison; "sharing" of stages; "parallel_coordinates",
                "importance" and "learning_curves" of a search; "r_matrix" of a trial.
            trial: label or id of the trial of "r_matrix"; other charts have none.
            seed: its seed; None: the mean over the seeds of `r_matrix`, counted in the title.
            chosen: what is shown: `scenario="class"`, or a list of several; also `sweep`,
                `benchmark` and `method`. "r_matrix" has `scenario` alone.

        Raises:
            UnknownName: there is no such chart or trial, or the chart cannot be chosen by a column.
            RepertoireError: there is nothing to draw, or there are several tables.
        """
        # Plotly and DuckDB take a second to import.
        from dashboards import gallery

        of_one = {} if trial is None else {"trial": trial}
        of_one |= {} if seed is None else {"seed": str(seed)}
        if name != gallery.R_MATRIX:
            return gallery.draw_chart(self.folders, name, of_one | chosen)
        if trial is None:
            raise RepertoireError('r_matrix is of one trial: figure("r_matrix", trial=LABEL)')
        scenario = chosen.pop("scenario", None)
        if chosen or not isinstance(scenario, str | None):
            raise RepertoireError(
                "the figure r_matrix takes trial, seed and one scenario, given "
                + ", ".join(chosen or [f"scenario={scenario!r}"])
            )
        return gallery.draw_r_matrix(self, trial, seed, scenario)

    @check_arguments
    def paper_figure(self, name: str = "trade_off") -> PaperFigure:
        """Return a figure for a paper, of matplotlib; its `savefig` writes PDF, SVG and PNG.

        Args:
            name: "trade_off", "forgetting", "costs", "r_matrices" or "cost_plane"; of a
                sweep with means also "winners", "budgets", "surfaces" and "rates".

        Raises:
            UnknownName: there is no such figure.
            RepertoireError: there is nothing to draw.
        """
        from dashboards import gallery

        return gallery.draw_figure(self.folders, name)

    def __repr__(self) -> str:
        return render_first(comparison(self), "compare() has all rows").rstrip("\n")

    def _repr_html_(self) -> str:
        table = with_best(self, with_front(comparison(self)))
        return comparison_html(table, below=search_blocks(searches(self)))


@check_arguments
def load(*folders: str | Path) -> Results:
    """Open sweep folders, or folders that hold sweep folders, as one.

    Args:
        folders: paths, or addresses such as s3://bucket/results, of which what changed is fetched.

    Raises:
        RepertoireError: a folder has no tables, a table is damaged, or two folders have different
            values of one (trial, seed).
    """
    with errors_with_addresses():
        paths = fetch_folders(folders)
        opened = loading.load(*paths)
    content = {field.name: getattr(opened, field.name) for field in fields(opened)}
    return Results(**content, folders=tuple(paths))
