"""kNN: features of some examples of every class, and a vote of the nearest k.

The memory has as many examples of each class as of any other. The score of a class is the number of
its members among the k nearest stored examples; of classes with as many, the one with the nearest
member is predicted. Where the task is known, only examples of its classes are looked at.

Shape legend: B examples to score, C classes, F features, M stored examples.

State:
    memory.*: the features and labels, see `methods.parts.class_balanced`; they change when a task
    ends. tasks: int16 [C], the last task that had each class; 0 if none did.

Reference:
    Cover & Hart 1967, Nearest neighbor pattern classification, IEEE Transactions on Information
    Theory 13(1).

Deviations:
    Which examples are stored is random; the paper stores all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from methods.base import Examples, Outlook, Setting, TaskView
from methods.parts.budget import MemoryConfig
from methods.parts.class_balanced import ClassBalancedMemory
from methods.parts.fixed_features import FixedFeatures, Metric, similarities
from methods.parts.ranges import require_one


class KNN(FixedFeatures):
    """Classify by a vote of the nearest stored examples."""

    @dataclass(frozen=True, kw_only=True)
    class Config(MemoryConfig):
        """Hyperparameters of kNN.

        Attributes:
            k: neighbours that vote, at least 1.
            metric: "cosine" or "euclidean".
        """

        k: int = 5
        metric: Metric = "cosine"

        def __post_init__(self) -> None:
            super().__post_init__()
            require_one("k", self.k)

    storage: ClassVar[dict[str, str]] = {"memory": "buffer", "tasks": "buffer"}
    tasks: Tensor
    config: Config

    @classmethod
    def objection(cls, config: Any, setting: Setting) -> str | None:
        """Return the scenario's objection, or that the memory is smaller than one per class.

        How many examples fit into a number of bytes depends on the network's features, so that is
        checked when the method is built.
        """
        if config.codec is not None:
            return f"stores features, of which there are no files: leave codec: {config.codec} out"
        too_small = None
        if config.memory_size is not None:
            too_small = ClassBalancedMemory.objection(config.budget, setting)
        return super().objection(config, setting) or too_small

    def __init__(self, network: nn.Module, config: Config, outlook: Outlook) -> None:
        super().__init__(network, config, outlook)
        of_features = replace(outlook, input_shape=(self.num_features,))
        self.memory = ClassBalancedMemory(config.budget, of_features)
        least = outlook.num_classes
        if self.memory.capacity < least:
            raise ValueError(
                f"its memory has room for {self.memory.capacity} examples ({config.budget}) of "
                f"{self.num_features} features, but needs room for {least}, one for each class: "
                f"give memory_bytes: {least * self.memory.row_bytes}, or more"
            )
        self.register_buffer("tasks", torch.zeros(least, dtype=torch.int16))

    @torch.no_grad()
    def end_task(self, task: TaskView) -> None:
        """Store features of the task, the same number of each class seen."""
        self.tasks[list(task.classes)] = task.index
        features = self.features(task.examples.x)
        self.memory.end_task(replace(task, examples=Examples(features, task.examples.y)))

    def score(self, features: Tensor, task: int | None) -> Tensor:
        """Return votes [B, C] for features [B, F], with less than 1 more for the nearest."""
        stored = self.memory[: self.memory.filled]
        near_BM = similarities(features, stored.x, self.config.metric)
        if task is not None:
            near_BM = near_BM.masked_fill(self.tasks[stored.y] != task, float("-inf"))
        values_Bk, rows_Bk = near_BM.topk(min(self.config.k, len(stored)), dim=1)
        # A known task may have fewer than k stored examples; those of other tasks have no vote.
        vote_BkC = F.one_hot(stored.y[rows_Bk], len(self.tasks)) * values_Bk.isfinite().unsqueeze(2)
        ranks = torch.arange(vote_BkC.shape[1], 0, -1, device=features.device)
        nearest_BC = (vote_BkC * ranks.unsqueeze(1)).amax(dim=1) / (len(ranks) + 1)
        return vote_BkC.sum(dim=1) + nearest_BC

    def seen_classes(self) -> Tensor:
        """Return bool [C]: whether there were examples of each class."""
        return self.tasks > 0
