"""The command `plan`: what a sweep would compute, or how long it would take on a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.options import Out, StoreUri, SweepFile, show
from orchestrator.cli.simulation_options import (
    DurationsDir,
    Failures,
    Simulate,
    read_recorded,
    require_simulation,
)
from orchestrator.errors import RepertoireError

LARGEST_SEED = 2**63 - 1  # that of a sweep


def plan_command(  # noqa: PLR0913 - an argument for each option
    sweep: SweepFile,
    out: Out = Path("results"),
    store: StoreUri = None,
    nodes: Simulate = None,
    durations: DurationsDir = None,
    failures: Failures = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", min=0, max=LARGEST_SEED, help="Of the failures; default: 0."),
    ] = None,
    trials: Annotated[
        bool, typer.Option("--trials", help="List the trials with their hyperparameters.")
    ] = False,
) -> None:
    """Show the stages of a sweep, those in the store and those left to run. Writes nothing."""
    from orchestrator.cli.run_sweep import plan_sweep
    from orchestrator.results.bucket.fetch import fetch_results
    from orchestrator.results.folder.kept_files import describe_former_tables
    from orchestrator.results.folder.places import open_store, results_folder
    from orchestrator.results.separate_places import require_separate_folders
    from orchestrator.results.tables.sweep_folders import refuse_pipes
    from orchestrator.sweep.sweep import Sweep
    from orchestrator.terminal.describe import plan_table
    from orchestrator.terminal.means_page import means_lines
    from orchestrator.terminal.trial_list import trials_tables

    require_simulation(nodes, failures=failures, seed=seed)
    if nodes is not None and trials:
        raise RepertoireError("--trials lists what plan shows without --simulate; give one of them")
    loaded = Sweep.load(sweep)
    require_separate_folders(out, store)
    fetch_results(out)
    folder, stages = results_folder(loaded, out), open_store(out, store, read_only=True)
    refuse_pipes(folder)
    if nodes is not None:
        from orchestrator.cli.simulate import read_scenario, simulate_sweep

        scenario = read_scenario(nodes, failures, seed or 0, durations)
        simulate_sweep(loaded, stages, folder, scenario, show)
        return
    recorded = read_recorded(durations, out)
    planned, search = plan_sweep(loaded, stages, folder)
    show(plan_table(planned, search, recorded))
    if trials:
        show(trials_tables(planned))
    former = describe_former_tables(folder, planned.sweep, stages)
    for remark in [*loaded.remarks, *means_lines(planned.sweep), *former]:
        show(remark)
