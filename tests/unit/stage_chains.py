"""A short chain of stages for tests of leases."""

from methods import METHODS
from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.networks.networks import NETWORKS
from orchestrator.stages.build_stages import build_stages
from orchestrator.stages.code.components import create_component
from orchestrator.stages.learning.learner import Training
from orchestrator.stages.stage import Stage

WHOM = ("lab", "finetune-0", 0)


def chain(lr: float = 0.1) -> tuple[Stage, ...]:
    return build_stages(
        Benchmark(name="split_digits", scenario="task", num_tasks=2, samples_per_task=10),
        create_component("network", "mlp", NETWORKS["mlp"].Config(hidden=(4,))),
        Training(iterations=2, batch_size=5, optimizer="sgd", lr=lr),
        create_component("method", "finetune", METHODS["finetune"].Config()),
        0,
    )
