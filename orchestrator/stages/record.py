"""The record of a stage: its row of R, its costs and its origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

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
    it, `gpu_memory_share` the share of its memory that the stage and its process need; both are
    None on a CPU and where they were not measured. `batch_flops` has by size of a batch, as text,
    how many were trained on and the FLOPs of the steps on the dearest but the first, without phases
    of their own length (in early records: on the last).

    `working_bytes` is what learning the task holds, at its end and largest over its phases (see
    `held_bytes`); None at stage 0. `inference_flops` and `inference_bytes` are of predicting one
    example of the task just learned (see `inference`). `energy_joules` is of the device in all
    phases, with all that ran on it; None without a meter. `saved_flops` are those that a frozen
    body would have spent in training and consolidation on what features stood for; None where
    there were no features. `interval_flops` are those of consolidation had the last batch been a
    full one; None unless they price a method that measures at intervals, on batches of two sizes
    (see `count_interval_flops`). All are None in records of earlier releases. `rising_steps` has
    by size of a batch, as text, how many in a row cost alike and the FLOPs of each, where they rise
    while a memory fills (see `FlopMeter.rising_steps`).
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
    batch_flops: Mapping[str, Any] = field(default_factory=dict, metadata={"since": "0.2"})
    rising_steps: Mapping[str, Any] = field(default_factory=dict, metadata={"since": "0.2"})
    working_bytes: int | None = field(default=None, metadata={"since": "0.2"})
    inference_flops: int | None = field(default=None, metadata={"since": "0.2"})
    inference_bytes: int | None = field(default=None, metadata={"since": "0.2"})
    energy_joules: float | None = field(default=None, metadata={"since": "0.2"})
    saved_flops: int | None = field(default=None, metadata={"since": "0.2"})
    gpu_memory_share: float | None = field(default=None, metadata={"since": "0.2"})
    interval_flops: int | None = field(default=None, metadata={"since": "0.2"})

    @property
    def num_batches(self) -> int:
        """The batches that were trained on, without phases of their own length."""
        return sum(count for count, _ in self.batch_flops.values())


RecordRequest = tuple[str, frozenset[str]]  # a stage's key, and the tasks it must be scored on

# task key -> {"validation": Score, "test": Score}
TaskScores = Mapping[str, Mapping[str, Score]]


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
    evaluation: TaskScores
    computed_for: tuple[str, str, int]
    story: str = ""
    spec: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
