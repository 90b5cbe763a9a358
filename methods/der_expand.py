"""DER, dynamically expandable: a feature extractor for each task, and a classifier over them all.

The newest extractor begins as a copy of the one before, which stays frozen, and learns with the
classifier and an auxiliary one (`methods.parts.expansion`). From the second task on a second phase
draws the classifier anew and trains it alone, on as many examples of each class:

    L = CE(scores / T)

It is no relation of `der`, dark experience replay.

State:
    That of `methods.parts.expansion`. columns.<j>: whole networks but for their heads.

Reference:
    Yan et al. 2021, DER: Dynamically expandable representation for class incremental learning,
    CVPR, sections 3.2 to 3.4. Epochs, rate and T of the second phase, as in the authors' code.

Deviations:
    Those of `methods.parts.expansion`. No pruning: the paper's masks of channels, learned with a
    sparsity loss, are left out, as in its variant "w/o P". No warm-up. An epoch passes over the
    exemplars five times by default, as in `methods.icarl`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from methods.base import Examples, Outlook, Phase, TaskView
from methods.parts.evaluation_mode import evaluation_mode
from methods.parts.expansion import Expansion, ExpansionConfig
from methods.parts.initialisation import frozen_copy
from methods.parts.ranges import require_positive

CLASSIFIER = "classifier"


class DERExpand(Expansion):
    """Add a feature extractor for each task, then train the classifier on a balanced set."""

    @dataclass(frozen=True, kw_only=True)
    class Config(ExpansionConfig):
        """Hyperparameters of dynamically expandable representations.

        Attributes:
            classifier_epochs: epochs of the second phase, at least 0; 0 leaves it out.
            classifier_lr: its learning rate, above 0; it falls tenfold half-way.
            classifier_temperature: T of its softmax, above 0.
        """

        classifier_epochs: int = 30
        classifier_lr: float = 0.1
        classifier_temperature: float = 5.0

        def __post_init__(self) -> None:
            super().__post_init__()
            if self.classifier_epochs < 0:
                raise ValueError(
                    f"classifier_epochs must be at least 0, given {self.classifier_epochs}"
                )
            require_positive("classifier_lr", self.classifier_lr)
            require_positive("classifier_temperature", self.classifier_temperature)

    inert_on_first_task: ClassVar[frozenset[str]] = Expansion.inert_on_first_task | {
        "classifier_epochs",
        "classifier_lr",
        "classifier_temperature",
    }
    config: Config

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        self._learning = [p for p in network.parameters() if p.requires_grad]
        self._balances = False

    def new_column(self) -> nn.Module:
        """Return a frozen copy of the network without its head."""
        column = frozen_copy(self.network)
        # The head of a column would never be read: the classifier over all columns takes its
        # features.
        column.head = nn.Identity()
        return column

    def phases(self, task: TaskView) -> Sequence[Phase]:
        """Return the training and, from the second task on, that of the classifier."""
        epochs = self.config.classifier_epochs
        # The authors' 30 epochs with a tenth of the rate from the 15th on.
        half = {"schedule": {"name": "multistep", "milestones": (epochs // 2,)}}
        training = {
            **{"epochs": epochs, "iterations": None, "lr": self.config.classifier_lr},
            **{"optimizer": "sgd", "momentum": 0.9, "weight_decay": 5e-4},
            **{"clip": None, "label_smoothing": 0.0, "early_stopping": None},
            **(half if epochs > 1 else {"schedule": "constant"}),
        }
        # In the first task the classifier is trained with its extractor, on balanced data already.
        both = self.memory.filled > 0 and epochs > 0
        return (Phase(), Phase(CLASSIFIER, training)) if both else (Phase(),)

    def begin_phase(self, phase: Phase, task: TaskView) -> None:
        """Release the network, or a classifier that is drawn anew."""
        self._balances = phase.name == CLASSIFIER
        for parameter in self._learning:
            parameter.requires_grad_(not self._balances)
        if self.auxiliary is not None:
            self.auxiliary.requires_grad_(not self._balances)
        # The loop above may have frozen it, as part of the network.
        self.head.requires_grad_(True)
        if self._balances:
            self.head.redraw(task.stream(CLASSIFIER))

    def examples(self, task: TaskView) -> Examples:
        """Return new examples and exemplars, in the second phase as many of each class."""
        if self._balances:
            return self.balanced_examples(task)
        return self.with_exemplars(task.examples)

    def loss(self, batch: Examples) -> Tensor:
        """Return the loss of the phase; extractors are in evaluation mode in the second."""
        if not self._balances:
            return super().loss(batch)
        with evaluation_mode(self.network):
            # Extractors are frozen in this phase, and the statistics of their normalisation must be
            # too.
            scores_BC = self.run(batch.x)[0]
        return self.task_loss(batch, scores_BC / self.config.classifier_temperature)
