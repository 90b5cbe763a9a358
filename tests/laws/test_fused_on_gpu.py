"""Fused stages on a GPU: the numbers of each by itself, the bits of any grouping."""

from __future__ import annotations

import pytest
import torch
from fused_lab import CASES, chain, costs_of, group_of, run_apart, run_fused, same_bits, siblings

from orchestrator.stages.fused.slots import ON_GPU

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
]


@pytest.mark.parametrize("name", CASES)
def test_fused_siblings_on_a_gpu_have_the_numbers_and_costs_of_each_by_itself(name: str) -> None:
    for stages, runs in zip(siblings(name)[::-1], group_of(name, "cuda")[::2], strict=True):
        for (state, record), (plain, reference) in zip(
            runs, run_apart(stages, "cuda"), strict=True
        ):
            for part, value in plain.items():
                torch.testing.assert_close(state[part], value, rtol=2e-3, atol=2e-5)
            assert costs_of(record) == costs_of(reference)


@pytest.mark.parametrize("name", CASES)
def test_the_bits_of_a_sibling_on_a_gpu_do_not_depend_on_the_others(name: str) -> None:
    one, other = siblings(name)
    many = [other, *(chain(name, seed, **CASES[name][0]) for seed in range(9, 8 + ON_GPU)), one]
    groups = [run_fused([one], "cuda")[0], run_fused([one, other], "cuda")[0]]
    groups += [run_fused(many, "cuda")[-1]]
    for runs in groups:
        assert all(
            same_bits(a[0], b[0]) for a, b in zip(runs, group_of(name, "cuda")[2], strict=True)
        )
