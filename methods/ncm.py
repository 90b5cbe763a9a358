"""NCM: the mean feature of every class, and classification by the nearest.

When a task ends its features z are added to the means of their classes,

    mu_c <- mu_c + sum_{i: y_i = c} (z_i - mu_c) / n_c

and an example is assigned to the class whose mean is nearest, by cosine or Euclidean distance. No
step is taken: what the network was before the first task, it is after the last.

State:
    means: float32 [C, F]. counts: int64 [C], the examples of each class. Both change when a task
    ends, and are part of the model.

Reference:
    Zhou et al. 2023, Revisiting class-incremental learning with pre-trained models:
    generalizability and adaptivity are all you need, arXiv:2303.07338 (SimpleCIL); Mensink et al.
    2013, Distance-based image classification, TPAMI 35(11).

Deviations:
    A class that several tasks have (domain-incremental) has one mean over all its examples.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from methods import base
from methods.base import TaskView
from methods.parts.fixed_features import ClassMeans, Metric, similarities


class NCM(ClassMeans):
    """Classify by the nearest class mean."""

    @dataclass(frozen=True, kw_only=True)
    class Config(base.Config):
        """Hyperparameters of NCM.

        Attributes:
            metric: "cosine", as SimpleCIL, or "euclidean".
        """

        metric: Metric = "cosine"

    config: Config

    def end_task(self, task: TaskView) -> None:
        """Add the task's features to the means of their classes."""
        self.add(self.features(task.examples.x), task.examples.y)

    def score(self, features: Tensor, task: int | None) -> Tensor:
        """Return cosines, or minus the squared distances, of features [B, F] and means [B, C]."""
        return similarities(features, self.means, self.config.metric)
