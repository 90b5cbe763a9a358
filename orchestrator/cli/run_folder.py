"""The run of a sweep from the checked sweep to its tables; shared by the command and Python."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from orchestrator.backends.factory import BACKENDS, ComputePlace
from orchestrator.backends.ray_backend import Say
from orchestrator.backends.stage_needs import AUTO
from orchestrator.cli.run_report import (
    counts_line,
    describe_deadline,
    describe_missing,
    describe_refusal,
    plan_line,
)
from orchestrator.cli.run_sweep import Screen, SweepOutcome, pending_orders, run_sweep
from orchestrator.cli.until import EndTime, first_end_time
from orchestrator.graph.brake import Brake
from orchestrator.graph.deadline import Deadline
from orchestrator.graph.signals import pull_on_signal
from orchestrator.graph.stored_stages import wall_seconds
from orchestrator.results.bucket.fetch import fetch_results
from orchestrator.results.bucket.home import Home, open_home
from orchestrator.results.durations import read_gpu_shares
from orchestrator.results.folder.kept_files import keep_former_tables
from orchestrator.results.folder.places import is_sweep_folder, open_store, results_folder
from orchestrator.results.folder.tabulator import Tabulator
from orchestrator.results.separate_places import (
    require_results_folder,
    require_stage_store,
)
from orchestrator.results.tables.sweep_folders import refuse_pipes
from orchestrator.results.units import noun_text
from orchestrator.search.features import compute_features
from orchestrator.search.price import count_prices
from orchestrator.search.validation import require_validation
from orchestrator.stages.storage.store import StageStore
from orchestrator.sweep.solve_means import missing_prices, solve_sweep
from orchestrator.sweep.sweep import Sweep
from orchestrator.terminal.console import PlainConsole
from orchestrator.terminal.means_page import means_lines
from orchestrator.terminal.screen import Display
from orchestrator.tracking import MLflowTracker, resolve_target
from orchestrator.tracking.own_trackers import FurtherTracker, TrackerGroup, create_trackers


@dataclass(frozen=True)
class RunOptions:
    """Options of `repertoire run`.

    Attributes:
        backend: a name of `BACKENDS`.
        place: a running Ray cluster.
        replace: put tables of another sweep of the same name aside.
        until: a time that no stage must outlast; the end of a Slurm job counts without it.
        trackers: the user's own trackers beside MLflow's, `module:Class`.
    """

    backend: str = "ray"
    place: ComputePlace = field(default_factory=ComputePlace)
    replace: bool = False
    until: EndTime | None = None
    trackers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finished:
    """A run that has ended, complete or not.

    Attributes:
        folder: of the tables.
        outcome: where it ended.
        messages: what went wrong beside the stages: with MLflow, or in the store.
        missing: a line for each result that is missing, with the reason.
        places: of MLflow and of the stages, a line.
    """

    folder: Path
    outcome: SweepOutcome
    messages: tuple[str, ...]
    missing: tuple[str, ...]
    places: str

    @property
    def closing_lines(self) -> list[str]:
        """Lines on how it ended, with the number of stages that were computed."""
        counts = f"{counts_line(self.outcome)} Tables: {self.folder}/*.parquet"
        return [*self.outcome.notes, *self.missing, counts]


def run_in_folder(
    sweep: Sweep,
    out: Path,
    store_uri: str | None,
    options: RunOptions,
    display: Display | None = None,
) -> Finished:
    """Run a sweep, and show its progress; see `run`.

    With a display, lines that come before the progress are shown there too.
    """
    require_validation(sweep)  # before the results folder exists
    folder = results_folder(sweep, out)
    if not is_sweep_folder(folder):  # else an earlier run was let in
        require_results_folder(out)
    if store_uri is not None:
        require_stage_store(out, store_uri)
    refuse_pipes(folder)

    def say(line: str) -> None:
        PlainConsole().print_line(line)

    say_first = say if display is None else display.say
    if options.place.address is not None:
        require_ready_cluster(
            sweep, folder, open_store(out, store_uri, read_only=True), options, say_first
        )
    stored = open_store(out, store_uri, read_only=True)
    solved = solve_sweep(sweep, stored)
    # For the whole run, since two commands would write the same tables and journal.
    with open_home(folder, say_first) as home:
        unpriced = bool(missing_prices(solved))
        if not unpriced:  # else its trials are not known yet
            for line in keep_former_tables(folder, solved, stored, options.replace):
                say_first(line)
        finished = run_at_home(sweep, home, store_uri, options, display or Display(), unpriced)
        return replace(finished, missing=(*finished.missing, *home.publish()))


def run_at_home(
    sweep: Sweep,
    home: Home,
    store_uri: str | None,
    options: RunOptions,
    display: Display,
    unpriced: bool = False,
) -> Finished:
    """Run a sweep whose folder is locked for writing; see `run_in_folder`.

    With `unpriced`, former tables are compared with the sweep only after the prices are counted,
    since its trials are not known before.
    """
    store, out, folder = open_store(home.out, store_uri), home.out, home.folder
    target, messages = resolve_target(out, sweep.mlflow.uri, sweep.mlflow.experiment), list[str]()
    own = create_trackers(options.trackers, sweep.folder, folder, messages.append)
    mlflow = MLflowTracker(folder, target, say=messages.append)
    others: list[FurtherTracker] = [*own, *([home.publisher] if home.publisher else [])]
    tables = Tabulator((), store, folder, TrackerGroup(mlflow, others) if others else mlflow)
    brake, entry = create_brake(sweep, store, options.until), BACKENDS[options.backend]
    with (
        display,
        pull_on_signal(brake, display.say),
        entry.open(with_recorded_shares(options.place, sweep, out), display.say) as place,
    ):
        for remark in describe_begin(sweep, brake):
            display.say(remark)
        compute_features(sweep, tables, place, brake, display.show)
        sweep = count_prices(sweep, tables, place, brake, display.show)
        if unpriced:
            for line in keep_former_tables(folder, sweep, tables.records, options.replace):
                display.say(line)
        for line in means_lines(sweep):
            display.say(line)
        screen = Screen(display.show, lambda plan: display.say(f"{sweep.name}: {plan_line(plan)}"))
        outcome = run_sweep(sweep, tables, place, brake, screen, entry.create_queue)
    return Finished(
        folder=folder,
        outcome=outcome,
        messages=(*messages, *store.damaged, *describe_refusal(tables)),
        missing=tuple(describe_missing(outcome, brake)),
        places=f"MLflow: {target.safe_uri}    Stages: {store.address}",
    )


def describe_begin(sweep: Sweep, brake: Brake) -> Iterator[str]:
    """Yield the lines that come before the first stage: warnings, the deadline, the search."""
    yield from sweep.remarks
    yield from describe_deadline(brake.deadline)
    if sweep.search is not None:
        groups = noun_text(str(len(sweep.groups)), "group")
        yield f"{sweep.name}: searching {groups} of candidates"


def with_recorded_shares(place: ComputePlace, sweep: Sweep, out: Path) -> ComputePlace:
    """Return a place with the shares of a GPU that the results folder has records of."""
    if sweep.resources.gpus != AUTO:
        return place
    fetch_results(out)  # also of other sweeps
    return replace(place, gpu_shares=read_gpu_shares(out))


def require_ready_cluster(
    sweep: Sweep, folder: Path, store: StageStore, options: RunOptions, say: Say
) -> None:
    """Check the nodes of a cluster if there is something to compute; nothing is written.

    Raises:
        RepertoireError: a node cannot run the sweep.
    """
    address = options.place.address
    if address is not None and (orders := pending_orders(sweep, store, folder)):
        BACKENDS[options.backend].check(address, sweep, store.uri, orders, say)


def create_brake(sweep: Sweep, store: StageStore, until: EndTime | None) -> Brake:
    """Return the brake of a run: its budget, and the time that it must not outlast."""
    now = datetime.now().astimezone()
    seconds_by_key = partial(stage_seconds, store)
    end, deadline = first_end_time(until, os.environ, now), None
    if end is not None:
        seconds = (end.moment - now).total_seconds()
        deadline = Deadline(seconds, end.describe(now), seconds_by_key)
    return Brake(sweep.budget, sweep.resources, seconds_by_key, deadline)


def stage_seconds(store: StageStore, key: str) -> float:
    """Return the seconds a finished stage took."""
    record = store.record(key)
    return 0.0 if record is None else wall_seconds(record)
