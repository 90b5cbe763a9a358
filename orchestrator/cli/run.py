"""`repertoire run` and `repertoire track`, from the sweep file to the last line on the screen."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from orchestrator.backends.factory import BACKENDS
from orchestrator.cli.run_sweep import Outcome, Screen, run_sweep
from orchestrator.errors import RepertoireError
from orchestrator.graph.brake import Brake, pull_on_signal
from orchestrator.graph.plan import Plan, wall_seconds
from orchestrator.graph.progress import Progress
from orchestrator.results.comparison import comparison
from orchestrator.results.folder import Tabulator, open_store, results_folder
from orchestrator.results.kept_files import keep_former_tables
from orchestrator.results.results import load
from orchestrator.results.writer import writer_lock
from orchestrator.search.score import require_validation
from orchestrator.stages.storage.store import StageStore
from orchestrator.sweep.sweep import Sweep
from orchestrator.terminal.failures import group_endings, trial_line
from orchestrator.terminal.rendering import render_first
from orchestrator.terminal.screen import Display, duration_text
from orchestrator.tracking import Tracker, read_target, resolve_target, sync

WAIT_SECONDS = 600.0  # for another process that sends the sweep
CONTINUES = "and the same command continues"


def run(
    path: Path,
    out: Path,
    store_uri: str | None,
    backend: str,
    address: str | None,
    replace: bool = False,
) -> int:
    """Run a sweep and report; return the exit code.

    Args:
        path: of the sweep file.
        out: the results folder.
        store_uri: of the stage store; None for the one in `out`.
        backend: a name of `BACKENDS`.
        address: of a running Ray cluster.
        replace: put tables of another sweep of the same name aside.
    """
    sweep = Sweep.load(path)
    require_validation(sweep)  # before the results folder exists
    folder = results_folder(sweep, out)

    def say(line: str) -> None:
        Console().print(line, markup=False, highlight=False, soft_wrap=True)

    with writer_lock(folder, say):
        for line in keep_former_tables(folder, sweep, replace):
            say(line)
        return run_locked(sweep, path, out, store_uri, backend, address)


def run_locked(
    sweep: Sweep, path: Path, out: Path, store_uri: str | None, backend: str, address: str | None
) -> int:
    """Run a sweep whose folder is locked for writing; see `run`."""
    store, folder = open_store(out, store_uri), results_folder(sweep, out)
    target, messages = resolve_target(out, sweep.mlflow.uri, sweep.mlflow.experiment), list[str]()
    tables = Tabulator((), store, folder, Tracker(folder, target, say=messages.append))
    brake = Brake(sweep.budget, sweep.resources, lambda key: stage_seconds(store, key))
    with (
        Display() as display,
        pull_on_signal(brake, display.say),
        BACKENDS[backend].open(address, display.say) as place,
    ):
        for remark in sweep.remarks:
            display.say(remark)
        if sweep.search is not None:
            display.say(f"{sweep.name}: searching {len(sweep.groups)} groups of candidates")
        screen = Screen(display.show, lambda plan: display.say(f"{sweep.name}: {plan_line(plan)}"))
        outcome = run_sweep(sweep, tables, place, brake, screen, BACKENDS[backend].create_queue)
    console = Console()
    for message in [*messages, *store.damaged]:
        console.print(message, markup=False, highlight=False, soft_wrap=True)
    closing = [
        *outcome.notes,
        *describe_missing(outcome, brake),
        f"{counts_line(outcome)} Tables: {folder}/*.parquet",
        f"MLflow: {target.safe_uri}    Stages: {store.uri}",
        f"Next: repertoire ui {out} | repertoire compare {out} | repertoire plan {path}",
    ]
    return print_report(console, folder, closing) or int(bool(describe_missing(outcome, brake)))


def stage_seconds(store: StageStore, key: str) -> float:
    """Return the seconds a finished stage took."""
    record = store.record(key)
    return 0.0 if record is None else wall_seconds(record)


def plan_line(plan: Plan) -> str:
    """Return a line on what a plan will compute."""
    left = plan.estimated_seconds()
    if not plan.to_run:
        return f"all {plan.asked_for} stages are in the store; nothing to compute"
    guess = f", about {duration_text(left)} of processor time" if left else ""
    trials = len({chain.trial_id for chain in plan.chains})
    to_do = f"{len(plan.to_compute)} to compute{guess}"
    if plan.to_score:
        to_do += f", {len(plan.to_score)} to score on further tasks"
    return f"{trials} trials, {plan.asked_for} stages asked for, {to_do}"


def counts_line(outcome: Outcome) -> str:
    """Return a line with the numbers of stages that were requested, computed, and failed."""
    search, evaluation = outcome.search, outcome.evaluation
    further = f", {evaluation.scored} scored on further tasks" if evaluation.scored else ""
    line = f"{evaluation.computed} stages computed{further}{failures_text(evaluation)}."
    if search is None:
        return line
    asked_for = f"Search: {search.asked_for} stages asked for"
    return f"{asked_for}, {search.computed} computed{failures_text(search)}. {line}"


def failures_text(progress: Progress) -> str:
    """Return the number of stages that raised, to be added to a list; empty if none did."""
    return f", {progress.raised} failed" if progress.raised else ""


def describe_missing(outcome: Outcome, brake: Brake) -> list[str]:
    """Return a line for each result that is missing, with the reason."""
    lines = list(outcome.missing_winners)
    to_go = outcome.evaluation.to_go
    if brake.reason and not outcome.complete:
        left = outcome.search.to_go if outcome.search else 0
        lines.append(f"{brake.reason}; the search has {left} stages to go at most, {CONTINUES}")
    elif brake.reason and to_go:
        lines.append(f"{brake.reason}; {to_go} stages are to go, {CONTINUES}")
    return lines


def print_report(console: Console, folder: Path, closing: list[str]) -> int:
    """Print the comparison, the incomplete trials and the closing lines; return the exit code.

    Candidates of a search that were stopped early or diverged are no failures.
    """
    results = load(folder)
    table = render_first(comparison(results), f"repertoire compare {folder}")
    console.print(table, markup=False, highlight=False, soft_wrap=True, end="")
    trials, searched = results.trials, results.trials["phase"] == "search"
    bad = trials[(trials["status"] == "failed") | ~searched & (trials["status"] != "complete")]
    unfinished = [trial_line(alike) for alike in group_endings(bad.to_dict("records"))]
    hint = "its traceback: repertoire show {} {} --traceback"
    failed = bad.loc[bad["status"] == "failed", "trial_id"]
    hints = [hint.format(folder, failed.iloc[0])] if len(failed) else []
    lines = [*unfinished, *hints, *closing]
    if searched.any():
        counts = trials[searched].drop_duplicates("trial_id")["status"].value_counts()
        by_status = ", ".join(f"{n} {status}" for status, n in counts.items())
        lines.insert(len(unfinished), f"candidates: {by_status}")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return int(len(bad) > 0)


def track(out: Path) -> int:
    """Send each sweep of a results folder to MLflow; return the exit code."""
    folders = sorted(path.parent for path in out.glob("*/trials.parquet"))
    if not folders:
        raise RepertoireError(f"{out} holds no results; run a sweep with --out {out} first")
    console, failed = Console(), 0
    for folder in folders:
        try:
            # The ledger is checked against MLflow, since runs may have been deleted there.
            sent = sync(folder, read_target(folder), recheck=True, wait_seconds=WAIT_SECONDS)
            line = f"{folder.name}: {sent}"
        except RepertoireError as error:
            line, failed = f"{folder.name}: {error}", failed + 1
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return int(failed > 0)
