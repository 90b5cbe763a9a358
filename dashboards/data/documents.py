"""The shapes of a sweep's JSON files, which somebody else may have filled with anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

PROGRESS, SEARCH = "progress.json", "search.json"
Count = Annotated[int, Field(ge=0, lt=2**63)]
Seconds = Annotated[float, Field(ge=0, le=1e11)]  # since 1970, to the year 5138


class _Event(BaseModel):
    at: Seconds
    what: str
    trial_id: str
    seed: int


class _Progress(BaseModel):
    phase: str | None = None
    trials: Count | None = None
    trials_done: Count | None = None
    asked_for: Count | None = None
    shared: Count | None = None
    executed: Count | None = None
    to_go: Count | None = None
    unreachable: Count | None = None
    computed: Count | None = None
    failed: Count | None = None
    raised: Count | None = None
    started_at: Seconds | None = None
    updated_at: Seconds | None = None
    eta_seconds: Seconds | None = None
    events: list[_Event] | None = None
    store: str | None = None


class _Group(BaseModel):
    space: dict[str, Any] | None = None
    winner: list[Any] | None = None


class _Search(BaseModel):
    metric: list[str] = []
    mode: list[str] = []
    seeds: list[int] = []
    groups: dict[str, _Group] = {}


SHAPES: Mapping[str, type[BaseModel]] = {PROGRESS: _Progress, SEARCH: _Search}


def has_shape(name: str, content: Mapping[str, Any]) -> bool:
    """Return whether what pages read of a JSON file has the types that runs write.

    Args:
        name: of the file; one without a shape has any.
        content: of the file; what it lacks is of an older release.
    """
    try:
        if name in SHAPES:
            SHAPES[name].model_validate(content, strict=True)
    except ValidationError:
        return False
    return True
