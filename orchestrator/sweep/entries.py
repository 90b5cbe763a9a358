"""The entries of a sweep file: trials to be evaluated as they are, and groups to be searched."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations, product
from typing import Any

from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.hashing import canonical
from orchestrator.metrics import fwt_undefined_because
from orchestrator.stages.learner import Training
from orchestrator.sweep.decoding import short
from orchestrator.sweep.group import Group, examples, misfit, named, resizing
from orchestrator.sweep.search_options import Search
from orchestrator.sweep.section import Form, Part, component_parts, parts_of
from orchestrator.sweep.strategies import Pbt
from orchestrator.sweep.trial import Trial

MAX_TASKS_OF_ALL_ORDERS = 6


def section(content: dict[str, Any], name: str, mistakes: list[str]) -> dict[str, Any]:
    """Return a section that holds keys and values, empty if it is left out."""
    given = content.get(name, {})
    if isinstance(given, dict):
        return given
    mistakes.append(f"{name}: must be keys and values, given {short(given)}")
    return {}


def _listed(content: dict[str, Any], mistakes: list[str]) -> list[Any]:
    """Return the methods of a file as they are listed."""
    given = content.get("methods", [])
    if isinstance(given, list) and (given or "methods" not in content):
        return given
    mistakes.append(f"methods: must be a list of at least one method, given {short(given)}")
    return []


def entries(
    content: dict[str, Any], search: Search | None, mistakes: list[str]
) -> tuple[list[Trial], list[Group]]:
    """Return trials and groups of a file, noting mistakes; of a wrong file, what can be seen."""
    before = len(mistakes)
    given = section(content, "benchmark", mistakes)
    grids = search is not None and search.uses_grids
    benchmarks = (
        benchmarks_of(given, mistakes, grids) if isinstance(content.get("benchmark"), dict) else []
    )
    networks = component_parts("network", content.get("network", "mlp"), "network", mistakes, grids)
    trainings = parts_of(
        Form("training", "training", Training), section(content, "training", mistakes), mistakes,
        grids,
    )  # fmt: skip
    methods = [
        part
        for i, entry in enumerate(_listed(content, mistakes))
        for part in component_parts("method", entry, f"methods[{i}]", mistakes, grids)
    ]
    seeds = () if mistakes else tuple(content["seeds"])
    found: dict[str, str] = {}
    trials: list[Trial] = []
    groups: list[Group] = []
    for method, benchmark, network, training in product(methods, benchmarks, networks, trainings):
        parts = (benchmark, network, training, method)
        if not _fits(parts, mistakes):
            continue
        group = Group(method.examples[0].name, parts, fixed_stream="seed" in given)
        trial, what, where = group.first(seeds), "trial", method.form.where
        if group.space:
            groups.append(group)
            what = "search"
        else:
            trials.append(trial)
        name = canonical([trial.identity, group.describe()])
        if name in found:
            mistakes.append(f"{where}: the same {what} as {found[name]}")
        found.setdefault(name, where)
    if search is not None and not groups and len(mistakes) == before:
        more = "" if search.uses_grids else "; grids are compared, unless algorithm is grid"
        mistakes.append(f"search: there is nothing to search, no hyperparameter has a space{more}")
    if search is not None or "search" not in content:
        mistakes.extend(_unsearchable(groups, search))
    return trials, named(groups)


def _fits(parts: tuple[Part, Part, Part, Part], mistakes: list[str]) -> bool:
    """Return whether parts go together, wherever they were tried; note where they do not."""
    before = len(mistakes)
    for benchmark, network, _, method in examples(parts):
        objection = misfit(benchmark, network, method)
        if objection is not None:
            network_s = objection.startswith("network.")
            mistakes.append(objection if network_s else f"{parts[3].form.where}: {objection}")
    return len(mistakes) == before


def _unsearchable(groups: list[Group], search: Search | None) -> Iterator[str]:
    """Yield why what is to be searched cannot be."""
    if search is None:
        for place, kind in _kinds(groups):
            yield f"{place}: a {kind} needs a search; add search: {{algorithm: random}}"
        return
    for place, kind in _kinds(groups):
        if search.uses_grids and kind not in ("grid", "choice"):
            yield f"{place}: a {kind} has no end; this algorithm tries every value of a grid"
    for group in groups:
        yield from _undefined(group, search)
        if search.per_task or isinstance(search.scheduler, Pbt):
            yield from _unchangeable(group)


def _undefined(group: Group, search: Search) -> Iterator[str]:
    """Yield why a group's candidates would never have a value."""
    for benchmark in group.parts[0].examples:
        yield from _undefined_on(benchmark, group, search)


def _undefined_on(benchmark: Benchmark, group: Group, search: Search) -> Iterator[str]:
    learned = min(search.on_tasks or benchmark.num_tasks, benchmark.num_tasks)
    names = set(search.objective.names)
    if benchmark.validation == 0:
        yield "search: needs validation data to select on; give benchmark.validation a share"
    if search.on_tasks and search.on_tasks > benchmark.num_tasks:
        yield f"search.on_tasks: {search.on_tasks} is more than the {benchmark.num_tasks} tasks"
    if learned < 2 and names & {"bwt", "forgetting"}:
        yield "search.metric: bwt and forgetting need two tasks or more"
    method = group.parts[3].examples[0].cls
    why = fwt_undefined_because(benchmark.scenario, learned, method.scores_unseen)
    if "fwt" in names and why is not None:
        yield f"search.metric: fwt is undefined for {group.name}: {why}"


def _unchangeable(group: Group) -> Iterator[str]:
    """Yield why hyperparameters of a group cannot change from task to task."""
    for part in group.parts:
        for place, domain in part.space.items():
            where = f"{part.form.where}.{place.partition('.')[2]}"
            if part.form.section in ("benchmark", "network"):
                yield f"{where}: cannot change from task to task, as this search would have it"
            elif domain.when:
                yield f"{where}: a condition cannot hold from task to task; leave out when"
    if not any(domain.when for domain in group.space.values()):
        for place in resizing(group):
            where = f"{group.parts[3].form.where}.{place.partition('.')[2]}"
            yield f"{where}: decides the size of what is carried, so it cannot change between tasks"


def _kinds(groups: list[Group]) -> Iterator[tuple[str, str]]:
    """Yield the place in the file and the kind of each domain."""
    for group in groups:
        for part in group.parts:
            for place, domain in part.space.items():
                yield f"{part.form.where}.{place.partition('.')[2]}", domain.kind


def benchmarks_of(given: dict[str, Any], mistakes: list[str], grids: bool) -> list[Part]:
    """Return the benchmarks of a file: one for each point of its grids; `order: all` is a grid."""
    form = Form("benchmark", "benchmark", Benchmark)
    if given.get("order") != "all":
        return parts_of(form, given, mistakes, grids)
    orders: list[Any] = []
    num_tasks = given.get("num_tasks", 5)
    if isinstance(num_tasks, int) and 1 <= num_tasks <= MAX_TASKS_OF_ALL_ORDERS:
        orders = [list(order) for order in permutations(range(1, num_tasks + 1))]
    else:
        valid = f"num_tasks from 1 to {MAX_TASKS_OF_ALL_ORDERS}"
        mistakes.append(f"benchmark.order: all orders need {valid}, given {short(num_tasks)}")
    left_out = {} if orders else {"order": "natural"}  # the rest is looked at still
    return parts_of(form, {**given, "order": {"grid": orders}, **left_out}, mistakes, grids)
