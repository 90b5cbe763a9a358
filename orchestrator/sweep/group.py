"""A group: the candidates of one method that are drawn from a space and of which one is chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from methods.base import Outlook, input_dtype
from methods.parts.sensitivity import evaluation_mode
from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.hashing import canonical_json
from orchestrator.networks.heads import CosineLinear
from orchestrator.networks.networks import build_network
from orchestrator.stages.code.components import Component, is_dotted
from orchestrator.stages.outcomes import failure_story
from orchestrator.stages.stage import benchmark_setting, fill_defaults, network_shape
from orchestrator.sweep.nesting import field_name
from orchestrator.sweep.section import InfeasiblePoint, Part
from orchestrator.sweep.spaces import Domain, Point
from orchestrator.sweep.training_checks import first_objection
from orchestrator.sweep.trial import Trial

LONGEST_VALUE = 60  # characters of a value in a name; groups named alike are numbered


@dataclass(frozen=True, eq=False)
class Group:
    """The common parts of candidates, and the space they are drawn from.

    Attributes:
        name: shown to the reader, and different for each group of a sweep.
        parts: benchmark, network, training and method.
        fixed_stream: the sweep gives the benchmark's seed.
    """

    name: str
    parts: tuple[Part, Part, Part, Part]
    fixed_stream: bool

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
        benchmark, network, _, method = components
        objection = misfit(benchmark, network, method) or first_objection(tuple(components))
        if objection is not None:
            raise InfeasiblePoint(objection)
        return self._create_trial(components, seeds)

    def first_trial(self, seeds: tuple[int, ...]) -> Trial:
        """Return the trial of the first example of each part, which is valid."""
        return self._create_trial([part.examples[0] for part in self.parts], seeds)

    def _create_trial(self, components: Sequence[Any], seeds: tuple[int, ...]) -> Trial:
        benchmark, network, training, method = components
        return Trial(
            benchmark=benchmark,
            network=network,
            training=training,
            method=method,
            seeds=seeds,
            fixed_stream=self.fixed_stream,
        )

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


def misfit(benchmark: Benchmark, network: Component, method: Component | None = None) -> str | None:
    """Return why a benchmark, a network and a method do not go together, or None."""
    wrong = network.cls.objection(network.config, network_shape(benchmark))
    if wrong is not None:
        return f"network.{wrong}"
    if method is None:
        return None
    try:
        objection = method.cls.objection(method.config, benchmark_setting(benchmark, network))
    except Exception as error:  # a user's class may raise anything
        if not is_dotted(method.name):
            raise
        reason = failure_story(error).splitlines()[0]
        return f"{method.name} cannot say whether it fits, since its objection() raised {reason}"
    if objection is not None:
        return f"{method.name} {objection}"
    return build_objection(benchmark, network, method) if is_dotted(network.name) else None


def build_objection(benchmark: Benchmark, network: Component, method: Component) -> str | None:
    """Return why a method cannot be built around a user's network, or None.

    A built-in network fits by its objection alone; a user's network must be built to know.
    """
    shape, given = network_shape(benchmark), f"network.name: {network.name}"
    kind = "images" if len(shape.input_shape) == 3 else "features"
    outlook = Outlook(shape.num_classes, shape.input_shape)
    try:
        built = build_network(network.cls, network.config, shape, 0)
        with evaluation_mode(built), torch.no_grad():
            scores = built(
                torch.zeros((2, *shape.input_shape), dtype=input_dtype(shape.input_shape))
            )
    except Exception as error:  # the user's code may raise anything
        fit = f"{kind} {shape.input_shape} and {shape.num_classes} outputs"
        return f"{given} cannot be built for {fit}: {type(error).__name__}: {error}"
    if getattr(network.config, "head", None) == "cosine" and not isinstance(
        getattr(built, "head", None), CosineLinear
    ):
        return f"network.head: {network.name} makes its own head; use self.create_head(...) in it"
    if tuple(scores.shape) != (2, shape.num_classes):
        right = f"[2, {shape.num_classes}]"
        return f"{given} returns {list(scores.shape)} for 2 {kind}; it must return scores {right}"
    try:
        method.cls(built, fill_defaults(method, benchmark, network).config, outlook)
    except ValueError as error:
        return f"{method.name} cannot take {network.name}: {error}"
    return None


def name_groups(groups: list[Group]) -> list[Group]:
    """Name groups by their method and, where several share it, by the constants that differ."""
    renamed, taken = [], set[str]()
    for group in groups:
        mates = [other for other in groups if other.parts[3].examples[0].name == group.name]
        apart = distinctions(group, mates)
        constants = (f"{field_name(place)}={format_value(value)}" for place, value in apart)
        name = " ".join([group.name, *constants])
        number = 2
        while name in taken:
            name, number = f"{name.partition(' #')[0]} #{number}", number + 1
        taken.add(name)
        renamed.append(replace(group, name=name))
    return renamed


def distinctions(group: Group, mates: list[Group]) -> list[tuple[str, Any]]:
    """Return the constants of a group that its mates do not all have."""
    others = [constants(mate) for mate in mates]
    return [
        (place, value)
        for place, value in constants(group).items()
        if any(canonical_json(other.get(place)) != canonical_json(value) for other in others)
    ]


def constants(group: Group) -> Point:
    """Return a group's constants by place."""
    return {f"{p.form.section}.{name}": v for p in group.parts for name, v in p.constants.items()}
