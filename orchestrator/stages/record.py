"""What is kept of a stage for ever, beside its state: the row of R, the costs, the origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal["complete", "diverged"]


@dataclass(frozen=True, kw_only=True)
class Score:
    """How a state does on one split of one task; accuracy is None where `predict` means nothing."""

    accuracy: float | None
    loss: float | None
    n: int


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What a stage cost: bytes, FLOPs, seconds. `storage` is bytes by category after the stage."""

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

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON types."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Record:
        """Rebuild a record; raises KeyError or TypeError where a field is missing or unknown."""
        plain = dict(data)
        plain["costs"] = Costs(**plain["costs"])
        plain["evaluation"] = evaluation_from_json(plain["evaluation"])
        sweep, trial_id, seed = plain["computed_for"]
        plain["computed_for"] = (sweep, trial_id, seed)
        return Record(**plain)


def evaluation_from_json(data: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Evaluation:
    """Rebuild an evaluation from JSON types."""
    return {
        task: {split: Score(**score) for split, score in splits.items()}
        for task, splits in data.items()
    }
