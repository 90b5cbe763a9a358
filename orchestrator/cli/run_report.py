"""The lines that `repertoire run` prints: the plan, what is missing, and the report at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from orchestrator.cli.run_sweep import SweepOutcome
from orchestrator.columns import INFEASIBLE
from orchestrator.errors import CONTINUES, shell_word
from orchestrator.graph.brake import Brake
from orchestrator.graph.deadline import Deadline
from orchestrator.graph.plan import Plan
from orchestrator.graph.progress import Progress
from orchestrator.results.comparison import comparison
from orchestrator.results.early_ends import status_text
from orchestrator.results.folder.tabulator import Tabulator
from orchestrator.results.load import load
from orchestrator.results.lookup import with_labels
from orchestrator.results.results import Results
from orchestrator.results.searches import searches
from orchestrator.results.units import duration_text, noun_text
from orchestrator.sweep.solve_means import missing_prices
from orchestrator.terminal.comparison.rendering import render_first
from orchestrator.terminal.console import PlainConsole, terminal_width
from orchestrator.terminal.failures import (
    fell_short,
    group_endings,
    is_searched,
    trials_line,
)
from orchestrator.terminal.search_page import search_tables


def plan_line(plan: Plan) -> str:
    """Return a line on what a plan will compute."""
    left, prices = plan.estimated_seconds(), len(missing_prices(plan.sweep))
    if not plan.stages_to_run and prices:
        return f"nothing can be computed before the {noun_text(str(prices), 'price')} of its means"
    if not plan.stages_to_run:
        return f"all {plan.stages_requested} stages are in the store; nothing to compute"
    guess = f", about {duration_text(left)} of processor time" if left else ""
    trials = len({chain.trial_id for chain in plan.chains})
    to_do = f"{len(plan.stages_to_compute)} to compute{guess}"
    if plan.stages_to_score:
        to_do += f", {len(plan.stages_to_score)} to score on further tasks"
    return f"{trials} trials, {plan.stages_requested} stages asked for, {to_do}"


def counts_line(outcome: SweepOutcome) -> str:
    """Return a line with the numbers of stages that were requested, computed, and failed."""
    search, evaluation = outcome.search, outcome.evaluation
    further = f", {evaluation.scored} scored on further tasks" if evaluation.scored else ""
    line = f"{evaluation.num_computed} stages computed{further}{failures_text(evaluation)}."
    if search is None:
        return line
    asked_for = f"Search: {search.asked_for} stages asked for"
    return f"{asked_for}, {search.num_computed} computed{failures_text(search)}. {line}"


def failures_text(progress: Progress) -> str:
    """Return the number of stages that raised, to be added to a list; empty if none did."""
    return f", {progress.raised} failed" if progress.raised else ""


def describe_deadline(deadline: Deadline | None) -> list[str]:
    """Return a line on the time that no stage must outlast, if there is one."""
    return [] if deadline is None else [f"no stage starts that would not end by {deadline.label}"]


def describe_refusal(tables: Tabulator) -> list[str]:
    """Return a line on a store that could be read but not written, if it is one."""
    if tables.refusal is None:
        return []
    return [
        f"{tables.refusal}. It has all stages of this sweep; that they are in use could not be "
        "noted there, so its owner's `repertoire store gc` may delete them"
    ]


def describe_missing(outcome: SweepOutcome, brake: Brake) -> list[str]:
    """Return a line for each result that is missing, with the reason."""
    lines = list(outcome.missing_winners)
    to_go = outcome.evaluation.to_go
    if outcome.unpriced:
        reason = brake.reason or "prices are missing"
        lines.append(f"{reason}; {outcome.unpriced} prices of means are to count, {CONTINUES}")
    elif brake.reason and not outcome.complete:
        left = outcome.search.to_go if outcome.search else 0
        lines.append(f"{brake.reason}; the search has {left} stages to go at most, {CONTINUES}")
    elif brake.reason and to_go:
        trials = outcome.evaluation.trials - outcome.evaluation.trials_done
        lines.append(f"{brake.reason}; {to_go} stages of {trials} trials are to go, {CONTINUES}")
    return lines


def print_report(console: PlainConsole, folder: Path, closing: list[str]) -> int:
    """Print the comparison, the incomplete trials and the closing lines; return the exit code.

    Candidates of a search that were stopped early or diverged are no failures, nor are trials that
    do not fit their means.
    """
    results = load(folder)
    more = f"repertoire compare {shell_word(folder)}"
    table = render_first(comparison(results), more, width=terminal_width())
    console.print(table, markup=False, highlight=False, soft_wrap=True, end="")
    if outcomes := searches(results):
        console.print(search_tables(outcomes))
    trials, searched = results.trials, results.trials["phase"] == "search"
    unfit, bad = trials["status"] == INFEASIBLE, short_trials(trials)
    unfinished = describe_short(results, bad[~is_searched(bad)])
    lines = [*unfinished, *traceback_hints(folder, bad), *closing]
    if unfit.any():
        number = trials.loc[unfit, "trial_id"].nunique()
        sums = f"the sums that show it: repertoire show {shell_word(folder)} TRIAL"
        count = f"{noun_text(str(number), 'trial')} that cannot meet the means"
        lines.insert(len(unfinished), f"infeasible: {count}; {sums}")
    if searched.any():
        candidates = trials[searched].drop_duplicates("trial_id")
        counts = Counter(map(status_text, candidates["status"], candidates["story"]))
        by_status = ", ".join(f"{n} {status}" for status, n in counts.most_common())
        lines.insert(len(unfinished), f"candidates: {by_status}")
    for line in lines:
        console.print_line(line)
    return int(len(bad) > 0)


def print_shortfall(console: PlainConsole, folder: Path, missing: Sequence[str]) -> int:
    """Print the incomplete trials and what is missing, alone; return the exit code."""
    results = load(folder)
    bad = short_trials(results.trials)
    for line in [*describe_short(results, bad), *missing]:
        console.print_line(line)
    return int(len(bad) > 0 or len(missing) > 0)


def describe_failures(folder: Path, results: Results) -> list[str]:
    """Return a line for each way in which trials fell short, and how to see the first traceback."""
    bad = short_trials(results.trials)
    return [*describe_short(results, bad), *traceback_hints(folder, bad)]


def traceback_hints(folder: Path, bad: pd.DataFrame) -> list[str]:
    """Return a line with the command that prints the tracebacks of what failed, if anything did."""
    failed = bad[bad["status"] == "failed"]
    command = f"repertoire show {shell_word(folder)}"
    if len(group_endings(failed.to_dict("records"), by=())) > 1:
        return [f"their tracebacks: {command} --traceback"]
    return [f"its traceback: {command} {t} --traceback" for t in failed["trial_id"].head(1)]


def describe_short(results: Results, bad: pd.DataFrame) -> list[str]:
    """Return a line for each way in which rows of `short_trials` ended."""
    rows = with_labels(bad, results).to_dict("records")
    return [trials_line(alike) for alike in group_endings(rows, by=())]


def short_trials(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that failed, and those of the evaluation that are not complete.

    Candidates that a search stopped and trials that do not fit their means are left out.
    """
    return trials[fell_short(trials) & (trials["status"] != INFEASIBLE)]
