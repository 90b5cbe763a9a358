"""Nodes of a cluster: their resources and how many stages fit. Imports no Ray."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.results.units import bytes_text

LOOK_AHEAD = 1.25  # a few stages wait at the nodes, which hides the latency of the driver
MAX_DEMAND = 1000  # stages that wait for new nodes


@dataclass(frozen=True)
class Node:
    """Resources of a living node; memory in bytes."""

    address: str
    cpus: float
    gpus: float
    memory: float

    def capacity(self, needs: Mapping[str, float]) -> int:
        """Return the number of stages that fit at a time."""
        has = {"num_cpus": self.cpus, "num_gpus": self.gpus}
        return int(min(has[name] / amount for name, amount in needs.items() if amount))

    def __str__(self) -> str:
        memory = bytes_text(self.memory)
        return f"{self.address} ({self.cpus:g} CPUs, {self.gpus:g} GPUs, {memory})"


@dataclass(frozen=True)
class Demand:
    """How many stages are submitted at a time.

    Attributes:
        growing: whether the cluster adds nodes on demand: stages that are ready are the demand.
        timed: whether the run must not outlast a time, so that no stage may wait for another.
    """

    growing: bool = False
    timed: bool = False

    def stages(self, room: int) -> int:
        """Return the largest number of stages to submit to nodes with room for `room` stages.

        At least one: a cluster that grows must see the demand.
        """
        if self.timed:
            return max(room, 1)
        if self.growing:
            return room + MAX_DEMAND
        return int(room * LOOK_AHEAD) + 1


def parse_node(listed: Mapping[str, Any]) -> Node:
    """Return a node from an entry of `ray.nodes()`."""
    has = listed["Resources"]
    return Node(
        address=str(listed["NodeManagerAddress"]),
        cpus=has.get("CPU", 0.0),
        gpus=has.get("GPU", 0.0),
        memory=has.get("memory", 0.0),
    )


def largest_node(nodes: Iterable[Node], needs: Mapping[str, float]) -> Node | None:
    """Return the node with the most memory among those that have room for a stage."""
    fitting = [node for node in nodes if node.capacity(needs)]
    return max(fitting, key=lambda node: (node.memory, node.cpus), default=None)
