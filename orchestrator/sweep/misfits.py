"""Why a benchmark, a network and a method do not go together."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from methods.base import Outlook, input_dtype
from methods.parts.evaluation_mode import evaluation_mode
from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.networks.heads import CosineLinear
from orchestrator.networks.networks import NetworkShape, build_network
from orchestrator.networks.pretrained.pretrained import NAME as PRETRAINED
from orchestrator.stages.build_stages import benchmark_setting, fill_defaults, network_shape
from orchestrator.stages.code.classes import is_dotted
from orchestrator.stages.code.components import Component
from orchestrator.stages.features.feature_inputs import use_features
from orchestrator.stages.learning.training import Training
from orchestrator.stages.outcomes import failure_story
from orchestrator.sweep.backbone_tokens import tokens_objection

ON_FEATURES = "learns on features of the body; network.hidden: [WIDTH, ...] gives it hidden layers"
KNOWN_TO_HAVE_TOKENS = ("vit_tiny",)


def misfit(
    benchmark: Benchmark,
    network: Component,
    method: Component | None = None,
    training: Training | None = None,
) -> str | None:
    """Return the reason that a benchmark, a network and a method do not go together, or None.

    Without a training, it is taken for one that does not augment images.
    """
    # Before the weights, which may be missing: no weights would help.
    backbone = getattr(network.config, "backbone", None)
    if method and (unfit := tokens_objection(backbone, method)):
        return unfit
    wrong = network.cls.objection(network.config, network_shape(benchmark))
    if wrong is not None:
        return f"network.{wrong}"
    if method is None:
        return None
    trains = getattr(network.config, "train", None)
    # What needs tokens objects to the network as it was given, not to the head that stands for it.
    if not method.cls.needs_tokens:
        trainings = [training] if training else []
        benchmark, network = use_features(benchmark, network, *trainings)
    objection = method_objection(benchmark, network, method)
    if objection is not None:
        of_scenario = benchmark.scenario not in method.cls.scenarios
        note = "" if of_scenario else _note_on_features(network, trains)
        return f"{method.name} {objection}{note}"
    if trains == "none" and method.cls.takes_steps:
        return (
            f"{method.name} learns by gradient steps, and network.train: none leaves nothing to "
            "train; valid: head, adapters, all, or a method in closed form"
        )
    looks_inside = method.cls.needs_tokens and network.name not in KNOWN_TO_HAVE_TOKENS
    of_unknown_layers = is_dotted(network.name) or network.name == PRETRAINED
    unsure = of_unknown_layers or depends_on_features(method) or looks_inside
    return build_objection(benchmark, network, method) if unsure else None


def method_objection(benchmark: Benchmark, network: Component, method: Component) -> str | None:
    """Return the reason that a method by itself refuses a benchmark and a network, or None."""
    try:
        objection: str | None = method.cls.objection(
            method.config, benchmark_setting(benchmark, network)
        )
    except Exception as error:  # a user's class may raise anything
        if not is_dotted(method.name):
            raise
        reason = failure_story(error).splitlines()[0]
        return f"cannot say whether it fits, since its objection() raised {reason}"
    return objection


def depends_on_features(method: Component) -> bool:
    """Return whether how many examples fit depends on how many features the network has."""
    sized = getattr(method.config, "memory_bytes", None) is not None
    return sized and not method.cls.takes_steps


def build_objection(benchmark: Benchmark, network: Component, method: Component) -> str | None:
    """Return the reason that a method cannot be built around a user's network, or None.

    A built-in network fits by its objection alone, unless features are stored in a number of bytes;
    a user's network or a pretrained body must be built to know, and so must any for a method that
    needs tokens.
    """
    shape, place = network_shape(benchmark), f"network.name: {network.name}"
    try:
        built, scores = _try_network(network, shape)
    except Exception as error:  # the user's code may raise anything
        fit = f"{_kind(shape)} {shape.input_shape} and {shape.num_classes} outputs"
        return f"{place} cannot be built for {fit}: {type(error).__name__}: {error}"
    if getattr(network.config, "head", None) == "cosine" and not isinstance(
        getattr(built, "head", None), CosineLinear
    ):
        return f"network.head: {network.name} makes its own head; use self.create_head(...) in it"
    if tuple(scores.shape) != (2, shape.num_classes):
        right = f"[2, {shape.num_classes}]"
        returned = f"{list(scores.shape)} for 2 {_kind(shape)}"
        return f"{place} returns {returned}; it must return scores {right}"
    outlook = Outlook(shape.num_classes, shape.input_shape)
    try:
        method.cls(built, fill_defaults(method, benchmark, network).config, outlook)
    except ValueError as error:
        return f"{method.name} cannot take {network.name}: {error}"
    except Exception as error:  # a user's method may raise anything
        if not is_dotted(method.name):
            raise
        return f"{method.name} cannot be built: {type(error).__name__}: {error}"
    return None


def _try_network(network: Component, shape: NetworkShape) -> tuple[nn.Module, Tensor]:
    """Build a network; return it, and its scores of two examples of zeros."""
    built = build_network(network.cls, network.config, shape, 0)
    x = torch.zeros((2, *shape.input_shape), dtype=input_dtype(shape.input_shape))
    with evaluation_mode(built), torch.no_grad():
        return built, built(x)


def _kind(shape: NetworkShape) -> str:
    return "images" if len(shape.input_shape) == 3 else "features"


def _note_on_features(network: Component, trains: str | None) -> str:
    """Return a remark if a network is the head that stands for a pretrained one; else ""."""
    is_head = network.name != PRETRAINED and not getattr(network.config, "hidden", ())
    return f"; with network.train: {trains} it {ON_FEATURES}" if trains and is_head else ""
