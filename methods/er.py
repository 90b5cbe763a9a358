"""Experience replay: every step also trains on examples from a small memory.

Each step draws a batch from the memory, without replacement, and minimises the mean cross-entropy
of new and drawn examples taken together ("concat-mean": every example has the same weight). With
`weighting: tasks` it minimises, in task t,

    L = 1/t CE(B) + (1 - 1/t) CE(M)

B is the batch, M that from the memory; each CE is a mean over its examples. With `asymmetric: true`
the examples of the batch compete among the classes that are in it, as in `er_ace`, and the loss is
the sum CE(B; classes in B) + CE(M), or that weighted by tasks.

State:
    memory.*: the stored examples, see `parts.memory`; they change during a task (reservoir, ring)
    or when it ends (class-balanced).

Reference:
    Chaudhry et al. 2019, On tiny episodic memories in continual learning, arXiv:1902.10486,
    algorithm 1. Rolnick et al. 2019, Experience replay for continual learning, NeurIPS. Weights by
    tasks: van de Ven, Tuytelaars & Tolias 2022, Three types of incremental learning, Nature Machine
    Intelligence 4. Asymmetric loss: Caccia et al. 2022, New insights on reducing abrupt
    representation change in online continual learning, ICLR. Several steps on a batch: Aljundi et
    al. 2019, Online continual learning with maximally interfered retrieval, NeurIPS.

Deviations:
    The memory is offered each training example once, in the first epoch, so that several epochs do
    not fill it with copies (Chaudhry et al. train for one). As in their algorithm the memory is
    replayed from the first task on, once it holds anything. Their ring has a share for each class,
    ours for each task.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor, nn

from methods.base import Examples, Outlook, TaskView, neutral
from methods.parts.own_classes import among_own_classes
from methods.parts.rehearsal import Replay, ReplayConfig


class ER(Replay):
    """Train on new and stored examples together."""

    @dataclass(frozen=True, kw_only=True)
    class Config(ReplayConfig):
        """Hyperparameters of experience replay.

        Attributes:
            weighting: whether all examples of a step weigh the same, or all tasks.
            asymmetric: whether a batch competes among its own classes alone, once anything is
                stored; its loss and that of the stored examples then weigh the same, or all tasks.
        """

        weighting: Literal["examples", "tasks"] = neutral("examples")
        asymmetric: bool = neutral(False)

    fusible: ClassVar[bool] = True
    config: Config

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        self._task = 1

    def begin_task(self, task: TaskView) -> None:
        """Prepare the memory and the weights of the task."""
        super().begin_task(task)
        self._task = task.index

    def loss(self, batch: Examples) -> Tensor:
        """Return the cross-entropy of the batch and of a batch from the memory."""
        rows = self.draw(batch)
        if not len(rows):
            return self.task_loss(batch)
        replayed = self.augment(self.memory[rows])
        if self.config.asymmetric:
            stored = self.task_loss(replayed)
            new = self.task_loss(batch, among_own_classes(self.network(batch.x), batch))
        elif self.config.weighting == "examples":
            return self.task_loss(batch + replayed)
        else:
            new, stored = self.task_loss(batch), self.task_loss(replayed)
        if self.config.weighting == "examples":
            return new + stored
        return new / self._task + (1 - 1 / self._task) * stored
