"""The surface of a sweep with means, by hand: winners, rates, areas, break-even."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from orchestrator.errors import RepertoireError
from orchestrator.results.results import Results
from orchestrator.results.surface.areas import (
    area,
    compute_areas,
    front_volume,
    storage_areas,
    volumes,
)
from orchestrator.results.surface.crossings import break_even, crossing_interval
from orchestrator.results.surface.exchange import exchange_rate, ratio_of_means
from orchestrator.results.surface.prices import Prices, trial_prices
from orchestrator.results.surface.rates import marginal_rates
from orchestrator.results.surface.surface import Surface, build_surface, surfaces
from orchestrator.results.surface.task_figures import TASK_BUDGETS, have_common_steps
from orchestrator.results.surface.trials import DIAL
from orchestrator.results.surface.winners import WinningCell, winner_map
from orchestrator.terminal.surface_findings import describe_volumes, findings
from orchestrator.terminal.surface_names import empty_reason, seed_count_text
from orchestrator.terminal.surface_tables import winner_text

ABOVE = (
    "Above their budget, so not comparable and left out of winners, areas, volumes, rates and "
    "prices"
)


def surface(values: object, infeasible: object = False, **changes: Any) -> Surface:
    """Return a surface of methods a, b, ... on storage 1, 2, 4, ... kB and compute 1, 2, 4, ..."""
    array = np.asarray(values, dtype=float)
    m, a, b, s = array.shape
    compute = changes.get("compute", tuple(2.0**i for i in range(b)))
    shares = changes.get("shares", np.full((m, a, b, s), np.nan))
    names = changes.get("names", tuple("abcdefgh"[:m]))
    return Surface(
        title="lab",
        methods=names,
        kinds=changes.get("kinds", names),
        networks=changes.get("networks", (0,) * m),
        storage=changes.get("storage", tuple(1000 * 2**i for i in range(a))),
        compute=compute,
        seeds=tuple(range(s)),
        values=array,
        infeasible=np.broadcast_to(np.asarray(infeasible), (m, a, b)).copy(),
        excess=changes.get("excess", np.zeros((m, a, b), dtype=bool)),
        carried=changes.get("carried", np.full(array.shape, 1000.0)),
        bodies=changes.get("bodies", np.zeros(array.shape)),
        spent=changes.get("spent", np.full(array.shape, 1e9)),
        seconds=changes.get("seconds", np.full(array.shape, 60.0)),
        prediction_flops=changes.get("prediction_flops", np.full(array.shape, np.nan)),
        prediction_seconds=changes.get("prediction_seconds", np.full(array.shape, np.nan)),
        shares=shares,
        least_shares=changes.get("least_shares", shares),
        most_shares=changes.get("most_shares", shares),
        flops=changes.get("flops", np.array([compute] * m, dtype=float) * 1e9),
    )


def test_an_area_is_over_doublings_and_a_mean_of_what_is_constant() -> None:
    # Trapezoids over log2 1, 2, 8: (.2 + .4) / 2 * 1 + (.4 + .8) / 2 * 2 = 1.5, over 3 doublings.
    values = np.array([[0.2], [0.4], [0.8]])
    assert area(values, np.array([1.0, 2.0, 8.0])) == pytest.approx([0.5])
    assert area(np.full((3, 1), 0.7), np.array([1.0, 2.0, 8.0])) == pytest.approx([0.7])
    assert area(np.array([[0.3]]), np.array([5.0])) == [0.3]


def test_areas_along_both_axes_and_what_does_not_fit_counts_as_nothing() -> None:
    values = [[[[0.2], [0.4]], [[0.6], [0.8]]]]  # storage by compute
    assert storage_areas(surface(values)) == pytest.approx(np.array([[[0.4], [0.6]]]))
    assert compute_areas(surface(values)) == pytest.approx(np.array([[[0.3], [0.7]]]))
    unfit = [[[True, True], [False, False]]]
    values[0][0] = [[np.nan], [np.nan]]
    assert storage_areas(surface(values, unfit)) == pytest.approx(np.array([[[0.3], [0.4]]]))


def test_areas_are_told_at_the_most_of_the_other_budget_the_largest_first() -> None:
    # b at 2 x: (.4 + .8) / 2 over bytes; at 2 kB: (.6 + .8) / 2 over FLOPs. a is a tenth of it.
    b = np.array([[[0.2], [0.4]], [[0.6], [0.8]]])
    sentences = [line for line in findings(surface([b / 10, b])) if line.startswith("Area")]
    assert sentences == [
        "Area under accuracy against the logarithm of bytes at 2 x: b 0.600, a 0.060.",
        "Area under accuracy against the logarithm of FLOPs at 2 kB: b 0.700, a 0.070.",
    ]


def test_a_volume_is_that_of_the_running_maximum() -> None:
    # The cell with more of both is worse: a larger budget may be spent as the smaller one.
    values = [[[[0.8], [0.5]], [[0.6], [0.4]]]]
    assert volumes(surface(values)) == pytest.approx(np.array([[0.8]]))
    rising = [[[[0.0], [0.4]], [[0.4], [0.8]]]]
    assert volumes(surface(rising)) == pytest.approx(np.array([[0.4]]))


def test_a_volume_is_told_only_where_both_budgets_vary() -> None:
    rising = np.array([[[[0.1], [0.4]], [[0.4], [0.8]]]])
    for values, told in ((rising, 2), (rising[:, :1], 0), (rising[:, :, :1], 0)):
        lines = [line for line in findings(surface(values)) if line.startswith("Hypervolume")]
        assert len(lines) == told, values.shape


def test_the_volume_of_all_is_that_of_the_best_mean_of_each_cell() -> None:
    # Means at 1 kB: .5 and .4; at 2 kB b alone is complete. On seed 1 a is worse, and counts.
    values = [[[[0.8, 0.2]], [[np.nan, np.nan]]], [[[0.4, 0.4]], [[0.6, 0.6]]]]
    assert front_volume(surface(values)) == pytest.approx(np.array([0.8, 0.4]))
    nowhere = [[[[np.nan]], [[0.6]]]]
    assert front_volume(surface(nowhere)) == pytest.approx(np.array([0.3]))


def test_rates_are_differences_per_doubling_with_an_interval_over_seeds() -> None:
    values = np.array([[[[0.1, 0.2]], [[0.3, 0.6]]]])  # 1 to 2 kB: +.2 and +.4
    rates = marginal_rates(surface(values))
    assert rates.storage == pytest.approx(np.array([[[0.3]]]))
    half = stats.t.ppf(0.975, 1) * np.std([0.2, 0.4], ddof=1) / np.sqrt(2)
    assert rates.storage_half == pytest.approx(np.array([[[half]]]))
    assert rates.compute.size == 0
    four_times = surface(np.moveaxis(values, 1, 2), compute=(1.0, 4.0))
    assert marginal_rates(four_times).compute == pytest.approx(np.array([[[0.15]]]))


def test_the_sentence_on_rates_has_the_interval_of_the_means_over_cells() -> None:
    """Per doubling of bytes a gains .2 and .4 at 1 x, .0 and .2 at 2 x: .1 and .3 over cells.

    b gains .1 at 1 x. Its .8 at 2 x are left out: there one of the seeds is not complete.
    """
    a = [[[0.1, 0.2], [0.5, 0.5]], [[0.3, 0.6], [0.5, 0.7]]]
    b = [[[0.1, 0.2], [0.1, np.nan]], [[0.2, 0.3], [0.9, np.nan]]]
    half = stats.t.ppf(0.975, 1) * np.std([0.1, 0.3], ddof=1) / np.sqrt(2)
    bytes_line, flops_line = (line for line in findings(surface([a, b])) if "per doubling" in line)
    assert bytes_line == (
        f"Accuracy per doubling of bytes, over cells: a +0.200 ± {half:.3f}, b +0.100 ± 0.000."
    )
    # a gains .4 and .3 with 1 kB, .2 and .1 with 2 kB.
    half = stats.t.ppf(0.975, 1) * np.std([0.3, 0.2], ddof=1) / np.sqrt(2)
    assert flops_line == f"Accuracy per doubling of FLOPs, over cells: a +0.250 ± {half:.3f}."
    (alone,) = (line for line in findings(surface([[[[0.1]], [[0.3]]]])) if "per doubling" in line)
    assert alone == "Accuracy per doubling of bytes, over cells: a +0.200."


def test_a_gigaflop_in_bytes_is_the_ratio_of_the_slopes() -> None:
    # 1 kB more buys .02, 1 GFLOP more .04: it replaces 2 kB.
    seeds = np.array([0.0, 0.01, -0.01])
    values = np.array([[[0.5 + seeds, 0.54 + seeds], [0.52 + seeds, 0.56 + seeds]]])
    rate = exchange_rate(surface(values), 0, 0, 0)
    assert rate.value == pytest.approx(2000)
    assert (rate.low, rate.high) == pytest.approx((2000, 2000))


def test_bytes_that_buy_nothing_have_no_rate_of_exchange() -> None:
    # Both 1 kB and 1 GFLOP more lose accuracy, whose ratio is positive but no exchange.
    values = np.array([[[[0.5, 0.51], [0.46, 0.47]], [[0.48, 0.49], [0.44, 0.45]]]])
    assert np.isnan(exchange_rate(surface(values), 0, 0, 0).value)


def test_the_interval_of_a_ratio_has_the_ratios_that_a_t_test_does_not_refuse() -> None:
    draw = np.random.default_rng(0)
    above, below = 3 + draw.normal(0, 0.3, 6), 2 + draw.normal(0, 0.2, 6)
    ratio = ratio_of_means(above, below)
    for end in (ratio.low, ratio.high):
        assert stats.ttest_1samp(above - end * below, 0).pvalue == pytest.approx(0.05)
    assert ratio.low < ratio.value == above.mean() / below.mean() < ratio.high
    unknown = ratio_of_means(above, np.array([-1.0, 1, -1, 1, -1, 1.2]))
    assert (unknown.low, unknown.high) == (-np.inf, np.inf)


def test_retraining_is_ahead_from_where_it_crosses_and_stays() -> None:
    method, joint = [0.5, 0.6, 0.6], [0.4, 0.5, 0.8]
    values = np.array([[method], [joint]])[..., None]
    # Behind by .1 at 2, ahead by .2 at 4: a third of the doubling.
    crossing = break_even(surface(values), 0, 1, 0)
    assert (crossing.value, crossing.overtakes) == (pytest.approx(2 * 2 ** (1 / 3)), True)
    assert np.isnan(crossing.low + crossing.high), "one seed"
    assert np.isnan(break_even(surface(values), 1, 0, 0).value)
    always = break_even(surface(values[[1, 0]] + [[[[0.0]]], [[[-1.0]]]]), 1, 0, 0)
    assert (always.value, always.overtakes) == (1, False)


def test_a_crossing_has_the_computations_at_which_the_seeds_do_not_tell_the_lead_from_0() -> None:
    """Three seeds cross at 1.5, 2 and 2.5 doublings, on lines of one slope.

    So the lead at x is x - 2 on average, and its standard error .5 / sqrt(3) everywhere.
    """
    x = np.arange(5.0)
    lead = x[:, None] - np.array([1.5, 2.0, 2.5])
    half = stats.t.ppf(0.975, 2) * 0.5 / np.sqrt(3)
    low, high = crossing_interval(lead, x, 2.0)
    assert (low, high) == pytest.approx((2 ** (2 - half), 2 ** (2 + half)), rel=0.01)
    assert crossing_interval(lead[1:4], x[1:4], 2.0) == (-np.inf, np.inf), "beyond the budgets"
    values = np.stack([np.zeros((1, 5, 3)), lead[None]])
    (line,) = [
        each for each in findings(surface(values, names=("er", "joint"))) if "overtakes" in each
    ]
    assert line == (
        f"Joint retraining at 1 kB overtakes er at 4 x fine-tuning [{low:.2g}, {high:.2g}]."
    )
    (line,) = [
        each
        for each in findings(surface(values[:, :, 1:4], names=("er", "joint")))
        if "overtakes" in each
    ]
    assert line.endswith("overtakes er at 2 x fine-tuning [below 1, above 4].")


def test_an_open_end_is_named_by_the_budgets_that_both_methods_fit() -> None:
    """er fits 2 to 8 of 1 to 16 x; seeds lead by -1 and .8 at 2 x, .6, -.4 at 4 x, 2, 0 at 8 x."""
    lead = np.full((5, 2), np.nan)
    lead[1:4] = [-1.0, 0.8], [0.6, -0.4], [2.0, 0.0]
    values = np.stack([np.where(np.isnan(lead), np.nan, 0.0)[None], np.nan_to_num(lead)[None]])
    lab = surface(values, names=("er", "joint"))
    crossing = break_even(lab, 0, 1, 0)
    assert (crossing.least, crossing.most) == (2, 8)
    # Behind by .1 at 2 x and ahead by .1 at 4 x: halfway, 2 x the root of 2.
    (line,) = [each for each in findings(lab) if "overtakes" in each]
    assert line.endswith("overtakes er at 2.8 x fine-tuning [below 2, above 8].")


def test_a_lead_that_is_told_between_two_budgets_alone_ends_no_interval() -> None:
    """Seeds lead by -1, -1 at 1 x, 0, 2 at 2 x and 2, 0 at 4 x: their lines meet halfway, at 1.

    There the spread is 0; at both budgets the mean is 1 and half of its interval 12.7.
    """
    x, lead = np.arange(3.0), np.array([[-1.0, -1.0], [0.0, 2.0], [2.0, 0.0]])
    low, high = crossing_interval(lead, x, 0.5)
    # Up to 2 x the mean is 2 d - 1 and the standard error d, after d of the doubling.
    assert low == pytest.approx(2 ** (1 / (2 + stats.t.ppf(0.975, 1))), rel=0.01)
    assert high == np.inf
    told = np.vstack([lead, [[1.0, 1.0]]])
    # After d of the last doubling the mean is 1 and the standard error 1 - d.
    high = 2 ** (3 - 1 / stats.t.ppf(0.975, 1))
    assert crossing_interval(told, np.arange(4.0), 0.5)[1] == pytest.approx(high, rel=0.01)
    mirrored = crossing_interval(-told[::-1], np.arange(4.0), 2.5)
    assert mirrored[0] == pytest.approx(8 / high, rel=0.01), "likewise below"


def test_seeds_that_cross_at_one_place_have_that_place_as_interval() -> None:
    lead = np.array([[-0.1, -0.1], [0.2, 0.2]])
    at = 1 / 3
    assert crossing_interval(lead, np.arange(2.0), at) == pytest.approx((2**at, 2**at))


def test_the_end_of_a_curve_has_an_interval() -> None:
    values = np.array([[[[0.1, 0.2], [0.4, 0.6]]], [[[0.2, 0.2], [0.7, 0.7]]]])
    half = stats.t.ppf(0.975, 1) * 0.1
    (line,) = [each for each in findings(surface(values)) if "largest budgets" in each]
    assert line == (
        f"Accuracy at the largest budgets (1 kB and 2 x): b 0.700 ± 0.000, a 0.500 ± {half:.3f}."
    )


def test_retraining_is_compared_where_both_are_complete_and_may_fall_behind_again() -> None:
    nan = np.nan
    values = np.array([[[0.5, 0.9]], [[0.6, 0.8]], [[0.9, 0.9]], [[nan, nan]]])[..., None]
    lines = list(findings(surface(values, names=("er", "joint", "gdumb", "gem"))))
    start = "Joint retraining at 1 kB"
    assert f"{start} is behind their mean again at the most computation: er -0.100." in lines
    assert f"{start} stays behind their mean wherever both fit (least gap): gdumb -0.100." in lines
    assert not any("gem" in line for line in lines if line.startswith("Joint"))


def test_retraining_overtakes_no_method_that_does_not_fit_where_it_would_be_behind() -> None:
    """gem and ewc fit from 2 x on, icarl from 4 x on, lwf everywhere; er is ahead at 1 x."""
    accuracies = {
        "er": [0.6, 0.6, 0.6],
        "joint": [0.5, 0.7, 0.8],
        "gem": [np.nan, 0.7, 0.7],
        "icarl": [np.nan, np.nan, 0.7],
        "lwf": [0.2, 0.2, 0.2],
        "ewc": [np.nan, 0.2, 0.2],
    }
    values = np.array(list(accuracies.values()))[:, None, :, None]
    lab = surface(values, np.isnan(values[..., 0]), names=(*accuracies,))
    assert [line for line in findings(lab) if line.startswith("Joint")] == [
        # Behind by .1 at 1, ahead by .1 at 2: half of the doubling.
        "Joint retraining at 1 kB overtakes er at 1.4 x fine-tuning (one seed, so no interval).",
        "Joint retraining at 1 kB has at least their mean wherever both fit (least lead): from 2 x "
        "on gem 0.000, ewc +0.500; from 4 x on icarl +0.100; from 1 x on lwf +0.300.",
    ]


def test_a_lead_that_the_seeds_do_not_tell_is_given_with_its_interval() -> None:
    """Leads of .1 and .3 on two seeds at 1 x, and of .5 and .5 at 2 x."""
    joint, er = [[0.6, 0.8], [1.0, 1.0]], [[0.5, 0.5]] * 2
    lab = surface(np.array([[er], [joint]]), names=("er", "joint"))
    half = stats.t.ppf(0.975, 1) * 0.1
    (line,) = [each for each in findings(lab) if each.startswith("Joint")]
    assert line.endswith(f"wherever both fit (least lead): from 1 x on er +0.200 ± {half:.3f}.")


def test_a_winner_has_the_ties_that_its_seeds_do_not_tell_apart() -> None:
    noise = np.array([0.0, 0.01, -0.01, 0.02, 0.0])
    cell = [0.8 + noise, 0.799 + noise[::-1], 0.3 + 2 * noise, np.full(5, np.nan)]
    (winner,) = winner_map(surface(np.array(cell)[:, None, None]))
    assert (winner.best, winner.ties) == (0, (0, 1))
    (alone,) = winner_map(surface(np.array([[[[0.8]]], [[[0.1]]]])))
    assert alone.ties == (0, 1), "one seed tells nothing apart"
    # The differences are 0.2 and 0.19999999999999998.
    (apart,) = winner_map(surface(np.array([[0.3, 0.5], [0.1, 0.3]])[:, None, None]))
    assert apart.ties == (0,), "behind by the same on each seed"
    (alike,) = winner_map(surface(np.array([[0.3, 0.5], [0.1 + 0.2, 0.5]])[:, None, None]))
    assert len(alike.ties) == 2, "equal but for rounding"
    (empty,) = winner_map(surface(np.full((2, 1, 1, 3), np.nan)))
    assert empty.best is None


def rows() -> pd.DataFrame:
    common = {"phase": "evaluation", "benchmark": "b", "scenario": "class", "num_tasks": 2}
    cells = [
        ("er", 10.0, 1000, 0, "complete", 0.5),
        ("er", 10.0, 1000, 1, "complete", 0.7),
        ("er", 20.0, 1000, 0, "complete", 0.6),
        ("er", 20.0, 1000, 1, "stopped", None),
        ("joint", None, 1000, 0, "infeasible", None),
        ("joint", None, 1000, 1, "infeasible", None),
    ]
    names = ("method", "config.method.lam", "means_storage_bytes", "seed", "status", "acc")
    table = pd.DataFrame([dict(zip(names, cell, strict=True)) for cell in cells]).assign(**common)
    table["storage_bytes"] = [900, 990, 1000, 1000, 0, 0]
    table["storage_backbone_bytes"] = 0
    costs = {"train_flops": 3.0, "consolidate_flops": 1.0, "train_seconds": 2.0}
    costs |= {
        "consolidate_seconds": 0.5,
        "eval_seconds": 3.0,
        "eval_flops": 6,
        "inference_flops": 2,
    }
    return table.assign(sweep="s", also_in="", means_compute=2.0, means_dial="{}", **costs)


def test_a_cell_that_no_sweep_asks_for_is_not_incomplete() -> None:
    """One sweep has er and lwf at 1 kB and 1 and 2 x, another er at both and 4 kB, a row in both.

    A trial of lwf at 1 kB and 2 x is missing: its sweep has the method and both budgets.
    """
    cells = [
        ("er", 1000, 1.0, "s", ""),
        ("er", 1000, 2.0, "s", "t"),
        ("lwf", 1000, 1.0, "s", ""),
        ("er", 4000, 1.0, "t", ""),
        ("er", 4000, 2.0, "t", ""),
    ]
    names = ["method", "means_storage_bytes", "means_compute", "sweep", "also_in"]
    table = rows().iloc[[0] * len(cells)].reset_index(drop=True)
    table[names] = pd.DataFrame(cells, columns=names)
    built = build_surface("b", table, "acc")
    assert built.asked.tolist() == [[[True, True], [True, True]], [[True, True], [False, False]]]
    reasons = [empty_reason(built, (1, a, b)) for a, b in np.ndindex(2, 2)]
    assert reasons == [None, "not complete", "not asked for", "not asked for"]
    line = [*describe_volumes(built)][-1]
    assert line.endswith("; not all methods were asked for in all cells.")
    alone = replace(built, values=np.where(built.asked[..., None], 0.5, np.nan), asked=built.asked)
    alone.asked[0, 0, 0] = False
    alone.values[0, 0, 0] = np.nan  # so that no method is asked for in all cells
    assert next(describe_volumes(alone)).endswith(
        "of no method, since none was asked for in all cells."
    )
    nowhere = replace(alone, asked=np.zeros_like(alone.asked))
    empty = WinningCell((0, 0), None, ())
    unfinished = replace(built, values=np.full_like(built.values, np.nan))
    texts = [winner_text(each, empty) for each in (unfinished, nowhere)]
    assert texts == ["not complete", "not asked for"]
    values = np.random.default_rng(0).uniform(0, 1, (2, 2, 2, 3))
    assert not any("asked" in each for each in describe_volumes(surface(values)))


def test_methods_are_told_apart_by_what_differs_in_a_cell() -> None:
    built = build_surface("b", rows(), "acc")
    assert built.methods == ("er lam=10", "er lam=20", "joint")
    assert built.mean[0, 0, 0] == pytest.approx(0.6)
    assert np.isnan(built.mean[1, 0, 0]), "a seed is missing"
    assert built.infeasible[:, 0, 0].tolist() == [False, False, True]
    assert built.flops.tolist() == [[4.0]] * 3
    assert built.seconds[:2, 0, 0, 0].tolist() == [2.5, 2.5]
    assert built.carried[0, 0, 0].tolist() == [900, 990]
    costs = (built.spent, built.prediction_flops, built.prediction_seconds)
    assert [each[0, 0, 0, 0] for each in costs] == [4, 2, 1]
    sentences = list(findings(built))
    assert "Fit no cell: joint." in sentences
    assert not any(line.startswith("Above") for line in sentences)


def results_by_task(trials: pd.DataFrame, *tasks: list[tuple[int, float, float]]) -> Results:
    """Return results of trials with, for each, (bytes, FLOPs, FLOPs allowed) of its tasks."""
    trials = trials.assign(sweep="lab", trial_id=[f"t{i}" for i in range(len(trials))])
    chains = trials[["sweep", "trial_id", "seed"]].to_dict("records")
    stages = [
        chain | {"after": after, "storage_bytes": size, "train_flops": flops - 1} | allowed
        for chain, of_trial in zip(chains, tasks, strict=True)
        for after, (size, flops, most) in enumerate(of_trial, 1)
        for allowed in [{"consolidate_flops": 1.0, "means_flops": most}]
    ]
    # Stage 0 only initialises the network: it counts neither as carried nor as a task.
    stages += [{**stage, "after": 0, "storage_bytes": 9999} for stage in stages[:1]]
    return Results(trials, pd.DataFrame(), pd.DataFrame(stages))


SHRINKING = [(800, 30.0, 50.0), (1200, 20.0, 50.0), (900, 20.0, 100.0)]


def test_what_is_carried_is_the_most_after_any_task() -> None:
    """A memory of 1,200 B after task 2 is of 900 B at the end: above 1 kB; paid for, if below."""
    steady = [(900, 50.0, 50.0)] * 3
    cells = rows().iloc[:2].assign(storage_bytes=900)
    results = results_by_task(cells, SHRINKING, steady)
    (built,) = surfaces(results)
    assert built.carried.tolist() == [[[[1200, 900]]]]
    lines = [line for line in findings(built) if "budget, so" in line]
    assert lines == [f"{ABOVE}: er (1 kB and 2 x)."]
    roomy = replace(results, trials=results.trials.assign(means_storage_bytes=1500))
    # 1,200 and 900 B for 2 months at 1 a byte and month: 2,400 and 1,800 on the two seeds.
    assert trial_prices(next(surfaces(roomy)), Prices(storage=1, months=2)).tolist() == [[[2100]]]
    # Without its stages, as in tables without them, what is known is carried after the last task.
    (final,) = surfaces(Results(results.trials, pd.DataFrame(), results.stages.iloc[:0]))
    assert final.carried.tolist() == [[[[900, 900]]]]
    (one,) = surfaces(results_by_task(cells, SHRINKING, []))
    assert one.carried.tolist() == [[[[1200, 900]]]]


def test_a_task_above_its_budget_is_told_although_the_trial_is_below_that_of_all_tasks() -> None:
    """Tasks spend 60, 20 and 20 of 50 FLOPs each: 100 of 150 in sum, and 1.2 of the first."""
    tasks = [(900, 60.0, 50.0), (900, 20.0, 50.0), (900, 20.0, 50.0)]
    trial = rows().iloc[:1].assign(train_flops=97.0, consolidate_flops=3.0, means_flops=150.0)
    (built,) = surfaces(results_by_task(trial, tasks))
    figures = (built.shares, built.least_shares, built.most_shares)
    assert [each.item() for each in figures] == [100 / 150, 0.4, 1.2]
    assert f"{ABOVE}: er (1 kB and 2 x)." in [*findings(built)]
    # Tables of earlier releases have no budgets of tasks: then the trial's share is all there is.
    results = results_by_task(trial, tasks)
    older = results.stages.drop(columns="means_flops")
    (built,) = surfaces(Results(results.trials, pd.DataFrame(), older))
    assert (built.least_shares.item(), built.most_shares.item()) == (100 / 150, 100 / 150)
    assert not any(line.startswith("Above") for line in findings(built))


def test_what_is_above_a_budget_by_a_frozen_body_is_not_solved_wrongly() -> None:
    cells = rows().assign(storage_bytes=1700, storage_backbone_bytes=[700] * 2 + [699] * 4)
    lines = [line for line in findings(build_surface("b", cells, "acc")) if "Above" in line]
    assert lines == [
        f"{ABOVE}: er lam=20 (1 kB and 2 x).",
        "Above their budget by a frozen body, which `backbone: apart` leaves out: er lam=10 "
        "(1 kB and 2 x).",
    ]


def budget_rows(*cells: tuple[str, float, float]) -> pd.DataFrame:
    """Return trials of two tasks in steps of 3 examples, each at a computation, with its FLOPs.

    An example of fine-tuning costs 10 FLOPs, and so a step on each task 60.
    """
    table = rows().iloc[[0] * len(cells)].reset_index(drop=True)
    names = ("method", "means_compute", "train_flops")
    table[[*names]] = pd.DataFrame(cells, columns=names)
    table["samples"] = table["train_flops"] / 10
    return table.assign(**{"config.training.batch_size": 3}, consolidate_flops=0.0)


def spent_of_budget(built: Surface) -> list[float]:
    """Return the known shares of budgets that the trials of a surface spent."""
    return list(built.shares[np.isfinite(built.shares)])


@pytest.mark.parametrize(("spent", "above"), [(90, False), (150, False), (151, True)])
def test_a_budget_of_part_of_an_epoch_has_room_for_less_than_a_step_more_than_fine_tuning(
    spent: float, above: bool
) -> None:
    built = build_surface("b", budget_rows(("finetune", 1.5, 90), ("lwf", 1.5, spent)), "acc")
    assert spent_of_budget(built) == [90 / 150, spent / 150]
    assert any(line.startswith("Above") for line in findings(built)) == above


def test_a_budget_of_whole_epochs_tells_the_others() -> None:
    one_and_more = budget_rows(("finetune", 1.0, 80), ("finetune", 1.3, 90), ("lwf", 1.3, 105))
    built = build_surface("b", one_and_more, "acc")
    assert spent_of_budget(built) == [1, 90 / (80 * 1.3), 105 / (80 * 1.3)]
    assert f"{ABOVE}: lwf (1 kB and 1.3 x)." in [*findings(built)]


def test_a_budget_is_not_known_where_fine_tuning_spends_different_flops() -> None:
    differing = budget_rows(("finetune", 1.0, 80), ("finetune", 1.0, 90))
    assert not spent_of_budget(build_surface("b", differing, "acc"))
    assert not spent_of_budget(build_surface("b", budget_rows(("lwf", 1.0, 80)), "acc"))


def test_a_recorded_budget_is_that_of_each_seed() -> None:
    """Tasks of the second seed are larger, so that 160 of its 200 FLOPs are within its budget.

    The mean of the budgets is 150. Fine-tuning, which tells them otherwise, has no trial.
    """
    cells = budget_rows(("lwf", 1.0, 101), ("lwf", 1.0, 160), ("si", 1.0, 99), ("si", 1.0, 201))
    cells = cells.assign(seed=[0, 1, 0, 1], means_flops=[100.0, 200.0] * 2)
    built = build_surface("b", cells, "acc")
    assert built.shares[:, 0, 0].tolist() == [[1.01, 0.8], [0.99, 1.005]]
    assert built.flops.tolist() == [[150]] * 2
    lines = [line for line in findings(built) if "budget" in line]
    assert lines == [f"{ABOVE}: lwf (1 kB and 1 x), si (1 kB and 1 x)."]


def test_methods_that_leave_computation_unspent_are_named_with_their_shares() -> None:
    shares = np.array([[[0.991, 1.0]], [[0.5, np.nan]], [[0.984, 0.997]], [[np.nan, np.nan]]])
    lab = surface(np.ones((4, 1, 2, 1)), shares=shares[..., None])
    (line,) = [each for each in findings(lab) if "unspent" in each]
    assert line.endswith("over cells: b 0.50, c 0.98 to 1.00.")


@pytest.mark.parametrize(
    ("dials", "orders", "common"),
    [
        (['{"training.iterations":[3,2,1]}'] * 2, None, True),
        (['{"training.iterations":[3,2,1]}', '{"training.iterations":[2,3,1]}'], None, False),
        (["{}"] * 2, None, False),
        (['{"training.iterations":[3,2,1]}'] * 2, ["natural"] * 2, False),
        (['{"training.iterations":[3,2,1]}'] * 2, ["seeded"] * 2, True),
    ],
    ids=["one dial", "a dial for each seed", "no dial", "no budgets", "no budgets, seeded"],
)
def test_steps_are_common_to_seeds_only_where_their_tasks_differ_in_size(
    dials: list[str], orders: list[str] | None, common: bool
) -> None:
    """Tasks of 60, 40 and 20 FLOPs on one seed, of 40, 60 and 20 on the other, and as much in all.

    Args:
        dials: of both.
        orders: of classes, in tables without the budgets of tasks.
        common: whether the finding says that steps are common.
    """
    trials = rows().iloc[:2].assign(means_dial=dials, storage_bytes=900, means_flops=120.0)
    sizes = [(60.0, 40.0, 20.0), (40.0, 60.0, 20.0)]
    results = results_by_task(trials, *([(900, 10.0, size) for size in each] for each in sizes))
    if orders:
        trials = results.trials.assign(**{"config.benchmark.order": orders})
        results = Results(trials, pd.DataFrame(), results.stages.drop(columns="means_flops"))
    (line,) = [each for each in findings(next(surfaces(results))) if "unspent" in each]
    assert ("as many steps on seeds whose tasks differ in size" in line) == common
    same = results_by_task(results.trials, *([[(900, 10.0, 40.0)] * 3] * 2))
    if not orders:
        assert not next(surfaces(same)).common_steps


@pytest.mark.parametrize(("last", "common"), [(4, True), (5, False)])
def test_steps_solved_for_on_each_seed_are_not_common_though_some_seeds_agree(
    last: int, common: bool
) -> None:
    dials = [f'{{"training.iterations":[{steps}]}}' for steps in (4, 4, last)]
    trials = rows().iloc[[0, 0, 0]].reset_index(drop=True)
    trials = trials.assign(**{DIAL: dials, TASK_BUDGETS: ["[60.0]", "[61.0]", "[75.0]"]})
    assert have_common_steps(trials, pd.Series("a", trials.index)) == common


def test_a_task_whose_budget_is_mostly_unspent_is_told_beside_the_share_of_all_tasks() -> None:
    """a leaves half of one task, b is even, c leaves all; d is alike but for less than 0.05."""
    shares = np.array([[[0.995, 1.0]], [[1.0, 1.0]], [[0.9, 0.96]], [[0.95, 0.97]]])[..., None]
    least = shares - np.array([0.495, 0, 0.9, 0.04])[:, None, None, None]
    lab = surface(np.ones((4, 1, 2, 1)), shares=shares, least_shares=least)
    (line,) = [each for each in findings(lab) if "unspent" in each]
    assert line.endswith(
        "over cells: c 0.90 to 0.96 (0.00 of one task), a 1.00 (0.50 of one task), d 0.95 to 0.97."
    )


def test_a_single_seed_is_no_seeds() -> None:
    assert seed_count_text(surface([[[[0.5]]]])) == "1 seed"
    assert seed_count_text(surface([[[[0.5, 0.6]]]])) == "2 seeds"


def test_what_was_solved_for_names_no_method() -> None:
    """Bytes of pixels and examples of files are solved for, and are others in each cell."""
    cells = rows().iloc[[0, 0, 0, 0]].reset_index(drop=True)
    cells["means_storage_bytes"] = [1000, 2000] * 2
    cells["config.method.lam"] = None
    cells["config.method.codec"] = [None, None, "png", "png"]
    cells["config.method.memory_bytes"] = [900, 1900, None, None]
    cells["config.method.memory_size"] = [None, None, 3, 7]
    dials = ("bytes", 900), ("bytes", 1900), ("size", 3), ("size", 7)
    cells["means_dial"] = [f'{{"method.memory_{unit}": {value}}}' for unit, value in dials]
    assert build_surface("b", cells, "acc").methods == ("er", "er codec=png")


def test_a_budget_that_leaves_the_body_out_is_another_method() -> None:
    cells = rows().iloc[[0, 0]].reset_index(drop=True)
    cells["config.selection.means.storage_bytes"] = 1000
    cells["config.selection.means.backbone"] = [None, "apart"]
    assert build_surface("b", cells, "acc").methods == ("er", "er means.backbone=apart")
    alone = cells.assign(**{"config.selection.means.backbone": "apart"})
    assert build_surface("b", alone, "acc").methods == ("er",)


def test_results_without_means_have_no_surface() -> None:
    empty = Results(rows().iloc[:0].assign(trial_id="", sweep=""), pd.DataFrame(), pd.DataFrame())
    with pytest.raises(RepertoireError, match="no trial has means"):
        next(surfaces(empty))
