"""The sections of a sweep as arguments of `Sweep`, for type checkers and editors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

from methods.base import Method
from orchestrator.networks.base import Network

GivenSection = Mapping[str, Any]


class Sections(TypedDict):
    """The top level of a sweep file; each section has the form that it has in the file."""

    name: str
    benchmark: GivenSection
    methods: Sequence[str | type[Method] | GivenSection]
    seeds: Sequence[int]
    network: NotRequired[str | type[Network] | GivenSection]
    means: NotRequired[str | GivenSection]
    training: NotRequired[GivenSection]
    evaluate: NotRequired[str | GivenSection]
    search: NotRequired[GivenSection]
    budget: NotRequired[GivenSection]
    resources: NotRequired[GivenSection]
    mlflow: NotRequired[GivenSection]
