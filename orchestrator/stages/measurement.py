"""Measurements of a running stage, and the costs in its record."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from methods.base import Method
from orchestrator.hashing import digest
from orchestrator.stages.costs import FlopMeter, storage_bytes
from orchestrator.stages.environment import device_name
from orchestrator.stages.features.carried import backbone_bytes
from orchestrator.stages.inference import inference_costs
from orchestrator.stages.learning.learner import Trained
from orchestrator.stages.record import Costs
from orchestrator.stages.stage import Stage
from orchestrator.stages.usage import Clock, gpu_memory_share, peak_memory_bytes

# FLOPs per kind of step, of the stages this process has run; see `flop_meters`.
_FLOPS: dict[str, dict[Hashable, int]] = {}


@dataclass
class Measurement:
    """The figures of one run of a stage; each is filled in when its phase ends.

    Attributes:
        device: that the stage runs on.
        clock: of the phases.
        meters: FLOPs by phase.
        trained: the extent of the training; of none where it diverged.
        raw_data: bytes of the examples that the method keeps.
        storage: bytes by category.
        peak: of the memory, in bytes, that of a training with siblings included.
        inference: FLOPs and bytes of a prediction, if known.
        saved_flops: that a frozen body would have spent, if features stand for it.
        interval_flops: of what is measured at intervals, on a full batch, if they were counted.
    """

    device: str
    clock: Clock
    meters: dict[str, FlopMeter]
    trained: Trained = field(default_factory=Trained)
    raw_data: int = 0
    storage: dict[str, int] = field(default_factory=dict)
    peak: int = 0
    inference: tuple[int, int] | tuple[None, None] = (None, None)
    saved_flops: int | None = None
    interval_flops: int | None = None

    def measure_result(
        self, stage: Stage, method: Method, state: Mapping[str, Tensor] | None
    ) -> None:
        """Measure what a stage leaves behind; None is the state of a training that diverged."""
        # The peak is that of the stage, so it is read before an example is predicted to count it.
        self.peak = max(self.peak, peak_memory_bytes(self.device))
        self.storage = storage_bytes(state or {}, method.storage)
        if state is not None:
            self.inference = inference_costs(stage, method, self.device)
            self.storage |= backbone_bytes(stage, method.network)
        if self.raw_data:
            self.storage["raw_data"] = self.raw_data

    def costs(self, after: int) -> Costs:
        """Return the costs of the stage after `after` tasks."""
        seconds, train = self.clock.seconds, self.meters["train"]
        return Costs(
            storage=self.storage,
            samples=self.trained.samples,
            epochs=self.trained.epochs if after else None,
            train_flops=train.total,
            consolidate_flops=self.meters["consolidate"].total,
            eval_flops=self.meters["eval"].total,
            batch_flops={str(size): list(each) for size, each in train.batches.items()},
            rising_steps={str(size): runs for size, runs in train.rising_steps.items()},
            train_seconds=seconds.get("train", 0.0),
            consolidate_seconds=seconds.get("consolidate", 0.0),
            eval_seconds=seconds["eval"],
            cpu_seconds=self.clock.cpu_seconds,
            gpu_seconds=self.clock.gpu_seconds,
            gpu_utilisation=self.clock.gpu_utilisation,
            gpu_memory_share=gpu_memory_share(self.peak, self.device) or None,
            peak_memory_bytes=self.peak,
            device=device_name(self.device),
            working_bytes=self.trained.working_bytes or None,
            inference_flops=self.inference[0],
            inference_bytes=self.inference[1],
            energy_joules=self.clock.joules,
            saved_flops=self.saved_flops if after else None,
            interval_flops=self.interval_flops,
        )


def flop_meters(stage: Stage) -> dict[str, FlopMeter]:
    """Return a meter per phase; stages that differ in data and seed share the FLOPs of a step."""
    content = {
        "network": stage.network.content(),
        "input_shape": stage.benchmark.input_shape,
        "num_classes": stage.benchmark.num_classes,
        "method": stage.method.content(),
        "after": stage.after,
        # A head may grow by the classes of each task.
        "sizes": [len(task.classes) for task in stage.benchmark.tasks()[: stage.after]],
        # An optimiser may multiply matrices.
        "optimizer": [stage.training.optimizer, stage.training.own_code.get("optimizer")],
    }
    flops = _FLOPS.setdefault(digest("arithmetic", content), {})
    if stage.training.compile or not stage.method.cls.takes_steps:
        # The first step of each kind is not compiled, so it must not depend on earlier stages. What
        # a method without steps computes may depend on how many examples it has stored.
        flops = {}
    # The work of consolidation depends on the size of the task, so it is counted every time.
    return {"train": FlopMeter(flops), "eval": FlopMeter(flops), "consolidate": FlopMeter()}
