"""The time of one stage sequence over that of a bare PyTorch loop, measured alternately.

Split Fashion-MNIST, 5 tasks, task-incremental (every cell of R is computed), 1 epoch, batch 128,
MLP 784-400-400-10, Adam, one thread, the full R on validation and test data. The rival is a loop
written by hand for this sequence: tensors normalised once and kept in memory, fused Adam, no
keys, no costs, no record. Prints the ratio of medians and of each pair; the target is at most 1.15.

    python -m perf.one_run [--pairs 7]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.finetune import Finetune
from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.networks.networks import NETWORKS
from orchestrator.stages.build_stages import build_stages
from orchestrator.stages.code.components import create_component
from orchestrator.stages.learning.learner import Training
from orchestrator.stages.run_stage import run_stage
from orchestrator.stages.stage import Stage

EPOCH, BATCH, EVALUATION_BATCH = 1, 128, 1024


def run_stages(chain: tuple[Stage, ...]) -> list[float]:
    """Run a chain of stages; return the last row of R on test data."""
    state = None
    for stage in chain:
        state, record = run_stage(stage, state, ("perf", "perf", 0))
    return [record.evaluation[key]["test"].accuracy or 0.0 for key in stage.task_keys]


def run_bare_loop(data: list[dict[str, tuple[Tensor, Tensor]]], masks: list[Tensor]) -> list[float]:
    """Train and evaluate the same sequence in a bare loop; return the last row of R."""
    net = nn.Sequential(
        nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 400), nn.ReLU(), nn.Linear(400, 10)
    )
    row = evaluate(net, data, masks)
    for task, mask in zip(data, masks, strict=True):
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
        x, y = task["train"]
        order = torch.randperm(len(y))
        for start in range(0, len(y), BATCH):
            index = order[start : start + BATCH]
            loss = F.cross_entropy(net(x[index]).masked_fill(mask, float("-inf")), y[index])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        row = evaluate(net, data, masks)
    return row


@torch.no_grad()
def evaluate(
    net: nn.Module, data: list[dict[str, tuple[Tensor, Tensor]]], masks: list[Tensor]
) -> list[float]:
    """Return the accuracy on each task's test data; also evaluate validation data, as stages do."""
    row = []
    for task, mask in zip(data, masks, strict=True):
        for split in ("validation", "test"):
            x, y = task[split]
            correct, loss = 0, 0.0
            for start in range(0, len(y), EVALUATION_BATCH):
                part = slice(start, start + EVALUATION_BATCH)
                scores = net(x[part]).masked_fill(mask, float("-inf"))
                correct += int((scores.argmax(dim=1) == y[part]).sum())
                loss += float(F.cross_entropy(scores, y[part], reduction="sum"))
        row.append(correct / len(y))
    return row


def seconds(work: Callable[[], list[float]]) -> float:
    """Return the wall seconds of a piece of work."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    """Print each pair and the medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=7)
    pairs = parser.parse_args().pairs
    torch.set_num_threads(1)
    benchmark = Benchmark(name="split_fashion_mnist", scenario="task", num_tasks=5)
    network = create_component("network", "mlp", NETWORKS["mlp"].Config(hidden=(400, 400)))
    training = Training(epochs=EPOCH, batch_size=BATCH, optimizer="adam", lr=1e-3)
    chain = build_stages(
        benchmark, network, training, create_component("method", "finetune", Finetune.Config()), 0
    )
    mean, std = benchmark.mean[0], benchmark.std[0]
    data = [
        {
            split: ((part.x.flatten(1).float() / 255 - mean) / std, part.y)
            for split, part in (("train", t.train), ("validation", t.validation), ("test", t.test))
        }
        for t in benchmark.tasks()
    ]
    masks = [~torch.isin(torch.arange(10), torch.tensor(t.classes)) for t in benchmark.tasks()]
    print("last row of R, ours:", [round(a, 3) for a in run_stages(chain)])
    print("last row of R, bare:", [round(a, 3) for a in run_bare_loop(data, masks)])
    ratios, times = [], []
    for pair in range(pairs):
        a, b = seconds(lambda: run_stages(chain)), seconds(lambda: run_bare_loop(data, masks))
        ratios.append(a / b)
        times.append((a, b))
        print(f"pair {pair + 1}: ours {a:.3f} s, bare {b:.3f} s, ratio {a / b:.3f}")
    ours, rival = (statistics.median(column) for column in zip(*times, strict=True))
    print(
        f"median: ours {ours:.3f} s, bare {rival:.3f} s, "
        f"ratio {statistics.median(ratios):.3f} (target <= 1.15)"
    )


if __name__ == "__main__":
    main()
