"""Methods whose features are the data, and tasks written out."""

from __future__ import annotations

import torch

from methods.base import Examples, Outlook, TaskView
from methods.testing.blobs import stream
from orchestrator.networks.networks import MLP, NetworkShape

T = torch.tensor


def on_features(cls, num_features, num_classes, num_learned=0, **config):
    """Return a method whose features are the data."""
    network = MLP(MLP.Config(hidden=()), NetworkShape((num_features,), num_classes, (0,), (1,)))
    return cls(network, cls.Config(**config), Outlook(num_classes, (num_features,), num_learned))


def learn(method, index, x, y, scenario="class"):
    examples = Examples(T(x, dtype=torch.float32), T(y))
    classes = tuple(sorted(set(y)))
    view = TaskView(index, classes, examples, None, lambda p: stream(index, p), 0, scenario)
    method.begin_task(view)
    method.end_task(view)


def predict(method, x, task=None):
    return method.predict(T(x, dtype=torch.float32), task)
