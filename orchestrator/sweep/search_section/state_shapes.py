"""The hyperparameters that decide the shapes of a method's state."""

from __future__ import annotations

from collections.abc import Iterator

from methods.base import Outlook
from orchestrator.networks.networks import build_network
from orchestrator.stages.build_stages import network_shape
from orchestrator.stages.code.classes import is_dotted
from orchestrator.stages.features.feature_inputs import use_features
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
        known = [s for point in points if (s := state_shapes(group, point)) is not None]
        if any(other != known[0] for other in known):
            yield place


def state_shapes(group: Group, point: Point) -> dict[str, tuple[int, ...]] | None:
    """Return name -> shape of a method's state after its first task.

    None if the user's own class raises there: its stages fail, and say why.
    """
    benchmark, network, training, method = (part.build(point) for part in group.parts)
    benchmark, network = use_features(benchmark, network, training)
    shape = network_shape(benchmark)
    outlook = Outlook(shape.num_classes, shape.input_shape, 1)
    try:
        # Shapes do not depend on the seed of the weights.
        built = build_network(network.cls, network.config, shape, 0)
        learner = method.cls(built, method.config, outlook)
    except Exception:  # a user's class may raise anything
        if not (is_dotted(method.name) or is_dotted(network.name)):
            raise
        return None
    return {name: tuple(value.shape) for name, value in learner.state_dict().items()}
