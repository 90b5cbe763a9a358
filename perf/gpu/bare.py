"""The rival of a chain of stages: a loop written by hand, all data on the device beforehand."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from orchestrator.networks.networks import build_network
from orchestrator.stages.build_stages import network_shape
from perf.gpu.cases import Chain

EVALUATION_BATCH = 1024

Split = tuple[Tensor, Tensor]


class BareLoop:
    """Trains and evaluates the sequence of a chain: fused Adam, no keys, no costs, no record.

    Args:
        chain: of fine-tuning in the task scenario.
        device: that holds the normalised data.

    Attributes:
        train: the training data of each task, [N, ...] and [N].
        masks: bool [C] of each task, true at outputs that do not compete.
    """

    def __init__(self, chain: Chain, device: str) -> None:
        self._stage, self._device = chain[-1], device
        self._shape = network_shape(self._stage.benchmark)
        tasks = self._stage.benchmark.tasks()
        outputs = torch.arange(self._shape.num_classes)
        self.masks = [~torch.isin(outputs, torch.tensor(t.classes)).to(device) for t in tasks]
        self.train = [self._place(task.train) for task in tasks]
        self._rest = [[self._place(part) for part in (t.validation, t.test)] for t in tasks]

    def _place(self, examples) -> Split:
        mean, std = (torch.tensor(v).view(-1, 1, 1) for v in (self._shape.mean, self._shape.std))
        x = (examples.x.float() / 255 - mean) / std
        return x.to(self._device), examples.y.to(self._device)

    def run(self) -> list[float]:
        """Return the accuracy on each task's test data at the end."""
        stage = self._stage
        built = build_network(stage.network.cls, stage.network.config, self._shape, stage.seed)
        net = nn.Sequential(built.body, nn.Flatten(1), built.head).to(self._device)
        row = self._evaluate(net)
        for number in range(len(self.train)):
            self._learn(net, number)
            row = self._evaluate(net)
        return row

    def _learn(self, net: nn.Module, number: int) -> None:
        net.train()
        training, (x, y) = self._stage.training, self.train[number]
        optimizer = torch.optim.Adam(net.parameters(), lr=training.lr, fused=True)
        for _ in range(training.epochs):
            for index in torch.randperm(len(y), device=self._device).split(training.batch_size):
                loss = self.loss(net, number, (x[index], y[index]))
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                self.after_backward(net, number)
                optimizer.step()

    def loss(self, net: nn.Module, number: int, batch: Split) -> Tensor:
        """Return the loss [] of a network on a batch of the task with a number, from 0."""
        return F.cross_entropy(net(batch[0]).masked_fill(self.masks[number], -torch.inf), batch[1])

    def after_backward(self, net: nn.Module, number: int) -> None:
        """Do what a method does with the gradients of a batch of the task: nothing."""

    @torch.no_grad()
    def _evaluate(self, net: nn.Module) -> list[float]:
        net.eval()
        row = []
        for rest, mask in zip(self._rest, self.masks, strict=True):
            for x, y in rest:
                correct = torch.zeros((), device=self._device)
                loss = torch.zeros((), device=self._device)
                for part in range(0, len(y), EVALUATION_BATCH):
                    rows = slice(part, part + EVALUATION_BATCH)
                    scores = net(x[rows]).masked_fill(mask, float("-inf"))
                    correct += (scores.argmax(dim=1) == y[rows]).sum()
                    loss += F.cross_entropy(scores, y[rows], reduction="sum")
                accuracy = float(correct) / len(y)
            row.append(accuracy)
        return row
