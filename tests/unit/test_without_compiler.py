"""Methods of torch that do without its compiler until it is imported."""

import sys
from types import SimpleNamespace

import pytest
import torch
from torch.optim.optimizer import _use_grad_for_differentiable

from orchestrator.stages.without_compiler import COMPILER, without_compiler


def optimizer_class() -> type[torch.optim.Optimizer]:
    class Noted(torch.optim.Optimizer):
        def __init__(self, differentiable: bool) -> None:
            self.defaults = {"differentiable": differentiable}
            self.modes: list[bool] = []

        @_use_grad_for_differentiable
        def step(self, closure: object = None) -> object:
            self.modes.append(torch.is_grad_enabled())
            return closure

        @torch._disable_dynamo
        def zero_grad(self, set_to_none: bool = True) -> bool:
            return set_to_none

    return Noted


@pytest.mark.parametrize("imported", [False, True])
def test_a_step_is_that_of_torch_with_and_without_the_compiler(monkeypatch, imported: bool) -> None:
    breaks: list[None] = []
    compiler = SimpleNamespace(
        graph_break=lambda: breaks.append(None), disable=lambda function, *_, **__: function
    )
    monkeypatch.setitem(vars(torch), "_dynamo", compiler)
    if imported:
        monkeypatch.setitem(sys.modules, COMPILER, compiler)
    else:
        monkeypatch.delitem(sys.modules, COMPILER, raising=False)
    cls = without_compiler(optimizer_class())
    for differentiable in (False, True):
        optimizer = cls(differentiable)
        assert optimizer.step("closure") == "closure"
        assert optimizer.modes == [differentiable]
        assert torch.is_grad_enabled()
    # Torch's own step breaks a graph before and after.
    assert len(breaks) == (4 if imported else 0)
    assert optimizer.zero_grad(set_to_none=False) is False
    assert cls.step.__name__ == "step"
