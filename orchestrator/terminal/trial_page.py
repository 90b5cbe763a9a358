"""`repertoire show`: one trial, with its matrix R and its metrics."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from orchestrator.columns import COLUMNS, SHOWN_METRICS, explain_undefined_fwt
from orchestrator.results.metrics import mean_std_interval, metrics_after
from orchestrator.results.protocol import setting_title
from orchestrator.results.results import Results
from orchestrator.results.searches import searches, titles_of_groups
from orchestrator.results.units import UNDEFINED, interval_text
from orchestrator.terminal.broken_text import BrokenText
from orchestrator.terminal.failures import group_endings, seeds_line, traceback_lines
from orchestrator.terminal.grid import AccuracyGrid
from orchestrator.terminal.place import failed_place, log_lines, places_line
from orchestrator.terminal.search_page import candidates_text
from orchestrator.terminal.trial_selection import TrialSelection, select_trial


def trial_page(
    results: Results,
    name: str,
    seed: int | None = None,
    split: str | None = None,
    traceback: bool = False,
    scenario: str | None = None,
) -> RenderableType:
    """Return a trial for a Rich console: R as a grid, its metrics, and its incomplete seeds.

    Args:
        results: of one sweep or several.
        name: trial id, the beginning of one, a label as `compare` prints it, or a description.
        seed: one seed; None for the mean over all complete ones.
        split: "test" or "validation"; None: "validation" for a candidate of a search, else "test".
        traceback: whether to show the traceback of a failed stage.
        scenario: of the trial; None: any.

    Raises:
        UnknownName: there is no such trial, seed or split.
        RepertoireError: several trials match, or a candidate of a search has no test figures.
    """
    shown = select_trial(results, name, seed, split, scenario)
    first = shown.seeds.iloc[0]
    about = [
        Text.assemble((shown.label, "bold"), f"  {first['trial_id']} ({_sweeps(shown)})"),
        Text(setting_title(first["benchmark"], first["scenario"], first["num_tasks"])),
        *([Text(f"chosen by the search: {shown.won_by}")] if shown.won_by else []),
        *(Text(line) for line in _search_lines(results, shown)),
        Text(_caption(shown)),
        *([Text(where, style="dim")] if (where := _places(shown)) else []),
    ]
    if np.isnan(shown.matrices).all():
        return Group(
            *about,
            Text(""),
            Text("nothing has been measured"),
            *_unfinished_lines(shown, traceback),
        )
    grid = AccuracyGrid(shown.mean)
    return Group(*about, Text(""), grid, *_figures(shown), *_unfinished_lines(shown, traceback))


def _sweeps(shown: TrialSelection) -> str:
    """Return the sweeps that the seeds are of."""
    names = list(dict.fromkeys(map(str, shown.seeds["sweep"])))
    return f"{'sweep' if len(names) == 1 else 'sweeps'} {', '.join(names)}"


def _search_lines(results: Results, shown: TrialSelection) -> Iterator[str]:
    """Yield the number of candidates in the search of a winner, and the reasons of early ends."""
    first = shown.seeds.iloc[0]
    if first.get("selected") and first["phase"] == "evaluation":
        title = titles_of_groups(results.trials).get((first["sweep"], first["group"]))
        for outcome in searches(results):
            same = (outcome.sweep, outcome.group) == (first["sweep"], title)
            # Tables of release 0.1 do not number their candidates.
            if same and outcome.num_candidates:
                yield candidates_text(outcome)
                yield from outcome.reasons


def _caption(shown: TrialSelection) -> str:
    seeds = [str(shown.seeds["seed"].iloc[i]) for i in shown.averaged_seeds]
    over = (
        f"seed {seeds[0]}"
        if len(seeds) == 1
        else f"mean of {len(seeds)} seeds ({', '.join(seeds)})"
    )
    phase = ", search phase" if shown.seeds["phase"].iloc[0] == "search" else ""
    return f"accuracy on {shown.split} data{phase}: {over}"


def _figures(shown: TrialSelection) -> list[RenderableType]:
    """Return a line with the metrics, and lines on their intervals and on an undefined FWT."""
    first = shown.seeds.iloc[0]
    # As deep as all these seeds are, so that their metrics may be averaged.
    depth = int(shown.seeds["tasks_done"].iloc[shown.averaged_seeds].min())
    every = [
        metrics_after(shown.matrices[i], depth, first["scenario"]) for i in shown.averaged_seeds
    ]
    parts = []
    for name in SHOWN_METRICS:
        mean, _, half_width = mean_std_interval(np.array([each[name] for each in every]))
        parts.append(f"{COLUMNS[name].label} {interval_text(mean, half_width)}")
    so_far = "" if depth == first["num_tasks"] else f"after {depth} of {first['num_tasks']} tasks: "
    lines: list[RenderableType] = [
        BrokenText([[so_far], *([f"{part}   "] for part in parts)], style="bold")
    ]
    if len(every) > 1:
        lines.append(Text("± is the 95% Student-t interval of the mean over seeds", style="dim"))
    if all(np.isnan(each["fwt"]) for each in every):
        why = _fwt_undefined_reason(first["scenario"], depth, int(first["num_tasks"]))
        lines.append(Text(f"FWT is undefined ({UNDEFINED}): {why}", style="dim"))
    return lines


def _fwt_undefined_reason(scenario: str, depth: int, num_tasks: int) -> str:
    if depth < 2 <= num_tasks:
        return f"{'only one' if depth else 'no'} task is learned so far, of {num_tasks}"
    reasons = (explain_undefined_fwt(scenario, depth, seen) for seen in (True, False))
    return next(reason for reason in reasons if reason)


def _places(shown: TrialSelection) -> str:
    rows = shown.seeds.to_dict("records")
    return places_line(row for row, ok in zip(rows, shown.is_complete, strict=True) if ok)


def _unfinished_lines(shown: TrialSelection, traceback: bool) -> list[Text]:
    rows = shown.seeds.to_dict("records")
    unfinished = [row for row, ok in zip(rows, shown.is_complete, strict=True) if not ok]
    lines = []
    for alike in group_endings(unfinished):
        lines.append(Text(seeds_line(alike), "red"))
        where = filter(None, dict.fromkeys(map(failed_place, alike)))
        lines += [Text(line, style="dim") for line in (*where, *log_lines(alike[0]))]
        lines += traceback_lines(alike[0]) if traceback else []
    return lines
