"""A simulation as text: what a sweep takes on a virtual cluster, and its course."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group
from rich.table import Table

from orchestrator.graph.simulation import Simulation
from orchestrator.graph.virtual_workers import REPLACEMENT_SECONDS
from orchestrator.results.durations import Durations
from orchestrator.results.units import (
    amount_text,
    bytes_text,
    duration_text,
    hours_text,
    noun_text,
    percent_text,
    three_digits,
)
from orchestrator.sweep.options import Resources
from orchestrator.terminal.broken_text import break_name

Row = tuple[str, str]
FEW_SECONDS = 360.0  # that would be less than 0.1 hours, with one digit at most


def simulation_page(
    name: str,
    resources: Resources,
    simulation: Simulation,
    undisturbed: float | None,
    durations: Durations,
) -> Group:
    """Return the figures of a simulation and its course.

    Args:
        name: of the sweep.
        resources: of a stage.
        simulation: the simulation.
        undisturbed: seconds of its makespan without failures; None if there were none.
        durations: what the costs of stages are from.
    """
    table = Table(show_header=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    rows = [
        *_main_rows(simulation, resources),
        *(() if undisturbed is None else _failure_rows(simulation, undisturbed, resources)),
        *_source_rows(durations),
    ]
    for row in rows:
        table.add_row(*row)
    title = break_name(f"simulation of {name}", "table.title")
    return Group(title, table, course_table(simulation))


def _main_rows(simulation: Simulation, resources: Resources) -> Iterator[Row]:
    cluster = simulation.cluster
    at_once = noun_text(str(cluster.slots), "stage")
    yield "cluster", f"{noun_text(str(cluster.nodes), 'node')}, {at_once} at a time on each"
    yield "stages computed", str(simulation.stages)
    yield "makespan", seconds_text(simulation.makespan)
    yield "no cluster is faster than", seconds_text(simulation.shortest)
    yield "computation", resource_hours(simulation.busy, resources)
    yield "utilisation", percent_text(simulation.utilisation, 1)
    spared = resource_hours(simulation.spared, resources)
    stages = noun_text(str(simulation.spared_stages), "stage")
    yield "spared by sharing and the store", f"{stages}, {spared}"
    yield "store at the end", f"{bytes_text(simulation.store_bytes)}, of this sweep's stages"


def _failure_rows(
    simulation: Simulation, undisturbed: float, resources: Resources
) -> Iterator[Row]:
    usage, cluster = simulation.usage, simulation.cluster
    longer = simulation.makespan - undisturbed
    lost = resource_hours(usage.seconds_lost, resources)
    rate = noun_text(f"{cluster.losses_per_hour:g}", "node")
    replaced = f"each replaced after {duration_text(REPLACEMENT_SECONDS)}"
    yield "failures", f"{rate} an hour, seed {cluster.seed}, {replaced}"
    nodes = noun_text(str(usage.nodes_lost), "node")
    stages = noun_text(str(usage.stages_lost), "stage")
    yield "lost to failures", f"{nodes}, {stages}, {lost}"
    yield "makespan without failures", seconds_text(undisturbed)
    yield "longer by", seconds_text(max(longer, 0.0))
    if simulation.failed_trials:
        yield "trials that failed", str(simulation.failed_trials)


def _source_rows(durations: Durations) -> Iterator[Row]:
    total = sum(durations.sources.values())
    for likeness, count in durations.sources.items():
        yield "durations", f"{percent_text(count / total)} {likeness}"
    if durations.devices:
        yield "recorded on", ", ".join(durations.devices)


def seconds_text(seconds: float) -> str:
    """Return a time of the virtual clock: to a second from a minute on, else in three digits."""
    return amount_text(seconds, "s")


def resource_hours(seconds: float, resources: Resources) -> str:
    """Return slot-seconds as hours of GPUs, or of CPUs if stages take no GPU; few as seconds."""
    kind = "GPU" if resources.gpus else "CPU"
    amount = seconds * (resources.max_gpus if resources.gpus else resources.cpus)
    if amount < FEW_SECONDS:
        return noun_text(three_digits(amount), f"{kind}-second")
    return f"{hours_text(amount)} {kind}-hours"


def course_table(simulation: Simulation) -> Table:
    """Return the course of a simulation, a row for each step."""
    table = Table(title="course", title_justify="left")
    for header in ("after", "stages", "utilisation", "store"):
        table.add_column(header, justify="right")
    for step in simulation.steps:
        table.add_row(
            seconds_text(step.until),
            str(step.stages),
            percent_text(step.utilisation),
            bytes_text(step.store_bytes),
        )
    return table
