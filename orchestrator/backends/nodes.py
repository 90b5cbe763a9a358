"""Nodes of a cluster: their resources and how many stages fit. Imports no Ray."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Node:
    """Resources of a living node; memory in bytes."""

    address: str
    cpus: float
    gpus: float
    memory: float

    def capacity(self, needs: Mapping[str, float]) -> int:
        """Return how many stages fit at a time."""
        has = {"num_cpus": self.cpus, "num_gpus": self.gpus}
        return int(min(has[name] / amount for name, amount in needs.items() if amount))

    def __str__(self) -> str:
        return f"{self.address} ({self.cpus:g} CPUs, {self.gpus:g} GPUs, {format_gib(self.memory)})"


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


def format_gib(memory: float) -> str:
    """Return bytes in GiB, as text."""
    return f"{memory / 2**30:.1f} GiB"
