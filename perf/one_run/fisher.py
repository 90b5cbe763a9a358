"""The exact Fisher information of EWC against a backward pass for each example and label."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from methods.parts.sensitivity.fisher import diagonal_fisher
from orchestrator.networks.networks import build_network
from orchestrator.stages.build_stages import network_shape
from perf.gpu.cases import Case
from perf.gpu.timing import Times, alternate
from perf.one_run.chains import fashion_case

EXAMPLES = 512


def fisher_by_hand(network: nn.Module, x: Tensor, labels: list[int]) -> dict[str, Tensor]:
    """Return parameter name -> exact Fisher diagonal, with a backward pass per example and label.

    Args:
        network: in evaluation mode; returns logits [B, C].
        x: images [N, ...].
        labels: the outputs that compete.
    """
    named = dict(network.named_parameters())
    fisher = {name: torch.zeros_like(parameter) for name, parameter in named.items()}
    for example in x.split(1):
        log_p = network(example)[0, labels].log_softmax(dim=0)
        for each in log_p:
            gradients = torch.autograd.grad(each, list(named.values()), retain_graph=True)
            weight = each.exp().item() / len(x)
            for total, gradient in zip(fisher.values(), gradients, strict=True):
                total.addcmul_(gradient, gradient, value=weight)
    return fisher


class FisherWays:
    """Both ways to compute the Fisher information of a case's network on images of its first task.

    Args:
        case: the case.
        labels: the outputs that compete.
        count: how many images.
    """

    def __init__(self, case: Case, labels: list[int], count: int) -> None:
        stage, shape = case.chain()[-1], network_shape(case.benchmark)
        network = build_network(stage.network.cls, stage.network.config, shape, stage.seed).eval()
        examples = case.benchmark.tasks()[0].train[:count]
        competes = torch.isin(torch.arange(shape.num_classes), torch.tensor(labels))
        allowed = competes.expand(shape.num_classes, -1)
        self.ours = partial(diagonal_fisher, network, examples, allowed)
        self.rival = partial(fisher_by_hand, network, examples.x, labels)


def time_fisher(num_labels: int, pairs: int) -> Times:
    """Return the seconds of both ways, in turn."""
    ways = FisherWays(fashion_case(), list(range(num_labels)), EXAMPLES)
    return alternate({"ours": ways.ours, "rival": ways.rival}, pairs, "cpu")
