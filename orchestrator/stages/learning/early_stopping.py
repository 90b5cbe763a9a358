"""Early stopping: a task is trained until its validation data no longer improve, and the best kept.

The method is then as it was after its best epoch, with all of its state, as if training had ended
there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import inf
from typing import Any

from torch import Tensor

from methods.base import Examples, Method
from orchestrator.stages.learning.snapshot import Snapshot
from orchestrator.stages.learning.stopping_options import StoppingOptions
from orchestrator.stages.record import Score


def create_stopping(
    options: Mapping[str, Any] | None,
    method: Method,
    validate: Callable[[], Score] | None,
    data: Iterable[Examples],
    optimizer_state: Callable[[], dict[str, Tensor]],
) -> EarlyStopping | None:
    """Return the early stopping of a training; None if it trains all epochs."""
    if options is None or validate is None:
        return None
    shared = [tensor for examples in data for tensor in (examples.x, examples.y)]
    return EarlyStopping(options, method, validate, shared, optimizer_state)


class EarlyStopping:
    """The best epoch so far of a training.

    Args:
        options: as in a sweep file.
        method: whose state is kept and restored.
        validate: returns the method's score on validation data.
        shared: tensors that no step changes, such as the task's examples; they are not copied.
        optimizer_state: returns the state of the optimiser that is to be kept.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        method: Method,
        validate: Callable[[], Score],
        shared: Iterable[Tensor],
        optimizer_state: Callable[[], dict[str, Tensor]],
    ) -> None:
        self._options = StoppingOptions(**options)
        self._method, self._validate = method, validate
        self._shared = tuple(shared)
        self._optimizer_state = optimizer_state
        self._best, self._epoch = -inf, 0
        self._snapshot: Snapshot | None = None
        self._state: dict[str, Tensor] = {}

    @property
    def copies(self) -> tuple[object, ...]:
        """The copies of the best epoch."""
        return self._snapshot, self._state

    def is_over(self, epoch: int) -> bool:
        """Note the score after an epoch, from 1; return whether the training stops."""
        value = self._value(self._validate())
        if epoch >= self._options.min_epochs and value > self._best:
            self._best, self._epoch = value, epoch
            self._snapshot = Snapshot.take(self._method, self._shared)
            self._state = {n: t.detach().clone() for n, t in self._optimizer_state().items()}
        # Until a score is finite there is no epoch to go back to.
        return self._epoch > 0 and epoch - self._epoch >= self._options.patience

    def _value(self, score: Score) -> float:
        """Return a figure to maximise; -inf if there is none."""
        if self._options.metric == "accuracy":
            return -inf if score.accuracy is None else score.accuracy
        return -inf if score.loss is None else -score.loss

    def restore(self) -> dict[str, Tensor]:
        """Set the method to its best epoch; return the optimiser's state of that epoch.

        Without a score that is finite, the method stays as it is.
        """
        if self._snapshot is None:
            return self._optimizer_state()
        self._snapshot.restore()
        return self._state
