"""Progress & Compress: an active column learns the task, and a knowledge base takes it in.

The knowledge base is the network; it predicts. From the second task on a task has two phases. In
the first (progress) a fresh network of the same kind, the active column, learns the task, with
lateral connections from the knowledge base, which is fixed. In the second (compress) the knowledge
base learns the active column's outputs, with the penalty of online EWC:

    L = KL(softmax(active / T) || softmax(network / T)) + lam/2 sum_j F_j (theta_j - theta*_j)^2

When a task ends, F <- gamma F + F_new.

State:
    importance.<parameter>: [1, *shape], F of the penalised parameters; it changes when a task ends.
    theta* is the network when a task begins, and is copied then. The active column and its laterals
    are drawn when a task begins and dropped when it ends.

Reference:
    Schwarz et al. 2018, Progress & Compress: A scalable framework for continual learning, ICML,
    sections 2 and 3; online EWC: eq. 9.

Deviations:
    The first task, which has nothing to build on or to protect, trains the knowledge base itself.
    The active column is drawn anew for each task; the paper leaves open whether it goes on. The
    penalty is without the factor gamma, which is part of lam, and F is exact, as in `methods.ewc`.
    Laterals are those of `methods.pnn`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from methods.base import Examples, Outlook, Phase, Setting, TaskView
from methods.parts.anchoring import ImportanceConfig, ParameterRows, Penalty, quadratic
from methods.parts.chain import chain_objection, find_chain
from methods.parts.distillation import divergence
from methods.parts.evaluation_mode import evaluation_mode
from methods.parts.initialisation import frozen_copy, reinitialise
from methods.parts.laterals import create_laterals, run_column
from methods.parts.layers import select_layers
from methods.parts.ranges import require_count, require_positive, require_strength
from methods.parts.sensitivity.fisher import Labels, diagonal_fisher

COMPRESS = "compress"


class ProgressCompress(Penalty):
    """Learn each task in a column of its own, and distil it into a network under a penalty."""

    @dataclass(frozen=True, kw_only=True)
    class Config(ImportanceConfig):
        """Hyperparameters of Progress & Compress.

        Attributes:
            lam: strength of the penalty in the second phase, at least 0.
            gamma: decay of the running importance per task, in (0, 1].
            labels: the labels in the Fisher's expectation; see `methods.parts.sensitivity.fisher`.
            temperature: T of the distillation, above 0.
            compress_epochs: epochs of the second phase; None: as many as the training has.
            alpha, projection: of the laterals, as in `methods.pnn`.
        """

        lam: float = 100.0
        gamma: float = 1.0
        labels: Labels = "all"
        temperature: float = 1.0
        compress_epochs: int | None = None
        alpha: float = 0.1
        projection: int | None = None

        def __post_init__(self) -> None:
            require_strength("lam", self.lam)
            if not 0 < self.gamma <= 1:
                raise ValueError(f"gamma must be in (0, 1], given {self.gamma}")
            require_positive("temperature", self.temperature)
            require_count("compress_epochs", self.compress_epochs)
            require_positive("alpha", self.alpha)
            require_count("projection", self.projection)

    inert_on_first_task: ClassVar[frozenset[str]] = frozenset(
        {"lam", "gamma", "temperature", "compress_epochs", "alpha", "projection"}
    )
    config: Config

    @classmethod
    def objection(cls, config: Any, setting: Setting) -> str | None:
        """Return the scenario's objection, or that the network is no chain of layers."""
        return super().objection(config, setting) or chain_objection(setting)

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        self._names = find_chain(network, outlook.input_shape).names
        rows = min(outlook.num_learned, 1)
        self.importance = ParameterRows(self.anchored_parameters(), rows, config.state_dtype)
        self._learning = [p for p in network.parameters() if p.requires_grad]
        self.active: nn.Module | None = None
        self.laterals: nn.ModuleList | None = None
        self._compresses = False
        self._one_set = False

    def begin_task(self, task: TaskView) -> None:
        """Anchor the network and draw an active column, from the second task on."""
        super().begin_task(task)
        if task.index == 1:
            return
        # The copy gives the shapes alone: its weights are drawn anew from the task's own stream.
        self.active = frozen_copy(self.network)
        reinitialise(self.active, task.stream("initialisation"))
        layers, config = select_layers(self.network, self._names), self.config
        self.laterals = create_laterals(layers, 1, config.projection, config.alpha)
        reinitialise(self.laterals.to(task.examples.y.device), task.stream("laterals"))

    def phases(self, task: TaskView) -> Sequence[Phase]:
        """Return the training of a column and, from the second task on, the compression."""
        # A training has epochs or iterations, not both.
        epochs = self.config.compress_epochs
        training = {} if epochs is None else {"epochs": epochs, "iterations": None}
        return (Phase(),) if self.active is None else (Phase(), Phase(COMPRESS, training))

    def begin_phase(self, phase: Phase, task: TaskView) -> None:
        """Release the active column or, if there is none or it is compressed, the network."""
        self._compresses = phase.name == COMPRESS
        self._one_set = task.allowed is None or has_equal_rows(task.allowed[list(task.classes)])
        for parameter in self._learning:
            parameter.requires_grad_(self._compresses or self.active is None)
        # The column that does not learn gets no gradients, so that its steps cost none.
        for column in (self.active, self.laterals):
            if column is not None:
                column.requires_grad_(not self._compresses)

    def loss(self, batch: Examples) -> Tensor:
        """Return the task's loss of the column that learns it, or the distillation's."""
        if self.active is None:
            return self.task_loss(batch)
        if not self._compresses:
            return self.task_loss(batch, self.active_scores(batch.x))
        # The active column is the teacher: its statistics must not move while the network learns
        # from it.
        with evaluation_mode(self.active), torch.no_grad():
            target_BC = self.active_scores(batch.x)
        loss = self.distillation(batch, target_BC)
        if self.config.lam == 0:
            return loss
        penalty = quadratic(self.anchored_parameters(), self.anchor, self.importance[0])
        return loss + self.config.lam / 2 * penalty

    def distillation(self, batch: Examples, target_BC: Tensor) -> Tensor:
        """Return the divergence from targets, over the outputs that compete with the labels."""
        logits_BC = self.network(batch.x).float()
        competing = self.mask_logits(torch.zeros_like(logits_BC), batch.y) == 0
        if self._one_set:  # to look for others would wait for a GPU
            outputs_1C = competing[:1]
            return divergence(target_BC.float(), logits_BC, outputs_1C, self.config.temperature)
        total = torch.zeros((), device=logits_BC.device)
        for outputs_C in torch.unique(competing.byte(), dim=0).bool():
            rows = (competing == outputs_C).all(dim=1)
            # Each row competes with its own outputs; the divergence takes one set of outputs at a
            # time.
            part = divergence(
                target_BC[rows].float(),
                logits_BC[rows],
                outputs_C.unsqueeze(0),
                self.config.temperature,
            )
            total = total + part * rows.float().mean()
        return total

    def active_scores(self, x: Tensor) -> Tensor:
        """Return the scores [B, C] of the active column."""
        assert self.active is not None
        assert self.laterals is not None
        with evaluation_mode(self.network), torch.no_grad():
            hidden, _ = run_column(self.network, self._names, x)
        return run_column(self.active, self._names, x, [hidden], [*self.laterals])[1]

    def end_task(self, task: TaskView) -> None:
        """Drop the active column, and add the network's Fisher information to the importance."""
        # Before the Fisher is measured: it is that of the knowledge base, which is all that is
        # kept.
        self.active = self.laterals = None
        for parameter in self._learning:
            parameter.requires_grad_(True)
        fisher = diagonal_fisher(
            self.network,
            task.examples,
            task.allowed,
            self.config.labels,
            task.stream("fisher labels"),
        )
        importance = {name: fisher[name] for name in self.anchored_parameters()}
        if self.importance.rows:
            before = self.importance[0]
            # Eq. 9 of the paper, without its normalisation of each task's F.
            importance = {n: self.config.gamma * before[n] + f for n, f in importance.items()}
        self.importance.replace(importance)

    def predict_current(self, x: Tensor, task: int | None) -> Tensor:
        """Return the scores [B, C] of the column that learns."""
        if self.active is None or self._compresses:
            return self.predict(x, task)
        return self.active_scores(x)


def has_equal_rows(table: Tensor) -> bool:
    """Return whether the rows of a table [N, C], at least one, are equal."""
    return bool((table == table[:1]).all())
