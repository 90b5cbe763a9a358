"""Tables for a terminal: a plan, and the methods, networks and benchmarks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Column, Table
from rich.text import Text

from orchestrator.benchmarks.benchmark import BENCHMARKS
from orchestrator.benchmarks.stream_data import SEQUENCE
from orchestrator.graph.features import FeatureState
from orchestrator.graph.plan import Plan
from orchestrator.networks.networks import NETWORKS, Network
from orchestrator.networks.pretrained.pretrained import NAME as PRETRAINED
from orchestrator.networks.pretrained.pretrained import Pretrained
from orchestrator.results.durations import ASSUMED, ASSUMED_SECONDS, Durations
from orchestrator.results.units import bytes_text, duration_text, percent_text
from orchestrator.terminal.broken_text import break_name
from orchestrator.terminal.fused_rows import fused_rows
from orchestrator.terminal.method_list import (
    UNSET_NOTE,
    first_sentence,
    methods_table,
    value_in_file,
)


def plan_table(
    plan: Plan, search: Sequence[tuple[str, str]] = (), recorded: Durations | None = None
) -> Group:
    """Return a plan as a table of figures, after the figures of its search, and notes below.

    Args:
        plan: the plan.
        search: figures of its search, by name.
        recorded: durations and peaks of stages of earlier runs.
    """
    # Above the table, whose width would break a long name.
    title = break_name(f"plan of {plan.sweep.name}", "table.title")
    table = Table(show_header=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    notes = [text for name, text in search if name == "note"]
    for name, value in plan_figures(plan, search, recorded):
        table.add_row(name, value)
    return Group(title, table, *map(Text, notes))


def plan_figures(
    plan: Plan, search: Sequence[tuple[str, str]] = (), recorded: Durations | None = None
) -> list[tuple[str, str]]:
    """Return the figures of a plan by name, after those of its search; see `plan_table`."""
    seconds = plan.estimated_seconds()
    rows: list[tuple[str, Any]] = [
        ("trials", len({chain.trial_id for chain in plan.chains if chain.keys})),
        ("trials x seeds", sum(bool(chain.keys) for chain in plan.chains)),
        ("stages asked for", plan.stages_requested),
        ("distinct stages", len(plan.orders)),
        ("of these, stage 0", sum(parent is None for parent in plan.links.values())),
        ("in the store", len(plan.stored)),
        ("stages left", len(plan.stages_to_compute)),
        *(
            [("to score on further tasks", len(plan.stages_to_score))]
            if plan.stages_to_score
            else []
        ),
        (
            "processor time left",
            duration_text(seconds) if seconds is not None else "unknown before the first stages",
        ),
        *(recorded_rows(plan, recorded) if recorded else ()),
        *fused_rows(plan),
    ]
    figures = [row for row in search if row[0] != "note"]
    # A sweep that only searches has no chains before its winners are known.
    return [(name, str(value)) for name, value in [*figures, *(rows if plan.chains else [])]]


def feature_rows(states: Sequence[FeatureState]) -> Iterator[tuple[str, str]]:
    """Yield a name and a text for each of the features of a plan."""
    names = [f"{each.features.title}, {each.features.spec.body.backbone.title}" for each in states]
    for name, each in zip(names, states, strict=True):
        spec, size = each.features.spec, bytes_text(each.num_bytes)
        left = f"{each.images_left:,} of {each.images:,} images to compute"
        state = "in the store" if each.is_stored else left
        rows = "x".join(map(str, spec.body.rule.size))
        # Features of the same data and body may differ in weights, size and precision alone.
        other = f", {Path(spec.body.weights.file).name} at {rows}, {spec.precision}"
        more = other if names.count(name) > 1 else ""
        yield f"features of {name}{more}", f"{size}, {state}"


def body_rows(reasons: Mapping[tuple[str, str], str]) -> Iterator[tuple[str, str]]:
    """Yield a name and a text for each frozen body that runs in every step, with the reason."""
    for (data, body), reason in reasons.items():
        yield f"body for {data}, {body}", f"runs in every step: {reason}"


def recorded_rows(plan: Plan, recorded: Durations) -> Iterator[tuple[str, str]]:
    """Yield the time left and the largest peak of memory, estimated from earlier runs."""
    orders = [plan.orders[key] for key in plan.stages_to_compute]
    if not orders or not recorded.recorded:
        return
    seconds = sum(recorded.cost(order).seconds for order in orders)
    known = 1 - recorded.sources[ASSUMED] / len(orders)
    if known:
        assumed = (
            "" if known == 1 else f" ({percent_text(known)} recorded, else {ASSUMED_SECONDS:g} s)"
        )
        yield "time left, one stage at a time", duration_text(seconds) + assumed
    if peak := max(map(recorded.peak, orders)):
        yield "largest recorded peak of memory", bytes_text(peak)


def networks_table() -> Table:
    """Return the networks with their options."""
    table = create_table("network", "options (defaults)", "what it is")
    table.caption, table.caption_justify = UNSET_NOTE, "left"
    networks: dict[str, type[Network]] = {**NETWORKS, PRETRAINED: Pretrained}
    for name, cls in sorted(networks.items()):
        table.add_row(name, hyperparameters_text(cls.Config), first_sentence(cls))
    return table


def benchmarks_table() -> Table:
    """Return the benchmarks."""
    table = Table("benchmark", "transformation", "data set")
    for name, (transformation, dataset) in sorted(BENCHMARKS.items()):
        table.add_row(name, transformation, dataset)
    table.add_row(SEQUENCE, "none", "one a task, by sequence: [{data: ...}, ...]")
    return table


def create_table(*headers: str) -> Table:
    """Return an empty table whose words are not cut where the terminal is narrow."""
    return Table(*(Column(header, overflow="fold") for header in headers))


def hyperparameters_text(config: type[Any]) -> str:
    """Return the fields of a configuration, a line each, with their defaults as a file has them."""
    defaults = {field.name: getattr(config(), field.name) for field in fields(config)}
    lines = (k if v is None else f"{k}: {value_in_file(v)}" for k, v in defaults.items())
    return "\n".join(lines) or "-"


LISTS: dict[str, Callable[[], Table]] = {
    "methods": methods_table,
    "networks": networks_table,
    "benchmarks": benchmarks_table,
}
