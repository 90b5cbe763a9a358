"""The combinations of the sections of a sweep file that make trials, and why others do not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, product
from typing import Any

from orchestrator.networks.pretrained.pretrained import Pretrained
from orchestrator.sweep.backbone_tokens import named_backbone, tokens_objection
from orchestrator.sweep.means.anchors import has_meaning
from orchestrator.sweep.method_entries import MethodEntry
from orchestrator.sweep.misfits import misfit
from orchestrator.sweep.reading.grids import MAX_CONFIGURATIONS, excess_text
from orchestrator.sweep.section import SectionContent
from orchestrator.sweep.training_checks import training_objections

TrialSections = tuple[SectionContent, SectionContent, SectionContent, SectionContent]


@dataclass(frozen=True)
class FileSections:
    """The parts of each section of a file, those with mistakes included."""

    benchmarks: list[SectionContent]
    networks: list[SectionContent]
    trainings: list[SectionContent]
    entries: list[MethodEntry]

    @property
    def all_parts(self) -> list[SectionContent]:
        """Every part."""
        own = [entry.trainings for entry in self.entries if entry.own]
        # The methods of a grid share their own trainings.
        trainings = {id(part): part for part in chain(self.trainings, *own)}.values()
        methods = [entry.method for entry in self.entries]
        return [*self.benchmarks, *self.networks, *trainings, *methods]


def combine_sections(sections: FileSections, mistakes: list[str]) -> list[TrialSections]:
    """Return the combinations of parts that are valid; note those that do not go together."""
    valid: list[TrialSections] = []
    of_methods = sum(len(entry.trainings) for entry in sections.entries)
    count = len(sections.benchmarks) * len(sections.networks) * of_methods
    if count > MAX_CONFIGURATIONS:
        mistakes.append(excess_text("benchmark, network, training and methods have", count))
        return []
    for benchmark, network in product(sections.benchmarks, sections.networks):
        objections = list(_find_misfits((benchmark, network)))
        mistakes.extend(objections)
        if objections or not network.examples:
            mistakes.extend(_find_missing_tokens(network, sections.entries))
        for entry in sections.entries if not objections else ():
            # Whether a network sees images or their features is for the training to say.
            depends = _depends_on_training(network)
            wrong = [] if depends else [*_find_misfits((benchmark, network, entry.method))]
            mistakes.extend([] if entry.optional else wrong)
            for training in entry.trainings if not wrong else ():
                parts = (benchmark, network, training, entry.method)
                unfit = [*_find_misfits(parts)] if depends else []
                unfit += _find_unfit_trainings(parts)
                mistakes.extend([] if entry.optional else unfit)
                wanted = not unfit and (not entry.optional or _has_meaning(parts))
                valid += [parts] if wanted else []
    # In the order of the file: methods first, then benchmarks, networks and trainings.
    places = {id(part): place for place, part in enumerate(sections.all_parts)}
    complete = [parts for parts in valid if all(part.examples for part in parts)]
    return sorted(complete, key=lambda p: [places[id(p[i])] for i in (3, 0, 1, 2)])


def _depends_on_training(network: SectionContent) -> bool:
    return any(isinstance(each.config, Pretrained.Config) for each in network.examples)


def _find_misfits(parts: tuple[SectionContent, ...]) -> Iterator[str]:
    """Yield the reasons that a benchmark, a network, a training and a method do not fit."""
    if not all(part.examples for part in parts):
        return
    for components in example_combinations(parts):
        benchmark, network, *between, method = (*components, None)[: max(len(parts), 3)]
        objection = misfit(benchmark, network, method, *between)
        if objection is not None:
            of_network = objection.startswith("network.")
            yield objection if of_network else f"{parts[-1].form.where}: {objection}"


def _find_missing_tokens(network: SectionContent, entries: list[MethodEntry]) -> Iterator[str]:
    """Yield the methods that refuse the backbone of a network that has mistakes, and why."""
    backbone = named_backbone(network.given)
    for entry in entries:
        for method in entry.method.examples[:1]:
            if objection := tokens_objection(backbone, method):
                yield f"{entry.method.form.where}: {objection}"


def _has_meaning(parts: TrialSections) -> bool:
    """Return whether an anchor has a meaning beside the other parts."""
    if not all(part.examples for part in parts):
        return False
    benchmark, network, training, method = (part.examples[0] for part in parts)
    return has_meaning(method.name, benchmark, network, training)


def _find_unfit_trainings(parts: TrialSections) -> Iterator[str]:
    """Yield the reasons why examples of a training do not fit examples of the other parts."""
    where = parts[2].form.where
    if all(part.examples for part in parts):
        for benchmark, _, training, method in example_combinations(parts):
            for line in training_objections(training, benchmark, method):
                yield f"{where}.{line}"


def example_combinations(parts: tuple[SectionContent, ...]) -> Iterator[tuple[Any, ...]]:
    """Yield combinations of the parts' examples, varying one part at a time."""
    first = tuple(part.examples[0] for part in parts)
    yield first
    for i, part in enumerate(parts):
        for example in part.examples[1:]:
            yield (*first[:i], example, *first[i + 1 :])
