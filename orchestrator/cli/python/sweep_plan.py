"""The plan of a sweep: what a run would compute, shown as text or as a table."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from orchestrator.cli.environment import parse_store
from orchestrator.cli.python.arguments import parse
from orchestrator.cli.python.running import read_folder
from orchestrator.cli.python.widget_hints import without_widget_hints
from orchestrator.cli.run_sweep import plan_sweep
from orchestrator.cli.simulation_options import read_recorded
from orchestrator.graph.plan import Plan
from orchestrator.results.addresses import errors_with_addresses
from orchestrator.results.bucket.fetch import fetch_results
from orchestrator.results.durations import Durations
from orchestrator.results.folder.kept_files import describe_former_tables
from orchestrator.results.folder.places import open_store, results_folder
from orchestrator.results.separate_places import require_separate_folders
from orchestrator.results.tables.sweep_folders import refuse_pipes
from orchestrator.sweep.sweep import Sweep
from orchestrator.terminal.comparison.block import Block
from orchestrator.terminal.console import PlainConsole
from orchestrator.terminal.describe import plan_figures, plan_table
from orchestrator.terminal.html_table import html_table
from orchestrator.terminal.means_page import means_lines


@dataclass(frozen=True, eq=False, repr=False)
class SweepPlan:
    """What a run of a sweep would compute; a notebook shows it as a table.

    Attributes:
        plan: the stages and their state in the store.
        search: figures of its search, by name.
        recorded: durations of stages of earlier runs.
        remarks: lines on the user's own code, on means, and on former tables in the folder.
    """

    plan: Plan
    search: tuple[tuple[str, str], ...]
    recorded: Durations
    remarks: tuple[str, ...]

    @property
    def stages_asked_for(self) -> int:
        """Stages of the trials that need no search; shared ones are counted for each trial."""
        return self.plan.stages_requested

    @property
    def stages_stored(self) -> int:
        """Distinct stages that the store has."""
        return len(self.plan.stored)

    @property
    def stages_left(self) -> int:
        """Distinct stages that a run would compute."""
        return len(self.plan.stages_to_compute)

    def __repr__(self) -> str:
        console = PlainConsole(file=io.StringIO(), width=100, color_system=None)
        with console.capture() as printed:
            console.print(plan_table(self.plan, self.search, self.recorded))
        lines = [line.rstrip() for line in printed.get().splitlines()]
        return "\n".join([*lines, *self.remarks])

    def _repr_html_(self) -> str:
        figures = plan_figures(self.plan, self.search, self.recorded)
        notes = [text for name, text in self.search if name == "note"]
        block = Block(f"plan of {self.plan.sweep.name}", ("", ""), figures)
        return html_table([block], [*notes, *self.remarks])


@errors_with_addresses()
@without_widget_hints()
def plan_here(sweep: Sweep, out: str | Path, store: str | Path | None) -> SweepPlan:
    """Return the plan of a sweep; nothing is written. See `Sweep.plan`."""
    results = read_folder(out)
    uri = None if store is None else parse("store", parse_store, str(store))
    require_separate_folders(results, uri)
    fetch_results(results)
    folder, stages = results_folder(sweep, results), open_store(results, uri, read_only=True)
    refuse_pipes(folder)
    planned, search = plan_sweep(sweep, stages, folder)
    former = describe_former_tables(folder, planned.sweep, stages)
    remarks = (*sweep.remarks, *means_lines(planned.sweep), *former)
    return SweepPlan(planned, tuple(search), read_recorded(None, results), remarks)
