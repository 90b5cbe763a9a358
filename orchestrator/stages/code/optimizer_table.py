"""The optimisers of torch by name, and why some of them cannot train here."""

from __future__ import annotations

import torch
from torch.optim import Optimizer

# Why an optimiser of torch cannot train here.
UNFIT_OPTIMIZERS = {
    "lbfgs": "evaluates the loss several times a step, which methods with a memory cannot repeat",
    "sparseadam": "needs sparse gradients, and those of the networks here are dense",
    "muon": "takes matrices alone, and networks have biases",
}
OPTIMIZERS: dict[str, type[Optimizer]] = {
    name.lower(): cls
    for name, cls in sorted(vars(torch.optim).items())
    if isinstance(cls, type)
    and issubclass(cls, Optimizer)
    and cls is not Optimizer
    and name.lower() not in UNFIT_OPTIMIZERS
}
