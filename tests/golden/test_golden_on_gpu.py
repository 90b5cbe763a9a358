"""Numbers of every method on a GPU: the same bits each time, and close to those of a CPU."""

from __future__ import annotations

import json
import warnings

import pytest
import torch
from golden_methods import CASES, FIGURES, differ

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
]
GOLDEN = json.loads(FIGURES.read_text(encoding="utf-8"))
RTOL = 2e-2  # convolutions are in TF32, whose products have 10 bits


@pytest.mark.parametrize("name", CASES)
def test_numbers_on_a_gpu_repeat_bit_for_bit_and_are_those_of_a_cpu(name: str) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*determinis")  # of kernels that add in any order
        figures = CASES[name].figures("cuda")
        again = CASES[name].figures("cuda")
    assert figures == again
    golden = GOLDEN[name]
    assert figures["flops"] == golden["flops"]
    assert not differ(figures, golden, RTOL, 1e-3), f"{figures} on a CPU: {golden}"
