"""Checks every node of a cluster by a Ray task of its own, before a sweep runs or writes."""

from __future__ import annotations

import pickle
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from orchestrator.backends.node_checks import PACKAGES, NodeRequest, probe_path, shared_versions
from orchestrator.backends.node_reports import NodeReport, distinct_labels, require_ready_nodes
from orchestrator.backends.nodes import parse_node
from orchestrator.backends.ray_cluster import cluster
from orchestrator.stages.stage import Stage
from orchestrator.stages.storage.store import StageStore
from orchestrator.stages.worker import StageOrder

ANSWER_SECONDS = 300.0  # torch from a cold network disk takes minutes to import
NOTICE_SECONDS = 20.0  # then the nodes that have not answered are named
Say = Callable[[str], object]


def check_cluster(
    address: str, store_uri: str, orders: Iterable[StageOrder], needs: Mapping[str, float], say: Say
) -> None:
    """Check every node of a cluster that has room for a stage.

    Args:
        address: of the cluster.
        store_uri: the store, as workers reach it.
        orders: the stages to run.
        needs: {"num_cpus", "num_gpus"} of a stage.
        say: called with a line that the user should read.

    Raises:
        RepertoireError: a node cannot run the sweep; names each, and what to do.
    """
    # Without the setup hook, which would end the workers of a node without Repertoire.
    with cluster(address, hook=False), probe_folder(store_uri) as (store, token):
        request = NodeRequest(store_uri, token, distinct_stages(orders), bool(needs["num_gpus"]))
        reports = ask_nodes(request, needs, say)
        seen = [
            NodeReport(
                label,
                report.get("versions", {}),
                report.get("problems", ()),
                wrote=store.files.read(probe_path(token, node_id)) is not None,
                error=report.get("error", ""),
            )
            for (node_id, label), report in reports.items()
        ]
        require_ready_nodes(seen, shared_versions(), store.address)


@contextmanager
def probe_folder(store_uri: str) -> Iterator[tuple[StageStore, str]]:
    """Write a probe into the store; remove it, and folders that were made for it, in the end."""
    above = [] if "://" in store_uri else [Path(store_uri), *Path(store_uri).parents]
    # Listed before the store is opened, which creates them.
    absent = [folder for folder in above if not folder.exists()]
    store, token = StageStore(store_uri), uuid.uuid4().hex
    try:
        store.files.write(probe_path(token, "command"), b"command")
        yield store, token
    finally:
        store.files.delete_folder(probe_path(token, ""))
        for folder in [*([Path(store_uri) / "probes"] if above else []), *absent]:
            with suppress(OSError):  # not empty: it holds something else
                folder.rmdir()


def distinct_stages(orders: Iterable[StageOrder]) -> list[Stage]:
    """Return a stage for each data set, network and method of orders."""
    stages: dict[tuple[str, ...], Stage] = {}
    for order in orders:
        for stage in order.stages:
            parts = (stage.network, stage.method)
            kind = [text for part in parts for text in (part.name, part.identity)]
            stages.setdefault((stage.benchmark.title, *kind), stage)
    return list(stages.values())


def ask_nodes(
    request: NodeRequest, needs: Mapping[str, float], say: Say
) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Return (id, label) -> report of each node that has room for a stage."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    listed = ray.nodes()  # type: ignore[no-untyped-call]
    fitting = [each for each in listed if each["Alive"] and parse_node(each).capacity(needs)]
    labels = distinct_labels({each["NodeID"]: each["NodeManagerAddress"] for each in fitting})
    task = ray.remote(num_cpus=0, max_retries=0)(create_probe(pickle.dumps(request)))
    answers = {
        task.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node_id, soft=False)
        ).remote(node_id, shared_versions(), PACKAGES): (node_id, label)
        for node_id, label in labels.items()
    }
    if not answers:  # a cluster may add nodes on demand
        return {}
    say(f"checking {len(answers)} nodes of the cluster")
    late = wait_for_answers({ref: label for ref, (_, label) in answers.items()}, say)
    reports = {node: read_answer(ref, ref in late) for ref, node in answers.items()}
    if lost := [label for (_, label), report in reports.items() if report is None]:
        say(f"left the cluster during its check, so nothing will run there: {', '.join(lost)}")
    return {node: report for node, report in reports.items() if report is not None}


def wait_for_answers(labels: Mapping[Any, str], say: Say) -> list[Any]:
    """Wait for the checks of nodes, given their labels; return the late ones."""
    import ray

    refs = list(labels)
    _, late = ray.wait(refs, num_returns=len(refs), timeout=NOTICE_SECONDS)
    if late:
        say(f"waiting for the checks of {', '.join(labels[ref] for ref in late)}")
        left = ANSWER_SECONDS - NOTICE_SECONDS
        _, late = ray.wait(refs, num_returns=len(refs), timeout=left)
    return list(late)


def read_answer(ref: Any, late: bool) -> Mapping[str, Any] | None:
    """Return the report of a node, or why there is none; None if the node has died."""
    import ray
    from ray.exceptions import NodeDiedError, RayError, TaskUnschedulableError

    if late:
        remedy = "look at its Ray (ray status) and its disk, or take it out of the cluster"
        return {"error": f"did not answer within {ANSWER_SECONDS:.0f} s; {remedy}"}
    try:
        report: Mapping[str, Any] = ray.get(ref)
    except (NodeDiedError, TaskUnschedulableError):
        return None
    except RayError as error:
        line = " ".join(str(error).split())
        return {"error": f"the check could not run there: {type(error).__name__}: {line[-500:]}"}
    return report


def create_probe(request: bytes) -> Callable[..., dict[str, Any]]:
    """Return the function that runs on a node.

    A function in a function is sent by value: the node need not have Repertoire to report that it
    has not.
    """

    def probe(
        name: str, expected: Mapping[str, str], packages: Mapping[str, str]
    ) -> dict[str, Any]:
        import importlib.metadata
        import os
        import pickle
        import platform

        versions = {"Python": platform.python_version()}
        for package, distribution in packages.items():
            try:
                versions[package] = importlib.metadata.version(distribution)
            except importlib.metadata.PackageNotFoundError:
                versions[package] = ""
        if versions != dict(expected):
            return {"versions": versions}
        os.environ.pop("CUDA_VISIBLE_DEVICES", None)  # Ray hides GPUs from a task that takes none
        from orchestrator.backends.node_checks import check_node

        return {"versions": versions, "problems": check_node(pickle.loads(request), name)}

    return probe
