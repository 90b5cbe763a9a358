"""ER-ACE: experience replay in which a batch does not compete with the classes of the past.

New classes begin with features close to those of old ones. To compare them pushes the old ones away
abruptly. So the outputs of the batch compete among the classes that are in the batch alone, and
those of stored examples among all classes seen:

    L = CE(B; classes in B) + CE(M; all classes seen)

B is the batch, M a batch from the memory; each CE is a mean over its examples.

State:
    memory.*: the stored examples, see `parts.memory`; they change during a task (reservoir, ring)
    or when it ends (class-balanced).

Reference:
    Caccia et al. 2022, New insights on reducing abrupt representation change in online continual
    learning, ICLR, section 4, ER-ACE.

Deviations:
    While nothing is stored, no class is old: the step is that of `finetune`, bit for bit. The
    formula would leave out the seen classes that are not in the batch there too.
    Classes not yet seen compete as the benchmark's `train_mask` says, where they are in the batch;
    in the authors' code they compete always.
    As in `er`, the memory is offered each training example once, in the first epoch.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from methods.base import Examples
from methods.parts.own_classes import among_own_classes
from methods.parts.rehearsal import Replay


class ERACE(Replay):
    """Learn a batch among its own classes, and stored examples among all."""

    fusible: ClassVar[bool] = True

    def loss(self, batch: Examples) -> Tensor:
        """Return the loss of the batch among its classes, plus that of a batch from the memory."""
        rows = self.draw(batch)
        if not len(rows):
            return self.task_loss(batch)
        stored = self.task_loss(self.augment(self.memory[rows]))
        own = among_own_classes(self.network(batch.x), batch)
        return self.task_loss(batch, own) + stored
