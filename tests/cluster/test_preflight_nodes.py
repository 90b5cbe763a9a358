"""Nodes that cannot run a sweep are named before anything runs, on a Ray of several nodes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import ROOT, finish, start

pytestmark = [pytest.mark.ray, pytest.mark.storm, pytest.mark.timeout(300)]
SWEEP = """
name: lab
benchmark: {name: split_digits, num_tasks: 2, samples_per_task: 32}
network: {name: mlp, hidden: [8]}
methods: [finetune]
seeds: [0]
resources: {gpus: GPUS}
"""


@pytest.fixture
def three_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A head as this machine, a node with another torch, and one with a GPU in number only."""
    from ray.cluster_utils import Cluster

    other = tmp_path / "other" / "torch-1.0.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 1.0\n")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    nodes = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    nodes.add_node(num_cpus=1, num_gpus=1)
    nodes.add_node(num_cpus=1, env_vars={"PYTHONPATH": f"{other.parent}:{ROOT}"})
    yield nodes.address
    nodes.shutdown()


def test_each_node_that_cannot_run_the_sweep_is_named_and_nothing_is_written(
    tmp_path: Path, three_nodes: str
) -> None:
    for gpus, head, problem in (
        ("0", "1 of the 3 nodes", r"  - \S+ \(node \w{8}\): torch 1.0, expected "),
        ("0.5", "1 of the 1 nodes", r"  - \S+: offers a GPU to Ray, but torch "),
    ):
        (tmp_path / "sweep.yaml").write_text(SWEEP.replace("GPUS", gpus))
        code, out, err = finish(start(tmp_path, "--address", three_nodes))
        assert code == 2, out + err
        lines = err.splitlines()
        assert lines[0].startswith(f"repertoire: {head} that have room for a stage cannot run")
        assert re.match(problem, lines[1])
        assert len(lines) == 2
        assert not (tmp_path / "results").exists()
