"""`repertoire show`: one trial, its matrix R, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from rich.console import Group, RenderableType
from rich.text import Text

from orchestrator.columns import COLUMNS, SHOWN_METRICS, fwt_undefined_because
from orchestrator.errors import RepertoireError, UnknownName
from orchestrator.results.finding import find
from orchestrator.results.metrics import R, all_after, mean_std_interval
from orchestrator.results.pooling import CONFIGURATION, pooled
from orchestrator.results.protocol import title_of
from orchestrator.results.results import Results
from orchestrator.results.schema import SPLITS
from orchestrator.results.winners import winning_settings
from orchestrator.terminal.failures import group_endings, seeds_line, traceback_of
from orchestrator.terminal.grid import Grid
from orchestrator.terminal.units import UNDEFINED, interval


@dataclass(frozen=True)
class Shown:
    """A trial and those of its seeds that are shown.

    Attributes:
        label: what it is called.
        won_by: the hyperparameters that a search chose; empty if none did.
        seeds: their rows of the trials table, a row each.
        split: "test" or "validation".
        matrices: R of each seed, shape [S, T+1, T].
    """

    label: str
    won_by: str
    seeds: pd.DataFrame
    split: str
    matrices: R

    @property
    def finished(self) -> list[bool]:
        """Whether each seed is complete."""
        return [status == "complete" for status in self.seeds["status"]]

    @property
    def counted(self) -> list[int]:
        """The seeds, by position, that are averaged: the complete ones, or all if none is."""
        return [i for i, ok in enumerate(self.finished) if ok or not any(self.finished)]


def trial_page(
    results: Results,
    name: str,
    seed: int | None = None,
    split: str | None = None,
    traceback: bool = False,
) -> RenderableType:
    """Return a trial for a Rich console: R as a grid, ACC, BWT, FWT, forgetting, what is missing.

    Args:
        results: of one sweep or several.
        name: trial id, the beginning of one, a label as `compare` prints it, or a description.
        seed: one seed; None for the mean over all that are complete.
        split: "test" or "validation"; None for test, or validation where a search has no other.
        traceback: show the traceback of what failed.

    Raises:
        UnknownName: no such trial, seed or split.
        RepertoireError: the name fits several trials, or a search has no test figures.
    """
    shown = select_trial(results, name, seed, split)
    first = shown.seeds.iloc[0]
    about = [
        Text.assemble((shown.label, "bold"), f"  {first['trial_id']} (sweep {first['sweep']})"),
        Text(title_of(first["benchmark"], first["scenario"], first["num_tasks"])),
        *([Text(f"chosen by the search: {shown.won_by}")] if shown.won_by else []),
        Text(_caption(shown)),
    ]
    if np.isnan(shown.matrices).all():
        return Group(
            *about, Text(""), Text("nothing has been measured"), *_unfinished(shown, traceback)
        )
    mean = np.ma.masked_invalid(shown.matrices[shown.counted]).mean(axis=0).filled(np.nan)
    return Group(*about, Text(""), Grid(mean), *_figures(shown), *_unfinished(shown, traceback))


def select_trial(results: Results, name: str, seed: int | None, split: str | None) -> Shown:
    """Return the trial of a name; see `trial_page`."""
    wanted = find(results, name)
    label, trials = str(wanted["label"]), pooled(results.trials).trials
    rows = trials[(trials[CONFIGURATION] == wanted[CONFIGURATION]).all(axis="columns")]
    if seed is not None:
        if seed not in set(rows["seed"]):
            raise UnknownName(f"seed of {label}", str(seed), rows["seed"].astype(str))
        rows = rows[rows["seed"] == seed]
    evaluated = rows["phase"] == "evaluation"
    rows = rows[evaluated] if evaluated.any() else rows
    searched = rows["phase"].iloc[0] == "search"
    split = split or ("validation" if searched else "test")
    if split not in SPLITS:
        raise UnknownName("split", split, SPLITS)
    if searched and split == "test":
        raise RepertoireError(
            f"{label} is a candidate of a search, which has validation figures alone: "
            "--split validation"
        )
    matrices = [
        results.r_matrix(trial_id, int(each), split, sweep)
        for sweep, trial_id, each in zip(rows["sweep"], rows["trial_id"], rows["seed"], strict=True)
    ]
    won_by = winning_settings(trials, results.stages).get(tuple(wanted[CONFIGURATION]), "")
    return Shown(label, won_by, rows, split, np.stack(matrices))


def _caption(shown: Shown) -> str:
    seeds = [str(shown.seeds["seed"].iloc[i]) for i in shown.counted]
    over = (
        f"seed {seeds[0]}"
        if len(seeds) == 1
        else f"mean of {len(seeds)} seeds ({', '.join(seeds)})"
    )
    phase = ", search phase" if shown.seeds["phase"].iloc[0] == "search" else ""
    return f"accuracy on {shown.split} data{phase}: {over}"


def _figures(shown: Shown) -> list[Text]:
    """Return the line of ACC, BWT, FWT and forgetting, and why one of them is undefined."""
    first = shown.seeds.iloc[0]
    depth = int(shown.seeds["tasks_done"].iloc[shown.counted].min())
    every = [all_after(shown.matrices[i], depth, first["scenario"]) for i in shown.counted]
    parts = []
    for name in SHOWN_METRICS:
        mean, _, half_width = mean_std_interval(np.array([each[name] for each in every]))
        parts.append(f"{COLUMNS[name].label} {interval(mean, half_width)}")
    so_far = "" if depth == first["num_tasks"] else f"after {depth} of {first['num_tasks']} tasks: "
    lines = [Text(so_far + "   ".join(parts), style="bold")]
    if len(every) > 1:
        lines.append(Text("± is the 95% Student-t interval of the mean over seeds", style="dim"))
    if all(np.isnan(each["fwt"]) for each in every):
        why = _no_transfer(first["scenario"], depth, int(first["num_tasks"]))
        lines.append(Text(f"FWT is undefined ({UNDEFINED}): {why}", style="dim"))
    return lines


def _no_transfer(scenario: str, depth: int, num_tasks: int) -> str:
    """Return why forward transfer is undefined after `depth` of `num_tasks` tasks."""
    if depth < 2 <= num_tasks:
        tasks = "no task is" if depth == 0 else "only one task is"
        return f"{tasks} learned so far, of {num_tasks}"
    reasons = (fwt_undefined_because(scenario, depth, seen) for seen in (True, False))
    return next(reason for reason in reasons if reason)


def _unfinished(shown: Shown, traceback: bool) -> list[Text]:
    """Return a line for the seeds that are not complete: how far they came, and why no further."""
    rows = shown.seeds.to_dict("records")
    unfinished = [row for row, ok in zip(rows, shown.finished, strict=True) if not ok]
    lines = []
    for alike in group_endings(unfinished):
        lines.append(Text(seeds_line(alike), "red"))
        if traceback and traceback_of(alike[0]):
            lines.append(Text(traceback_of(alike[0])))
    return lines
