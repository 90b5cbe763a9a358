"""`repertoire run` and `repertoire track`, from the sweep file to the last line on the screen."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from orchestrator.backends.inline import run_inline
from orchestrator.backends.tune import on_ray
from orchestrator.compare import comparison, render
from orchestrator.display import Display, duration
from orchestrator.errors import RepertoireError
from orchestrator.plan import Plan, plan
from orchestrator.results import load
from orchestrator.run import open_store, results_folder, run
from orchestrator.sweep import Sweep
from orchestrator.tracking.mlflow import Tracker, resolve_target, sync


def run_sweep(
    path: Path, out: Path, store_uri: str | None, backend: str, address: str | None
) -> int:
    """Run a sweep and report; return the exit code."""
    sweep = Sweep.load(path)
    store, folder = open_store(out, store_uri), results_folder(sweep, out)
    made = plan(sweep, store)
    backends = {"inline": run_inline, "ray": on_ray(address)}
    console = Console()
    console.print(f"[bold]{sweep.name}[/]: {headline(made)}")
    said: list[str] = []
    target = resolve_target(out, sweep.mlflow.uri, sweep.mlflow.experiment)
    tracker = Tracker(folder, target, say=said.append)
    with Display() as display:
        progress = run(made, store, folder, backends[backend], tracker, display.show)
    for message in [*said, *store.damaged]:
        console.print(message, markup=False)
    return report(
        console, folder, [
            f"{progress.executed} stages computed. Tables: {folder}/*.parquet",
            f"MLflow: {target.shown}    Stages: {store.uri}",
            f"Next: repertoire ui {out} | repertoire compare {out} | repertoire plan {path}",
        ],
    )  # fmt: skip


def headline(made: Plan) -> str:
    """Return a line on what is about to happen."""
    to_run, seconds = len(made.to_run), made.estimated_seconds()
    if not to_run:
        return f"all {made.asked_for} stages are in the store; nothing to compute"
    guess = f", about {duration(seconds)} of processor time" if seconds else ""
    trials = len(made.sweep.trials)
    return f"{trials} trials, {made.asked_for} stages asked for, {to_run} to compute{guess}"


def report(console: Console, folder: Path, closing: list[str]) -> int:
    """Print the comparison, what went wrong, and where things are; return the exit code."""
    results = load(folder)
    console.print(render(comparison(results), "table"))
    bad = results.trials[results.trials["status"] != "complete"]
    for row in bad.to_dict("records"):
        story = (row["story"] or "").partition("\n")[0]
        place = f"{row['trial_id']} seed {row['seed']} after {row['tasks_done']} tasks"
        console.print(f"{row['status']}: {place}: {story}", markup=False)
    for line in closing:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return int(len(bad) > 0)


def track(out: Path) -> int:
    """Send each sweep of a results folder to MLflow; return the exit code."""
    folders = sorted(path.parent for path in out.glob("*/trials.parquet"))
    if not folders:
        raise RepertoireError(f"{out} holds no results; run a sweep with --out {out} first")
    for folder in folders:
        mlflow = Sweep.load(folder / "sweep.yaml").mlflow
        target = resolve_target(out, mlflow.uri, mlflow.experiment)
        # What is said of MLflow is checked, since a person may have deleted runs there.
        sent = sync(folder, target, recheck=True)
        Console().print(f"{folder.name}: {sent}", markup=False, highlight=False, soft_wrap=True)
    return 0
