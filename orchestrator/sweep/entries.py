"""The trials and groups of a sweep file, combined from its sections.

Every check depends only on the sections that it names, so that one reading reports all mistakes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations, product
from typing import Any

from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.hashing import canonical, plain
from orchestrator.stages.components import is_dotted
from orchestrator.stages.learner import Training
from orchestrator.stages.source import Source
from orchestrator.sweep.decoding import abbreviate
from orchestrator.sweep.group import Group, example_combinations, misfit, name_groups
from orchestrator.sweep.search_checks import check_search
from orchestrator.sweep.search_options import Search
from orchestrator.sweep.section import ComponentEntry, Form, Part, read_component, read_section
from orchestrator.sweep.trial import Trial

MAX_TASKS_OF_ALL_ORDERS = 6
TrialParts = tuple[Part, Part, Part, Part]


@dataclass(frozen=True)
class Sections:
    """The parts of each section of a file, those with mistakes included."""

    benchmarks: list[Part]
    networks: list[Part]
    trainings: list[Part]
    methods: list[Part]

    @property
    def all(self) -> list[Part]:
        """Every part."""
        return [*self.benchmarks, *self.networks, *self.trainings, *self.methods]


def read_mapping(content: dict[str, Any], name: str, mistakes: list[str]) -> dict[str, Any]:
    """Return a section that holds keys and values, empty if it is left out."""
    given = content.get(name, {})
    if isinstance(given, dict):
        return given
    mistakes.append(f"{name}: must be keys and values, given {abbreviate(given)}")
    return {}


def dotted_names(content: dict[str, Any]) -> list[str]:
    """Return the names of the form `module:Class` in a file, wherever one may stand."""
    methods, search = content.get("methods"), content.get("search")
    places = [content.get("network"), *(methods if isinstance(methods, list) else ())]
    if isinstance(search, dict):
        places += [search.get("algorithm"), search.get("scheduler")]
    names = (place.get("name") if isinstance(place, dict) else place for place in places)
    return [name for name in names if isinstance(name, str) and is_dotted(name)]


def read_entries(
    content: dict[str, Any], search: Search | None, source: Source, mistakes: list[str]
) -> tuple[list[Trial], list[Group]]:
    """Return the trials to evaluate and the groups to search; both are empty after mistakes.

    Args:
        content: the whole file.
        search: its search section, as far as it could be read; None if there is none.
        source: the own code that the file names.
        mistakes: receives the mistakes, each in a line.
    """
    grids = search is not None and search.uses_grids
    sections = read_sections(content, grids, source, mistakes)
    mistakes.extend(_find_repetitions(sections.methods))
    combinations = _combine(sections, mistakes)
    fixed = "seed" in sections.benchmarks[0].given if sections.benchmarks else False
    groups = [
        Group(parts[3].examples[0].name, parts, fixed)
        for parts in combinations
        if _has_space(parts)
    ]
    groups = name_groups(groups)
    if isinstance(content.get("search", {}), dict):
        mistakes.extend(check_search(sections.all, groups, search))
    if mistakes:
        return [], []
    seeds = tuple(content["seeds"])
    trials = [
        Group("", parts, fixed).first(seeds) for parts in combinations if not _has_space(parts)
    ]
    return trials, groups


def read_sections(
    content: dict[str, Any], grids: bool, source: Source, mistakes: list[str]
) -> Sections:
    """Return the parts of all sections; with `grids`, grids are searched and not compared."""
    benchmark = read_mapping(content, "benchmark", mistakes)
    stated = isinstance(content.get("benchmark"), dict)
    training = Form("training", "training", Training)
    network = ComponentEntry("network", "network", source)
    return Sections(
        benchmarks=read_benchmarks(benchmark, mistakes, grids) if stated else [],
        networks=read_component(network, content.get("network", "mlp"), mistakes, grids),
        trainings=read_section(
            training, read_mapping(content, "training", mistakes), mistakes, grids
        ),
        methods=[
            part
            for i, entry in enumerate(_methods(content, mistakes))
            for part in read_component(
                ComponentEntry("method", f"methods[{i}]", source), entry, mistakes, grids
            )
        ],
    )


def _methods(content: dict[str, Any], mistakes: list[str]) -> list[Any]:
    given = content.get("methods", [])
    if isinstance(given, list) and (given or "methods" not in content):
        return given
    mistakes.append(f"methods: must be a list of at least one method, given {abbreviate(given)}")
    return []


def read_benchmarks(given: dict[str, Any], mistakes: list[str], grids: bool) -> list[Part]:
    """Return the benchmarks of a file: one for each point of its grids; `order: all` is a grid."""
    form = Form("benchmark", "benchmark", Benchmark)
    if given.get("order") != "all":
        return read_section(form, given, mistakes, grids)
    orders: list[Any] = []
    num_tasks = given.get("num_tasks", 5)
    if isinstance(num_tasks, int) and 1 <= num_tasks <= MAX_TASKS_OF_ALL_ORDERS:
        orders = [list(order) for order in permutations(range(1, num_tasks + 1))]
    else:
        valid = f"num_tasks from 1 to {MAX_TASKS_OF_ALL_ORDERS}"
        mistakes.append(f"benchmark.order: all orders need {valid}, given {abbreviate(num_tasks)}")
    left_out = {} if orders else {"order": "natural"}  # the other fields are still checked
    return read_section(form, {**given, "order": {"grid": orders}, **left_out}, mistakes, grids)


def _find_repetitions(methods: list[Part]) -> Iterator[str]:
    """Yield the entries of `methods` that repeat an earlier one."""
    first: dict[str, str] = {}
    for part in methods:
        if part.examples:
            drawn = {place: domain.describe() for place, domain in part.space.items()}
            same = first.setdefault(
                canonical([part.examples[0].describe(), plain(drawn)]), part.form.where
            )
            if same != part.form.where:
                what = "search" if part.space else "trial"
                yield f"{part.form.where}: the same {what} as {same}"


def _combine(sections: Sections, mistakes: list[str]) -> list[TrialParts]:
    """Return the combinations of parts that are valid; note those that do not go together."""
    fitting: list[TrialParts] = []
    for benchmark, network in product(sections.benchmarks, sections.networks):
        wrong = list(_misfits((benchmark, network)))
        mistakes.extend(wrong)
        for method in sections.methods:
            objections = [] if wrong else list(_misfits((benchmark, network, method)))
            mistakes.extend(objections)
            if not wrong and not objections:
                fitting += [(benchmark, network, each, method) for each in sections.trainings]
    # In the order of the file: methods first, then benchmarks, networks and trainings.
    places = {id(part): place for place, part in enumerate(sections.all)}
    complete = [parts for parts in fitting if all(part.examples for part in parts)]
    return sorted(complete, key=lambda p: [places[id(p[i])] for i in (3, 0, 1, 2)])


def _misfits(parts: tuple[Part, ...]) -> Iterator[str]:
    """Yield why examples of a benchmark, a network and perhaps a method do not go together."""
    if not all(part.examples for part in parts):
        return
    for components in example_combinations(parts):
        objection = misfit(*components)
        if objection is not None:
            of_network = objection.startswith("network.")
            yield objection if of_network else f"{parts[-1].form.where}: {objection}"


def _has_space(parts: TrialParts) -> bool:
    return any(part.space for part in parts)
