"""Judges what the nodes of a cluster reported before a sweep. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.errors import RepertoireError

INSTALL = "install the same versions on every node (pip install --constraint constraints.txt)"


@dataclass(frozen=True)
class NodeReport:
    """What a node reported.

    Attributes:
        node: its name.
        versions: package -> version there, "" where it is missing.
        problems: what it found, a line each with what to do.
        wrote: whether the probe that it wrote to the store can be read here.
        error: why there is no report; the other fields are then empty.
    """

    node: str
    versions: Mapping[str, str] = field(default_factory=dict)
    problems: Sequence[str] = ()
    wrote: bool = True
    error: str = ""


def require_ready_nodes(
    reports: Sequence[NodeReport], expected: Mapping[str, str], store: str
) -> None:
    """Raise one error that names each node that cannot run the sweep.

    Args:
        reports: of all nodes that have room for a stage.
        expected: package -> version on the machine of the command.
        store: its address, without secrets.

    Raises:
        RepertoireError: with each problem, its nodes and what to do.
    """
    nodes_by_problem: dict[str, list[str]] = {}
    for report in reports:
        for problem in find_problems(report, expected, store):
            nodes_by_problem.setdefault(problem, []).append(report.node)
    if not nodes_by_problem:
        return
    failing = {node for nodes in nodes_by_problem.values() for node in nodes}
    head = (
        f"{len(failing)} of the {len(reports)} nodes that have room for a stage cannot run this "
        "sweep; nothing was run or written"
    )
    lines = [f"  - {', '.join(nodes)}: {what}" for what, nodes in nodes_by_problem.items()]
    raise RepertoireError("\n".join([head, *lines]))


def find_problems(report: NodeReport, expected: Mapping[str, str], store: str) -> list[str]:
    """Return the problems of a node, a line each with what is expected and what to do."""
    if report.error:
        return [report.error]
    differing = [
        f"{name} {report.versions.get(name) or 'is missing'}, expected {version}"
        for name, version in expected.items()
        if report.versions.get(name) != version
    ]
    problems = [f"{'; '.join(differing)}; {INSTALL}"] if differing else []
    problems += report.problems
    # A node with other versions, or without the store, wrote no probe: that is said already.
    if not differing and not problems and not report.wrote:
        problems.append(
            f"what it wrote to store {store} cannot be read here; give --store a folder that "
            "every node mounts at the same path, or s3:// or gs://"
        )
    return problems


def distinct_labels(addresses: Mapping[str, str]) -> dict[str, str]:
    """Return id -> label of nodes: the address, with the id where several share it."""
    shown = list(addresses.values())
    return {
        node_id: address if shown.count(address) == 1 else f"{address} (node {node_id[:8]})"
        for node_id, address in addresses.items()
    }
