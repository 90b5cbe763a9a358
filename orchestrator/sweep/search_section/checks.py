"""Checks of a search against the sections of the file that it searches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

from orchestrator.columns import METRIC_COLUMNS, explain_undefined_fwt
from orchestrator.sweep.group import Group
from orchestrator.sweep.search_section.schedulers import Pbt
from orchestrator.sweep.search_section.search import Search
from orchestrator.sweep.search_section.state_shapes import find_resizing_places
from orchestrator.sweep.section import SectionContent
from orchestrator.sweep.spaces.domain_kinds import KINDS
from orchestrator.sweep.spaces.nesting import field_name, find_spaces


def check_search(
    parts: list[SectionContent], groups: list[Group], search: Search | None
) -> Iterator[str]:
    """Yield the reasons why the search section does not fit the other sections of a file.

    Args:
        parts: of all sections, those with mistakes included.
        groups: the valid groups.
        search: as far as it could be read; None if the file has none.
    """
    if search is None:
        for where, kind in _space_kinds(parts, grids=False):
            yield f"{where}: a {kind} needs a search; add search: {{algorithm: random}}"
        return
    if search.algorithm is not None:
        yield from _check_spaces(parts, search)
    for part in parts:
        if part.form.section == "benchmark":
            yield from _check_ranking(part, search)
    yield from _check_fwt(parts, search)
    if search.is_per_task or isinstance(search.scheduler, Pbt):
        yield from _check_changes(parts)
        for group in groups:
            yield from _check_sizes(group)


def _check_spaces(parts: list[SectionContent], search: Search) -> Iterator[str]:
    given = [value for part in parts for _, value in find_spaces(part.given, "")]
    if parts and not any(search.uses_grids or "grid" not in value for value in given):
        more = "" if search.uses_grids else "; grids are compared, unless algorithm is grid"
        yield f"search: there is nothing to search, no hyperparameter has a space{more}"
    for where, kind in _space_kinds(parts, search.uses_grids):
        if search.uses_grids and kind not in ("grid", "choice"):
            yield f"{where}: a {kind} has no end; this algorithm tries every value of a grid"


def _check_ranking(benchmark: SectionContent, search: Search) -> Iterator[str]:
    """Yield the reasons why candidates on a benchmark would have no value."""
    if 0 in _numbers(benchmark, "validation", 0.1):
        yield "search: needs validation data to select on; give benchmark.validation a share"
    built = dict.fromkeys(example.num_tasks for example in benchmark.examples)
    # Of benchmarks as built, since data may fix the number; of the field if none could be built.
    for num_tasks in built or _numbers(benchmark, "num_tasks", 5):
        learned = min(search.on_tasks or num_tasks, num_tasks)
        if search.on_tasks and search.on_tasks > num_tasks >= 1:
            yield f"search.on_tasks: {search.on_tasks} is more than the {num_tasks} tasks"
        for metric in METRIC_COLUMNS:
            # Forward transfer has more conditions, which are checked by method. That there is a
            # task at all is checked with the benchmark.
            least, names = metric.min_tasks, {*search.objective.names} - {"fwt"}
            if metric.name in names and least > max(learned, 1):
                yield f"search.metric: {metric.name} needs {least} tasks or more, given {learned}"


def _numbers(part: SectionContent, name: str, default: float) -> tuple[Any, ...]:
    """Return the numbers of a field, even if the rest of its section is wrong."""
    place = f"{part.form.section}.{name}"
    domain = part.space.get(place)
    values = domain.representatives() if domain else (part.constants.get(name, default),)
    return tuple(v for v in values if isinstance(v, int | float) and not isinstance(v, bool))


def _check_fwt(parts: list[SectionContent], search: Search) -> Iterator[str]:
    """Yield the methods whose forward transfer is undefined, if candidates are ranked by it."""
    benchmarks = [part for part in parts if part.form.section == "benchmark"]
    methods = [part for part in parts if part.form.section == "method" and part.examples]
    if "fwt" not in search.objective.names:
        return
    # A method without a space is not ranked, unless another section is searched with it.
    shared = any(part.space for part in parts if part.form.section != "method")
    for part, method in product(benchmarks, methods):
        for benchmark in part.examples if shared or method.space else ():
            learned = min(search.on_tasks or benchmark.num_tasks, benchmark.num_tasks)
            component = method.examples[0]
            why = explain_undefined_fwt(benchmark.scenario, learned, component.cls.scores_unseen)
            if why is not None:
                yield f"search.metric: fwt is undefined for {component.name}: {why}"


def _check_changes(parts: Iterable[SectionContent]) -> Iterator[str]:
    """Yield the reasons that hyperparameters cannot change from task to task."""
    for part in parts:
        for place, domain in part.space.items():
            where = f"{part.form.where}.{field_name(place)}"
            if part.form.section in ("benchmark", "network"):
                yield f"{where}: this search changes values from task to task, but it is fixed"
            elif domain.when:
                yield f"{where}: a condition cannot hold from task to task; leave out when"


def _check_sizes(group: Group) -> Iterator[str]:
    """Yield the hyperparameters of a group that decide the size of the method's state."""
    # Conditions have been refused already; without them, any values make a point.
    if not any(domain.when for domain in group.space.values()):
        for place in find_resizing_places(group):
            where = f"{group.parts[3].form.where}.{field_name(place)}"
            yield f"{where}: decides the size of what is carried, so it cannot change between tasks"


def _space_kinds(parts: Iterable[SectionContent], grids: bool) -> Iterator[tuple[str, str]]:
    """Yield the place in the file and the kind of each space, those with mistakes included."""
    # The parts of a grid share what the file gives.
    sections = {(id(part.given), part.form.where): part.given for part in parts}
    for (_, at), given in sections.items():
        for where, value in find_spaces(given, at):
            kind = next((kind for kind in value if kind in KINDS), None)
            if kind is not None and (grids or kind != "grid"):
                yield where, kind
