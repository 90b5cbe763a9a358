"""Numbers of every method on a GPU: the same bits each time, and close to those of a CPU.

The CPU is that of the same machine: another version of torch draws other initial weights.
"""

from __future__ import annotations

import warnings

import pytest
import torch
from golden_methods import CASES, differ

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
]
# Sums in another order; podnet then chooses an exemplar otherwise, of two that are as far away.
RTOL, RTOL_OF_CHOICES = 2e-2, 5e-2


@pytest.mark.parametrize("name", CASES)
def test_numbers_on_a_gpu_repeat_bit_for_bit_and_are_those_of_a_cpu(name: str) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*determinis")  # of kernels that add in any order
        figures = CASES[name].figures("cuda")
        again = CASES[name].figures("cuda")
    assert figures == again
    rtol = RTOL_OF_CHOICES if CASES[name].method == "podnet" else RTOL
    on_cpu = CASES[name].figures()
    assert figures["flops"] == on_cpu["flops"]
    assert not differ(figures, on_cpu, rtol, 1e-3), f"{figures} on a CPU: {on_cpu}"
