"""The resources that stages ask for; with `gpus: auto`, a share of a GPU by measurement.

A kind of stage (its benchmark, network and method) has a GPU to itself until one of the kind has
ended, unless an earlier run has recorded its share. From then on as many share a GPU as fit its
memory, by the highest measured peak, and its time, by the utilisation that the first one measured
alone: processes on a GPU take turns, so that more than fill its time gain nothing. After one that
ran out of the GPU's memory, the kind has a GPU to itself again. Pure: neither Ray nor a clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from orchestrator.backends.nodes import Node
from orchestrator.graph.deadline import StageKind, stage_kind
from orchestrator.stages.worker import StageOrder

AUTO: Literal["auto"] = "auto"
MOST_STAGES_PER_GPU = 16  # each is a process with a CUDA context of its own


class StageNeeds:
    """CPUs and GPUs of stages, under Ray's names.

    Args:
        cpus: of each stage.
        gpus: of each stage, or "auto".
        shares: of a GPU, by kind of stage, that earlier runs recorded.
    """

    def __init__(
        self, cpus: float, gpus: float | Literal["auto"], shares: Mapping[StageKind, float] = {}
    ) -> None:
        self._cpus, self._gpus = cpus, gpus
        self._shares = dict(shares)

    def resources(self, order: StageOrder) -> dict[str, float]:
        """Return {"num_cpus", "num_gpus"} of a stage."""
        if self._gpus == AUTO:
            return self._needs(fraction(self._shares.get(stage_kind(order), 1.0)))
        return self._needs(self._gpus)

    def minimum(self) -> dict[str, float]:
        """Return the least {"num_cpus", "num_gpus"} that any stage asks for."""
        if self._gpus == AUTO:
            return self._needs(min(map(fraction, self._shares.values()), default=1.0))
        return self._needs(self._gpus)

    def note_share(self, order: StageOrder, memory: float, utilisation: float | None) -> None:
        """Note the share of its GPU that a stage used.

        Args:
            order: the stage.
            memory: the share of the GPU's memory; 0 if it ran on none.
            utilisation: the share of the time in which the GPU was busy, with all that ran on it;
                None if it was not measured.
        """
        if self._gpus != AUTO or memory <= 0:
            return
        kind = stage_kind(order)
        # Only a first stage had the GPU to itself.
        first = self._shares.get(kind, utilisation or 0.0)
        self._shares[kind] = max(memory, first)

    def note_exhausted(self, order: StageOrder) -> None:
        """Note that a stage ran out of its GPU's memory."""
        self.note_share(order, 1.0, None)

    def _needs(self, gpus: float) -> dict[str, float]:
        return {"num_cpus": self._cpus, "num_gpus": gpus}


def fraction(share: float) -> float:
    """Return the fraction 1/n of a GPU, at least a share, in Ray's resolution of 0.0001."""
    stages = min(max(int(1 / share), 1), MOST_STAGES_PER_GPU)
    return int(10_000 / stages) / 10_000


def larger_needs(
    needs: Mapping[str, float], whole_gpu: bool, node: Node | None
) -> dict[str, float]:
    """Return the needs of a stage that ran out of memory: a whole GPU, all CPUs of a node.

    Args:
        needs: of the stage.
        whole_gpu: whether it has a GPU to itself.
        node: the node that it has to itself, if any.
    """
    extended = dict(needs)
    if whole_gpu and 0 < needs["num_gpus"] < 1:
        extended["num_gpus"] = 1.0
    if node is not None:
        extended["num_cpus"] = node.cpus
    return extended


def room_left(
    nodes: list[Node], needs: Mapping[str, float], whole_gpu: bool, node: Node | None
) -> int:
    """Return the number of stages that fit the nodes, without what one stage has to itself."""
    room = sum(each.capacity(needs) for each in nodes)
    if node is not None:
        room -= node.capacity(needs)
    elif whole_gpu and 0 < needs["num_gpus"] < 1:
        room -= int(1 / needs["num_gpus"])
    return max(room, 0)
