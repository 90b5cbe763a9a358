"""The record of a stage: its row of R, its costs and its origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal, get_args

from orchestrator.stages.record_types import require_record_types, require_scores
from orchestrator.stages.storage.stage_files import (
    FORMAT,
    other_release,
    release,
    require_known_format,
)

Status = Literal["complete", "diverged"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """Score of a state on one split of one task; accuracy is None where `predict` is undefined."""

    accuracy: float | None
    loss: float | None
    n: int


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Costs of a stage: bytes, FLOPs, seconds. `storage` is bytes by category after the stage.

    `epochs` are those trained; None where earlier releases did not count them, and at stage 0.
    `gpu_utilisation` is the mean share of the time in which the GPU was busy, with all that ran on
    it; None on a CPU and where it was not measured.
    """

    storage: Mapping[str, int] = field(default_factory=dict)
    train_flops: int = 0
    consolidate_flops: int = 0
    eval_flops: int = 0
    samples: int = 0
    train_seconds: float = 0.0
    consolidate_seconds: float = 0.0
    eval_seconds: float = 0.0
    cpu_seconds: float = 0.0
    gpu_seconds: float = 0.0
    peak_memory_bytes: int = 0
    device: str = "cpu"
    epochs: int | None = field(default=None, metadata={"since": "0.2"})
    gpu_utilisation: float | None = field(default=None, metadata={"since": "0.2"})


RecordRequest = tuple[str, frozenset[str]]  # a stage's key, and the tasks it must be scored on

# task key -> {"validation": Score, "test": Score}
Evaluation = Mapping[str, Mapping[str, Score]]


@dataclass(frozen=True, kw_only=True)
class Record:
    """A stage's record. `spec` describes the stage to a reader; the key is its identity.

    Attributes:
        computed_for: (sweep, trial_id, seed) for which the stage was first computed.
        story: why training diverged; empty otherwise.
        environment: versions, node and platform, for a reader; never part of a key.
    """

    key: str
    parent: str | None
    after: int
    status: Status
    costs: Costs
    evaluation: Evaluation
    computed_for: tuple[str, str, int]
    story: str = ""
    spec: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


def pack_record(record: Record) -> dict[str, Any]:
    """Return a record as JSON types, for `unpack_record` of this release and of others.

    Release 0.1 refuses unknown fields. So a later field, with `metadata={"since": ...}`, is written
    under "more", which that release ignores.
    """
    base, more = _split_fields(record)
    base["costs"], more_costs = _split_fields(record.costs)
    base["evaluation"] = evaluation_to_json(record.evaluation)
    more |= {"costs": more_costs} if more_costs else {}
    content = {"format": FORMAT, "release": release(), "record": base}
    return content | ({"more": more} if more else {})


def unpack_record(content: Mapping[str, Any], where: str) -> Record:
    """Rebuild a record; unknown fields are ignored, missing ones have their default.

    Raises:
        OtherRelease: the format is a later one, or what every record must have is missing.
    """
    require_known_format(content, where)
    try:
        more = content.get("more", {})
        plain = {**more, **content["record"]}
        plain["costs"] = _build(Costs, {**more.get("costs", {}), **plain["costs"]})
        plain["evaluation"] = evaluation_from_json(plain["evaluation"])
        sweep, trial_id, seed = plain["computed_for"]
        plain["computed_for"] = (sweep, trial_id, seed)
        record: Record = _build(Record, plain)
        require_record_types(record)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise other_release(content, where, _difference(error)) from error
    if record.status not in get_args(Status):
        raise other_release(content, where, f"with status {record.status!r}")
    return record


def unpack_evaluation(content: Mapping[str, Any], where: str) -> Evaluation:
    """Rebuild the scores of a file of their own.

    Raises:
        OtherRelease: they are not written as here.
    """
    try:
        evaluation = evaluation_from_json(content)
        require_scores(evaluation)
    except (AttributeError, KeyError, TypeError) as error:
        raise other_release(content, where, f"with scores {_difference(error)}") from error
    return evaluation


def evaluation_to_json(evaluation: Evaluation) -> dict[str, Any]:
    """Return an evaluation as JSON types."""
    return {
        task: {
            split: {name: getattr(score, name) for name in Score.__slots__}
            for split, score in splits.items()
        }
        for task, splits in evaluation.items()
    }


def evaluation_from_json(data: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Evaluation:
    """Rebuild an evaluation from JSON types."""
    return {
        task: {split: _build(Score, score) for split, score in splits.items()}
        for task, splits in data.items()
    }


def _split_fields(instance: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the fields that release 0.1 knows, and later ones that are not at their default."""
    values = {field: getattr(instance, field.name) for field in fields(instance)}
    base = {field.name: value for field, value in values.items() if "since" not in field.metadata}
    later = {
        field.name: value
        for field, value in values.items()
        if field.name not in base and value != field.default
    }
    return base, later


def _build(cls: type[Any], data: Mapping[str, Any]) -> Any:
    """Return an instance of a dataclass; raise KeyError with the fields that it lacks."""
    try:
        return cls(**data)
    except TypeError:
        pass  # an unknown field, of a later release, or one is missing
    known = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
    try:
        return cls(**known)
    except TypeError as error:
        required = [f.name for f in fields(cls) if f.default is f.default_factory is MISSING]
        missing = [name for name in required if name not in data]
        raise (KeyError(*missing) if missing else error) from error


def _difference(error: Exception) -> str:
    """Return the difference of a file from those of this release."""
    if isinstance(error, KeyError):
        return f"without {', '.join(map(repr, error.args))}"
    return f"otherwise than here ({error!r})"
