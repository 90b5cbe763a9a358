"""Chains of stages that are timed, and the loop by hand that each is compared with."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import nn

from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.errors import RepertoireError
from perf.gpu.bare import BareLoop
from perf.gpu.cases import Case, Chain, digits_case, resnet_case

CHAINS = ("mlp", "whole", "resnet", "gem")
GEM_MEMORY, RESNET_EXAMPLES = 1_000, 1_500


def build_chain(name: str, folder: Path) -> Chain:
    """Return a chain by its name in `CHAINS`; `folder` receives data that are made.

    "whole" is "mlp" without validation data: it trains on all training images, and scores those of
    the test alone.
    """
    if name in ("mlp", "whole"):
        return fashion_case(validation=0.1 if name == "mlp" else 0.0).chain()
    if name == "gem":
        return fashion_case().chain("gem", memory_size=GEM_MEMORY)
    os.environ["REPERTOIRE_DATA"] = f"{folder}/data"  # no cache of made data stays
    return resnet_case(folder, RESNET_EXAMPLES).chain()


def build_rival(chain: Chain) -> BareLoop:
    """Return the loop by hand for a chain, its data in memory."""
    gem = chain[-1].method.name == "gem"
    return GemPasses(chain, "cpu") if gem else BareLoop(chain, "cpu")


def fashion_case(validation: float = 0.1) -> Case:
    """Return an MLP on split Fashion-MNIST, task-incremental; on digits where that is absent."""
    try:
        benchmark = read_fashion_mnist(validation)
    except RepertoireError:
        return digits_case()
    title = "MLP 784-400-400-10, split Fashion-MNIST"
    return Case(title, benchmark, ("mlp", {"hidden": (400, 400)}), {"batch_size": 128})


def read_fashion_mnist(validation: float = 0.1) -> Benchmark:
    """Return five tasks of Fashion-MNIST, task-incremental, their data at hand.

    Args:
        validation: share of the training images that is held out.

    Raises:
        RepertoireError: the data set is absent, and cannot be downloaded.
    """
    benchmark = Benchmark(
        name="split_fashion_mnist", scenario="task", num_tasks=5, validation=validation
    )
    benchmark.task_keys()
    return benchmark


class GemPasses(BareLoop):
    """The passes that GEM needs, and nothing else that it does.

    Each step has the gradient of the batch, and that of the stored examples of each past task:
    the first of the task here. No product of gradients, no projection, no memory that is written.
    """

    def after_backward(self, net: nn.Module, number: int) -> None:
        """Compute the gradient of each past task, and leave it."""
        parameters = list(net.parameters())
        for past in range(number):
            x, y = self.train[past]
            kept = self.num_kept(number)
            loss = self.loss(net, past, (x[:kept], y[:kept]))
            torch.autograd.grad(loss, parameters)

    def num_kept(self, number: int) -> int:
        """Return how many examples of a past task are stored while a task is learned."""
        return int(self._stage.method.config.memory_size) // (number + 1)
