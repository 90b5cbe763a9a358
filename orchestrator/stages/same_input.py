"""Checks that this process runs the code, and has the data, that a sweep was planned with."""

from __future__ import annotations

import platform

from orchestrator.benchmarks.sources.function import Function
from orchestrator.errors import RepertoireError
from orchestrator.networks.pretrained.pretrained import Pretrained
from orchestrator.stages.build_stages import benchmark_setting
from orchestrator.stages.code.data_function import function_identity
from orchestrator.stages.code.identity import code_identity
from orchestrator.stages.code.source import Source
from orchestrator.stages.stage import Stage


def require_same_code(stage: Stage) -> None:
    """Raise unless this process runs the code that the stage's key was made of."""
    setting = benchmark_setting(stage.benchmark, stage.network)
    for part, place in ((stage.network, None), (stage.method, setting)):
        code = code_identity(part.kind, part.name, part.source, place)
        if code != part.identity:
            raise RepertoireError(
                f"the code of {part.kind} {part.name!r} on {platform.node()} is {code}, and the "
                f"sweep was planned with {part.identity}; give every node the same installation"
            )


def require_same_function(stage: Stage) -> None:
    """Raise unless this process has the functions of data and backbone that the sweep has."""
    for data in stage.benchmark.data_sets:
        form = getattr(data, "form", None)
        if isinstance(form, Function):
            _require_function(form.function, form.source, form.identity_of_code)
    config = stage.network.config
    if isinstance(config, Pretrained.Config) and config.backbone.kind == "module":
        _require_function(config.backbone.name, config.backbone.source, config.backbone.code)


def _require_function(name: str, source: Source, expected: str) -> None:
    code = function_identity(name, source)
    if code != expected:
        raise RepertoireError(
            f"the code of {name} on {platform.node()} is {code}, and the sweep was planned with "
            f"{expected}; give every node the same installation"
        )


def require_same_data(stage: Stage) -> None:
    """Raise RepertoireError if this machine's data differs from the data in the stage's key."""
    stage.benchmark.require_same_data()
    if isinstance(stage.network.config, Pretrained.Config):
        stage.network.config.weights.require_same()
    if not set(stage.task_keys) <= set(stage.benchmark.task_keys()):
        raise RepertoireError(
            f"the data of {stage.benchmark.title} on {platform.node()} is not the data this sweep "
            "was planned with; give every node the same files (REPERTOIRE_DATA)"
        )
