"""Stages of Ray's workers on one GPU: shares of it, its memory, and the bits."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from processes import ROOT, finish, start

from orchestrator.backends.stage_needs import fraction
from orchestrator.results.durations import read_gpu_shares
from orchestrator.results.load import load
from orchestrator.stages.usage import Clock

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.ray,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
]
SWEEP = """
name: lab
benchmark: {name: split_digits, num_tasks: 5, samples_per_task: 64}
network: {name: mlp, hidden: [32]}
training: {epochs: 2, batch_size: 16}
methods: METHODS
seeds: [0, 1]
resources: {gpus: GPUS}
"""
GREEDY = """
import torch
from methods.finetune import Finetune
class Greedy(Finetune):
    def begin_task(self, task):
        if task.index == 2:
            total = torch.cuda.get_device_properties(0).total_memory
            print("taking memory", flush=True)
            self.room = torch.empty(2 * total, dtype=torch.uint8, device="cuda")
"""
PROBE = """
import sys
from pathlib import Path
from methods.finetune import Finetune
class Probe(Finetune):
    def begin_task(self, task):
        super().begin_task(task)
        # Ray is imported, and no file of it becomes part of the stages' keys.
        share = sys.modules["ray"].get_runtime_context().get_assigned_resources()["GPU"]
        with Path("SEEN").open("a") as file:
            file.write(f"{share}\\n")
"""


def write(folder: Path, gpus: str, methods: str = "[finetune, ewc, er]") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "sweep.yaml").write_text(SWEEP.replace("GPUS", gpus).replace("METHODS", methods))
    return folder


def states(folder: Path) -> dict[str, bytes]:
    paths = (folder / "results" / "stages").glob("??/*/state.safetensors")
    return {path.parent.name: path.read_bytes() for path in paths}


@pytest.mark.parametrize("gpus", ["1", "0.25", "auto"])
def test_workers_that_share_a_gpu_give_the_bits_of_one_process(tmp_path: Path, gpus: str) -> None:
    alone, shared = write(tmp_path / "alone", "1"), write(tmp_path / "shared", gpus)
    for folder, backend in ((alone, "inline"), (shared, "ray")):
        code, out, err = finish(start(folder, "--backend", backend, tracked=False))
        assert code == 0, out + err
    assert states(alone) == states(shared)
    stages = load(shared / "results" / "lab").stages
    assert set(stages["device"]) == {torch.cuda.get_device_name()}
    trials = load(shared / "results" / "lab").trials
    assert set(trials["device"]) == {torch.cuda.get_device_name()}


def test_a_stage_that_exhausts_a_gpu_is_retried_once_alone_and_then_fails(tmp_path: Path) -> None:
    folder = write(tmp_path / "lab", "0.5", '["greedy:Greedy", finetune]')
    (folder / "greedy.py").write_text(GREEDY)
    code, out, err = finish(start(folder, "--backend", "ray", tracked=False))
    assert code == 1, out + err
    trials = load(folder / "results" / "lab").trials.set_index(["method", "seed"])
    assert trials.loc[("finetune", 0), "status"] == "complete"
    failed = trials.loc[("greedy:Greedy", 0)]
    assert failed["status"] == "failed"
    assert re.match(
        r"out of memory: 2 attempts; it asked for 1 CPUs and 0.5 GPUs and had a GPU to itself at "
        r"the last attempt: .*CUDA out of memory",
        failed["story"].splitlines()[0],
    )
    assert failed["log"] == "taking memory"


def test_a_share_of_earlier_tables_holds_from_the_first_stage(tmp_path: Path) -> None:
    folder, seen = write(tmp_path / "lab", "auto", '["probe:Probe"]'), tmp_path / "seen"
    (folder / "probe.py").write_text(PROBE.replace("SEEN", str(seen)))
    shares = []
    for seeds in ("[0, 1]", "[0, 1, 2, 3]"):
        text = SWEEP.replace("METHODS", '["probe:Probe"]').replace("GPUS", "auto")
        (folder / "sweep.yaml").write_text(text.replace("[0, 1]", seeds))
        (recorded,) = read_gpu_shares(folder / "results").values() or (1.0,)
        code, out, err = finish(start(folder, "--backend", "ray", tracked=False))
        assert code == 0, out + err
        shares.append((fraction(recorded), [float(line) for line in seen.read_text().split()]))
        seen.unlink()
    (_, first), (share, second) = shares
    assert first[0] == 1.0
    assert min(first) < 1.0
    assert share < 1.0
    assert second[0] == pytest.approx(share)
    assert len(second) == len(first)


@pytest.fixture
def one_node(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a cluster of one node with the GPU."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    head = {"num_cpus": 2, "num_gpus": 1, "include_dashboard": False}
    nodes = Cluster(initialize_head=True, head_node_args=head)
    yield nodes.address
    nodes.shutdown()


def test_a_node_s_gpu_answers_before_anything_runs_on_it(tmp_path: Path, one_node: str) -> None:
    folder = write(tmp_path / "lab", "0.5", "[finetune]")
    code, out, err = finish(start(folder, "--address", one_node, tracked=False))
    assert code == 0, out + err
    stages = load(folder / "results" / "lab").stages
    assert set(stages["device"]) == {torch.cuda.get_device_name()}


def test_a_busy_gpu_is_told_from_an_idle_one() -> None:
    pytest.importorskip("pynvml")
    busy, idle = Clock("cuda"), Clock("cuda")
    x = torch.rand(4096, 4096, device="cuda")
    with idle.phase("train"):
        time.sleep(4.0)
    with busy.phase("train"):
        end = time.perf_counter() + 4.0
        while time.perf_counter() < end:
            x = x @ x
            x /= x.norm()
            torch.cuda.synchronize()
    assert busy.gpu_utilisation is not None
    assert idle.gpu_utilisation is not None
    assert idle.gpu_utilisation < 0.5 < busy.gpu_utilisation
