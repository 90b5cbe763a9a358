"""The measurements of `perf.one_run`: ours and a rival do the same work; aims are compared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from orchestrator.seeding import seed_global_generators
from orchestrator.stages.flops import FlopCounter
from perf.gpu.cases import Case, Chain, run_in_store, split_digits
from perf.gpu.timing import Seconds
from perf.one_run.cases import CASES
from perf.one_run.chains import build_rival
from perf.one_run.fisher import FisherWays

MARGIN = 0.05  # between mean accuracies of two orders of the examples


def digits_chain(method: str, **options: int) -> Chain:
    case = Case("", split_digits(), ("mlp", {"hidden": (64,)}), {"batch_size": 32, "lr": 2e-3})
    return case.chain(method, **options)


@contextmanager
def count_optimizer_steps() -> Iterator[list[None]]:
    steps: list[None] = []
    handle = register_optimizer_step_post_hook(lambda *_: steps.append(None))
    try:
        yield steps
    finally:
        handle.remove()


@pytest.mark.parametrize(("method", "options"), [("finetune", {}), ("gem", {"memory_size": 100})])
def test_a_rival_takes_our_steps_with_our_flops_to_our_accuracy(
    method: str, options: dict[str, int]
) -> None:
    chain = digits_chain(method, **options)
    with count_optimizer_steps() as steps:
        records = run_in_store(chain, "cpu")
        ours = len(steps)
        with seed_global_generators(0), FlopCounter() as flops:
            row = build_rival(chain).run()
    assert len(steps) == 2 * ours > 0
    last = [records[-1].evaluation[key]["test"].accuracy or 0.0 for key in chain[-1].task_keys]
    if method == "finetune":  # the passes of GEM project nothing, so they forget
        assert abs(sum(last) - sum(row)) / len(row) < MARGIN
    # The evaluation of the untrained network, which has no record among those of tasks, costs the
    # rival as much as any other. GEM's own products are not among its passes.
    counted = sum(r.costs.train_flops + r.costs.eval_flops for r in records)
    counted += records[-1].costs.eval_flops
    assert flops.total <= counted
    assert flops.total == pytest.approx(counted, rel=0 if method == "finetune" else 0.1)


def test_the_fisher_information_by_hand_is_ours() -> None:
    case = Case("", split_digits(), ("mlp", {"hidden": (8,)}), {})
    ways = FisherWays(case, [0, 1, 2], 6)
    ours, by_hand = ways.ours(), ways.rival()
    assert ours.keys() == by_hand.keys()
    assert all(torch.allclose(ours[name], by_hand[name], rtol=1e-4, atol=1e-8) for name in ours)
    assert max(float(each.max()) for each in ours.values()) > 1e-4


def test_each_case_has_a_rival_and_an_aim_of_its_direction() -> None:
    assert all(case.rival and case.title and case.aim >= 1 for case in CASES)
    assert {case.name for case in CASES} == {"warm", "cold", "resnet", "ewc", "gem", "avalanche"}
    times = {"ours": [Seconds(1.0, 2.0)], "rival": [Seconds(4.0, 1.0)]}
    for case in CASES:
        ours_over_rival = [2.0] if not case.is_speedup else [0.5]
        assert case.figures(times, "cpu") == ours_over_rival
        # Of two figures, a slower one of ours never meets an aim that the faster one misses.
        figures = [case.aim * factor for factor in (0.5, 1.0, 2.0)]
        met = [case.is_met(figure) for figure in figures]
        assert met == ([False, True, True] if case.is_speedup else [True, True, False])
