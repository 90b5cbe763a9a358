"""The trials and groups of a sweep file, combined from its sections.

Every check depends only on the sections that it names, so that one reading reports all mistakes.
"""

from __future__ import annotations

from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any

from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.stages.code.source import Source
from orchestrator.stages.learning.training import create_training
from orchestrator.stages.learning.training_options import TrainingOptions
from orchestrator.sweep.combinations import FileSections, combine_sections
from orchestrator.sweep.common_training import CommonTraining
from orchestrator.sweep.data_section import OwnCode, with_data
from orchestrator.sweep.group import Group
from orchestrator.sweep.group_names import name_groups
from orchestrator.sweep.method_entries import find_repetitions, read_anchors, read_method_entries
from orchestrator.sweep.network_section import read_networks
from orchestrator.sweep.options import read_fuse
from orchestrator.sweep.read_section import read_section
from orchestrator.sweep.reading.decoding import read_mapping
from orchestrator.sweep.reading.mistakes import abbreviate
from orchestrator.sweep.search_section.checks import check_search
from orchestrator.sweep.search_section.search import Search
from orchestrator.sweep.section import SectionContent, SectionForm
from orchestrator.sweep.trial import Trial

MAX_TASKS_OF_ALL_ORDERS = 6


def read_entries(
    content: dict[str, Any],
    search: Search | None,
    source: Source,
    mistakes: list[str],
    folder: Path = Path(),
) -> tuple[list[Trial], list[Group]]:
    """Return the trials to evaluate and the groups to search; both are empty after mistakes.

    Args:
        content: the whole file.
        search: its search section, as far as it could be read; None if there is none.
        source: the user's own code that the file names.
        mistakes: receives the mistakes, each in a line.
        folder: of the file; paths in it are relative to this folder.
    """
    own = OwnCode(source, folder)
    sections = read_parts(content, search is not None and search.uses_grids, own, mistakes)
    mistakes.extend(find_repetitions(sections.entries))
    # The streams of a benchmark with a seed of its own do not change with the trial's seed.
    fixed = "seed" in sections.benchmarks[0].given if sections.benchmarks else False
    entries = [
        Group(parts[3].examples[0].name, parts, fixed)
        for parts in combine_sections(sections, mistakes)
    ]
    groups = name_groups([entry for entry in entries if entry.space])
    if isinstance(content.get("search", {}), dict):
        mistakes.extend(check_search(sections.all_parts, groups, search))
    if mistakes:
        return [], []
    # Without mistakes, so the seeds are there and valid.
    seeds = tuple(content["seeds"])
    return [entry.first_trial(seeds) for entry in entries if not entry.space], groups


def read_parts(
    content: dict[str, Any], grids: bool, own: OwnCode, mistakes: list[str]
) -> FileSections:
    """Return the parts of all sections; with `grids`, grids are searched and not compared."""
    source = own.source
    network = content.get("network", "mlp")
    methods = content.get("methods", [])
    if not isinstance(methods, list) or (not methods and "methods" in content):
        valid = "a list of at least one method"
        mistakes.append(f"methods: must be {valid}, given {abbreviate(methods)}")
        methods = []
    benchmarks = read_benchmarks(content, grids, own, mistakes)
    networks = read_networks(network, own, mistakes, grids)
    common = read_common_training(content, source, grids)
    mistakes.extend(common.mistakes)
    return FileSections(
        benchmarks=benchmarks,
        networks=networks,
        trainings=common.parts,
        entries=[
            *read_method_entries(methods, common, source, mistakes, grids),
            *read_anchors(content, common, source, mistakes),
        ],
    )


def read_common_training(content: dict[str, Any], source: Source, grids: bool) -> CommonTraining:
    """Return the trainings of a file, with the user's own code: one for each point of its grids."""
    wrap = partial(create_training, source=source, fuse=read_fuse(content))

    def read(given: dict[str, Any], where: str, mistakes: list[str]) -> list[SectionContent]:
        form = SectionForm("training", where, TrainingOptions, wrap)
        return read_section(form, given, mistakes, grids)

    mistakes: list[str] = []
    given = read_mapping(content, "training", mistakes)
    return CommonTraining(given, read(given, "training", mistakes), mistakes, read)


def read_benchmarks(
    content: dict[str, Any], grids: bool, own: OwnCode, mistakes: list[str]
) -> list[SectionContent]:
    """Return the benchmarks of a file: one for each point of its grids; `order: all` is a grid."""
    given = read_mapping(content, "benchmark", mistakes)
    if given is not content.get("benchmark"):
        return []
    form = SectionForm("benchmark", "benchmark", Benchmark)
    given, absent = with_data(given, "benchmark", own, mistakes)
    if given.get("order") != "all":
        return read_section(form, given, mistakes, grids, absent)
    natural = {**given, "order": "natural"}
    # The number of tasks may follow from the data, so the benchmark is asked if it can be built.
    built = _numbers_of_tasks(read_section(form, natural, [], grids, absent))
    num_tasks = built.pop() if len(built) == 1 else given.get("num_tasks", 5)
    if not built and isinstance(num_tasks, int) and 1 <= num_tasks <= MAX_TASKS_OF_ALL_ORDERS:
        orders = {"grid": [list(order) for order in permutations(range(1, num_tasks + 1))]}
        return read_section(form, {**given, "order": orders}, mistakes, grids, absent)
    valid = f"num_tasks from 1 to {MAX_TASKS_OF_ALL_ORDERS}"
    mistakes.append(f"benchmark.order: all orders need {valid}, given {abbreviate(num_tasks)}")
    return read_section(form, natural, mistakes, grids, absent)


def _numbers_of_tasks(parts: list[SectionContent]) -> set[int]:
    return {benchmark.num_tasks for part in parts for benchmark in part.examples}
