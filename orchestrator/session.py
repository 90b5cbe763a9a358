"""`repertoire run` and `repertoire track`, from the sweep file to the last line on the screen."""

from __future__ import annotations

from collections.abc import Callable
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
    tracker = Tracker(
        folder, resolve_target(out, sweep.mlflow.uri, sweep.mlflow.experiment), say=said.append
    )
    with Display() as display:
        progress = run(made, store, folder, backends[backend], tracker, display.show)
    for message in [*said, *store.damaged]:
        console.print(message, markup=False)
    return report(console, path, out, folder, progress.executed)


def headline(made: Plan) -> str:
    """Return a line on what is about to happen."""
    to_run, seconds = len(made.to_run), made.estimated_seconds()
    if not to_run:
        return f"all {made.asked_for} stages are in the store; nothing to compute"
    guess = f", about {duration(seconds)} of processor time" if seconds else ""
    return f"{len(made.sweep.trials)} trials, {made.asked_for} stages asked for, {to_run} to compute{guess}"


def report(console: Console, path: Path, out: Path, folder: Path, executed: int) -> int:
    """Print the comparison, where things are and what to type next; return the exit code."""
    results = load(folder)
    console.print(render(comparison(results), "table"))
    bad = results.trials[results.trials["status"] != "complete"]
    for row in bad.to_dict("records"):
        story = (row["story"] or "").partition("\n")[0]
        console.print(
            f"{row['status']}: {row['trial_id']} seed {row['seed']} after {row['tasks_done']} tasks: {story}",
            markup=False,
        )
    console.print(
        f"{executed} stages computed. Tables: {folder}/{{trials,accuracy,stages}}.parquet",
        markup=False,
        soft_wrap=True,
    )
    console.print(
        f"MLflow database: {out}/mlflow.db    Stages: {out}/stages", markup=False, soft_wrap=True
    )
    console.print(
        f"Next:  repertoire ui {out}    repertoire compare {out} --format markdown    repertoire plan {path}",
        markup=False, soft_wrap=True,
    )  # fmt: skip
    return int(len(bad) > 0)


def track(out: Path) -> int:
    """Send each sweep of a results folder to MLflow; return the exit code."""
    folders = sorted(p.parent for p in out.glob("*/trials.parquet"))
    if not folders:
        raise RepertoireError(f"{out} holds no results; run a sweep with --out {out} first")
    for folder in folders:
        settings = Sweep.load(folder / "sweep.yaml").mlflow
        print_report(
            folder, lambda: sync(folder, resolve_target(out, settings.uri, settings.experiment))
        )
    return 0


def print_report(folder: Path, send: Callable[[], object]) -> None:
    """Send one sweep and say what was sent."""
    Console().print(f"{folder.name}: {send()}", markup=False)
