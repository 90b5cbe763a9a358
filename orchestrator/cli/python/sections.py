"""The sections of a sweep as arguments of `Sweep`, for type checkers and editors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

from methods.base import Method
from orchestrator.networks.base import Network

Section = Mapping[str, Any]


class Sections(TypedDict):
    """The top level of a sweep file; each section has the form that it has in the file."""

    name: str
    benchmark: Section
    methods: Sequence[str | type[Method] | Section]
    seeds: Sequence[int]
    network: NotRequired[str | type[Network] | Section]
    means: NotRequired[str | Section]
    training: NotRequired[Section]
    evaluate: NotRequired[str | Section]
    search: NotRequired[Section]
    budget: NotRequired[Section]
    resources: NotRequired[Section]
    mlflow: NotRequired[Section]
