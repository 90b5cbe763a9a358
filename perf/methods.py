"""Each method's time over that of finetune, measured alternately in the same process.

Split Fashion-MNIST, 5 tasks, 1 epoch, batch 128, MLP 784-400-400-10, Adam, one thread, default
hyperparameters (a memory holds 1,000 examples). Training and consolidation count, not evaluation.
`consolidate / epoch` is the consolidation of the first and of the last task over the training
before it; in the class scenario an exact Fisher information has 2 and 10 labels there.

    python -m perf.methods [--rounds 3] [METHOD ...]
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import fields

import torch

from methods import METHODS
from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.networks.networks import NETWORKS
from orchestrator.stages.build_stages import build_stages
from orchestrator.stages.code.components import create_component
from orchestrator.stages.learning.learner import Training
from orchestrator.stages.record import Costs
from orchestrator.stages.run_stage import run_stage
from orchestrator.stages.stage import Stage

MEMORY_SIZE = 1000


def build_chain(name: str) -> tuple[Stage, ...]:
    """Return the stages of a method with its defaults, class-incremental if it supports that."""
    cls = METHODS[name]
    scenario = "class" if "class" in cls.scenarios else "task"
    given = (
        {"memory_size": MEMORY_SIZE}
        if "memory_size" in {f.name for f in fields(cls.Config)}
        else {}
    )
    return build_stages(
        Benchmark(name="split_fashion_mnist", scenario=scenario, num_tasks=5),
        create_component("network", "mlp", NETWORKS["mlp"].Config(hidden=(400, 400))),
        Training(epochs=1, batch_size=128, optimizer="adam", lr=1e-3),
        create_component("method", name, cls.Config(**given)),
        0,
    )


def run_chain(chain: tuple[Stage, ...]) -> list[Costs]:
    """Run a chain; return the costs of each task."""
    states, costs = {}, []
    for stage in chain:
        state, record = run_stage(stage, states.get(stage.parent), ("perf", "perf", 0))
        states[stage.key] = state
        costs.append(record.costs)
    return costs[1:]


def training_seconds(costs: list[Costs]) -> float:
    """Return the seconds of training and consolidation."""
    return sum(cost.train_seconds + cost.consolidate_seconds for cost in costs)


def main() -> None:
    """Print a row per method."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="METHOD")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    finetune = build_chain("finetune")
    run_chain(finetune)
    print(
        f"{'method':<20} {'time / finetune':>16} {'FLOPs / finetune':>17} {'consolid. / epoch':>20}"
    )
    for name in given.names or METHODS:
        chain = build_chain(name)
        run_chain(chain)
        pairs = [(run_chain(chain), run_chain(finetune)) for _ in range(given.rounds)]
        time = statistics.median(
            training_seconds(ours) / training_seconds(rival) for ours, rival in pairs
        )
        flops = [sum(c.train_flops + c.consolidate_flops for c in costs) for costs in pairs[0]]
        shares = [
            statistics.median(
                ours[i].consolidate_seconds / ours[i].train_seconds for ours, _ in pairs
            )
            for i in (0, -1)
        ]
        print(
            f"{name:<20} {time:>16.2f} {flops[0] / flops[1]:>17.2f} "
            f"{shares[0]:>11.2f} {shares[1]:>8.2f}"
        )


if __name__ == "__main__":
    main()
