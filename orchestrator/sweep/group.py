"""A group: candidates of one method, drawn from a space; the search chooses one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.hashing import canonical_json
from orchestrator.sweep.combinations import example_combinations
from orchestrator.sweep.means.cells import Cell, set_dials
from orchestrator.sweep.misfits import misfit
from orchestrator.sweep.section import InfeasiblePoint, SectionContent
from orchestrator.sweep.spaces.domains import Domain
from orchestrator.sweep.spaces.nesting import field_name
from orchestrator.sweep.training_checks import first_objection
from orchestrator.sweep.trial import Trial

LONGEST_VALUE = 60  # characters of a value in a name; groups named alike are numbered


@dataclass(frozen=True, eq=False)
class Group:
    """The common parts of candidates, and the space they are drawn from.

    Attributes:
        name: in the journal and the tables, and different for each group of a sweep.
        parts: benchmark, network, training and method.
        fixed_stream: the sweep gives the benchmark's seed.
        cell: the budgets and dials of its candidates, if the sweep has means.
        title: shown to the reader: the name with the label of its method.
    """

    name: str
    parts: tuple[SectionContent, SectionContent, SectionContent, SectionContent]
    fixed_stream: bool
    cell: Cell | None = None
    title: str = ""

    @property
    def space(self) -> dict[str, Domain]:
        """The domains of all parts, by place."""
        return {place: domain for part in self.parts for place, domain in part.space.items()}

    def build_trial(self, point: Mapping[str, Any], seeds: tuple[int, ...]) -> Trial:
        """Return the trial at a point of the space.

        Raises:
            InfeasiblePoint: the values do not go together.
        """
        components = [part.build(point) for part in self.parts]
        benchmark, network, training, method = components
        # Checked anew: the examples of a sweep vary one field at a time, a point varies all.
        objection = misfit(benchmark, network, method, training) or first_objection(
            tuple(components)
        )
        if objection is not None:
            raise InfeasiblePoint(objection)
        return self._create_trial(components, seeds)

    def first_trial(self, seeds: tuple[int, ...]) -> Trial:
        """Return the trial of the first example of each part, which is valid."""
        return self._create_trial([part.examples[0] for part in self.parts], seeds)

    def example_trials(self, seeds: tuple[int, ...]) -> list[Trial]:
        """Return the trials of the parts' examples, one field varied at a time.

        The first is `first_trial`.
        """
        return [self._create_trial(parts, seeds) for parts in example_combinations(self.parts)]

    def _create_trial(self, components: Sequence[Any], seeds: tuple[int, ...]) -> Trial:
        benchmark, network, training, method = components
        trial = Trial(
            benchmark=benchmark,
            network=network,
            training=training,
            method=method,
            seeds=seeds,
            fixed_stream=self.fixed_stream,
            label=self.parts[3].label,
        )
        return trial if self.cell is None else set_dials(self.cell, trial)

    def stratum(self, point: Mapping[str, Any]) -> str:
        """Return the drawn fields of the benchmark, as text.

        Trials on other tasks, or on the same tasks in another order, are neither raced nor ranked
        against each other.
        """
        drawn = {k: v for k, v in point.items() if k.startswith("benchmark.")}
        return " ".join(f"{field_name(k)}={format_value(v)}" for k, v in drawn.items())

    def describe(self) -> dict[str, Any]:
        """Return the space for a reader."""
        return {place: domain.describe() for place, domain in self.space.items()}


def format_value(value: Any) -> str:
    """Return a value as text for a name."""
    if isinstance(value, float):
        return f"{value:g}"
    text = value if isinstance(value, str) else canonical_json(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"
