"""Elastic Weight Consolidation, offline and online: a quadratic penalty weighted by Fisher.

After each task the diagonal of the Fisher information measures the importance of each parameter.
During later tasks, a quadratic penalty pulls each parameter towards its value after that task, in
proportion to its importance:

    L(theta) = L_task(theta) + lam/2 sum_k sum_j F_kj (theta_j - theta_kj)^2

Offline, k runs over all tasks learned, each with its own anchor theta_k and F_k. Online there is
one anchor, the parameters after the last task, and one running importance F <- gamma F + F_new.

State:
    importance.<parameter>: [K, *shape], F; K = tasks learned (offline) or 1.
    past_anchors.<parameter>: [K-1, *shape], theta_k of all tasks but the last; no row online. The
    last is not part of the state: when a task begins it is the network itself, and is copied.
    Penalised parameters only; both change when a task ends.

Reference:
    Kirkpatrick et al. 2017, Overcoming catastrophic forgetting in neural networks, PNAS 114(13),
    eq. 3. Online: Schwarz et al. 2018, Progress & Compress, ICML, eq. 9.

Deviations:
    The Fisher is exact: per example, in evaluation mode, with the expectation over all labels by
    default; most code squares the gradient of a batch's mean, so lam depends on the batch size.
    The output layer is penalised by default where all tasks share its outputs (domain scenario), as
    in Kirkpatrick et al.'s permuted images: there a changed head forgets too. Elsewhere it is left
    free, so that it can adapt to new classes.
    Online, Schwarz et al. also multiply the penalty by gamma; that factor is part of lam here. They
    normalise each task's F in an unspecified way; `normalise` scales it to mean 1, off by default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from methods.base import Examples, Outlook, TaskView
from methods.parts.anchoring import ImportanceConfig, ParameterRows, Penalty, quadratic
from methods.parts.ranges import require_count, require_strength
from methods.parts.sensitivity.fisher import Labels, diagonal_fisher


class EWC(Penalty):
    """Penalise changes of parameters in proportion to their Fisher information."""

    @dataclass(frozen=True, kw_only=True)
    class Config(ImportanceConfig):
        """Hyperparameters of EWC.

        Attributes:
            lam: strength of the penalty, at least 0.
            mode: one penalty per task (offline) or a single running one (online).
            gamma: decay of the running importance per task, in (0, 1]; online only.
            labels: the labels in the Fisher's expectation; see `methods.parts.sensitivity.fisher`.
            num_samples: number of training examples for the Fisher; None: all.
            normalise: whether each task's Fisher is scaled to mean 1.
        """

        lam: float = 100.0
        mode: Literal["offline", "online"] = "online"
        gamma: float = 1.0
        labels: Labels = "all"
        num_samples: int | None = None
        normalise: bool = False

        def __post_init__(self) -> None:
            require_strength("lam", self.lam)
            if not 0 < self.gamma <= 1:
                raise ValueError(f"gamma must be in (0, 1], given {self.gamma}")
            require_count("num_samples", self.num_samples)

    version: ClassVar[int] = 2
    inert_on_first_task: ClassVar[frozenset[str]] = frozenset({"lam", "mode", "gamma"})
    strength: ClassVar[str | None] = "lam"
    fusible: ClassVar[bool] = True
    storage: ClassVar[Mapping[str, str]] = {"importance": "importance", "past_anchors": "anchor"}
    config: Config

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        # The shapes of the state that will be loaded: no row before the first task.
        rows = outlook.num_learned if config.mode == "offline" else min(outlook.num_learned, 1)
        self.importance = ParameterRows(self.anchored_parameters(), rows, config.state_dtype)
        self.past_anchors = ParameterRows(
            self.anchored_parameters(), max(rows - 1, 0), config.state_dtype
        )

    def loss(self, batch: Examples) -> Tensor:
        """Return the task's loss, plus the penalty from the second task on."""
        # At 0 the penalty is left out, not multiplied: the bits and the FLOPs of `finetune`.
        if self.config.lam == 0 or not self.anchor:
            return self.task_loss(batch)
        return self.task_loss(batch) + self.weight / 2 * self.penalty()

    def end_task(self, task: TaskView) -> None:
        """Measure the importances; offline, also keep the anchor of this task's penalty."""
        fisher = self.fisher(task)
        importance = {name: fisher[name] for name in self.anchored_parameters()}
        if self.config.normalise:
            importance = scale_to_mean_one(importance)
        if self.config.mode == "online" and self.importance.rows:
            before = self.importance[0]
            importance = {n: self.config.gamma * before[n] + f for n, f in importance.items()}
            self.importance.clear()
        if self.config.mode == "offline" and self.anchor:
            self.past_anchors.append(self.anchor)
        self.importance.append(importance)

    def penalty(self) -> Tensor:
        """Return sum_k sum_j F_kj (theta_j - theta_kj)^2, without lam/2."""
        parameters, past = dict(self.network.named_parameters()), self.past_anchors
        anchors = [*(past[k] for k in range(past.rows)), self.anchor]
        terms = [quadratic(parameters, a, self.importance[k]) for k, a in enumerate(anchors)]
        return torch.stack(terms).sum()

    def fisher(self, task: TaskView) -> dict[str, Tensor]:
        """Return the Fisher diagonal of the network on a task's training examples."""
        examples = task.examples
        if self.config.num_samples is not None:
            # Drawn on the CPU, so that a GPU takes the same examples.
            order = torch.randperm(len(examples), generator=task.stream("fisher examples"))
            examples = examples[order[: self.config.num_samples].to(examples.y.device)]
        return diagonal_fisher(
            self.network, examples, task.allowed, self.config.labels, task.stream("fisher labels")
        )


def scale_to_mean_one(importance: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return importances divided by their mean over all parameters; zeros stay zeros."""
    total = torch.stack([f.sum() for f in importance.values()]).sum()
    mean = total / sum(f.numel() for f in importance.values())
    scale = 1 / mean.clamp_min(torch.finfo(mean.dtype).tiny)
    return {name: f * scale for name, f in importance.items()}
