"""The hyperparameters that decide the shapes of a method's state."""

from __future__ import annotations

from collections.abc import Iterator

from methods.base import Outlook
from orchestrator.networks.networks import build_network
from orchestrator.stages.build_stages import network_shape
from orchestrator.sweep.group import Group
from orchestrator.sweep.spaces.domains import Point, select_active


def find_resizing_places(group: Group) -> Iterator[str]:
    """Yield the places of a method's space that decide the shapes of its state.

    Such a hyperparameter cannot change from one task to the next.
    """
    method = group.parts[3]
    whole = {place: domain.representatives()[0] for place, domain in group.space.items()}
    for place, domain in method.space.items():
        # The ends of a range stand for all of it.
        values = domain.representatives()
        points = [select_active(group.space, {**whole, place: value}) for value in values]
        first, *others = (state_shapes(group, point) for point in points)
        if any(other != first for other in others):
            yield place


def state_shapes(group: Group, point: Point) -> dict[str, tuple[int, ...]]:
    """Return name -> shape of a method's state after its first task."""
    benchmark, network, _, method = (part.build(point) for part in group.parts)
    shape = network_shape(benchmark)
    # Shapes do not depend on the seed of the weights.
    built = build_network(network.cls, network.config, shape, 0)
    learner = method.cls(built, method.config, Outlook(shape.num_classes, shape.input_shape, 1))
    return {name: tuple(value.shape) for name, value in learner.state_dict().items()}
