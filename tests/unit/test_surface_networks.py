"""Several networks in one surface: each has its own unit of computation, and its own joint."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from test_surface import rows, surface

from dashboards.charts.method_styles import method_styles
from dashboards.charts.surface.break_even import find_break_even
from orchestrator.results.surface.exchange import exchange_rate
from orchestrator.results.surface.surface import Surface, build_surface
from orchestrator.terminal.surface_budgets import networks_text
from orchestrator.terminal.surface_findings import findings

ACC = [[0.5, 0.54], [0.52, 0.56]]  # 1 kB more buys .02, twice the FLOPs .04
EPOCH = {"[20]": 1e9, "[40]": 4e9}  # FLOPs of an epoch of fine-tuning


def two_networks(recorded: bool) -> pd.DataFrame:
    """Return er and finetune of two widths at 1 and 2 kB and at 1 x and 2 x, each spending it all.

    Args:
        recorded: whether the tables have the budgets of computation.
    """
    cells = [
        {"method": method, "config.network.hidden": width, "acc": ACC[a][b], "seed": seed}
        | {"means_storage_bytes": 1000 * (a + 1), "means_compute": 1.0 + b}
        | {"train_flops": epoch * (1 + b) if method == "finetune" else 1.0}
        for method in ("finetune", "er")
        for width, epoch in EPOCH.items()
        for a, b, seed in np.ndindex(2, 2, 2)
    ]
    given = pd.DataFrame(cells)
    table = rows().iloc[[0] * len(given)].reset_index(drop=True)
    table = table.drop(columns="config.method.lam").assign(**given, consolidate_flops=0.0)
    budget = table["config.network.hidden"].map(EPOCH) * table["means_compute"]
    return table.assign(means_flops=budget) if recorded else table


@pytest.mark.parametrize("recorded", [True, False])
def test_a_gigaflop_of_each_network_is_measured_in_its_own_epochs(recorded: bool) -> None:
    """.04 for 1 GFLOP against .02 for 1 kB is 2 kB a GFLOP; of the wide network 4 GFLOP buy it."""
    built = build_surface("b", two_networks(recorded), "acc")
    names = [f"{method} hidden={width}" for method in ("finetune", "er") for width in EPOCH]
    assert list(built.methods) == names
    assert built.flops.tolist() == [[1e9, 2e9], [4e9, 8e9]] * 2
    assert built.networks == (0, 1, 0, 1)
    rates = [exchange_rate(built, names.index(f"er hidden={width}"), 0, 0) for width in EPOCH]
    assert [rate.value for rate in rates] == pytest.approx([2000, 500])


def test_the_share_that_fine_tuning_spends_is_of_the_budget_of_its_network() -> None:
    """Without recorded budgets too, although the trials of fine-tuning spend different FLOPs."""
    built = build_surface("b", two_networks(recorded=False), "acc")
    assert (built.shares[:2] == 1).all()
    assert not built.excess.any()


def test_budgets_of_several_networks_are_not_called_equal_as_plan_says() -> None:
    text = networks_text(2)
    sentence = f"T{text[1:]}."
    assert [*findings(build_surface("b", two_networks(True), "acc"))].count(sentence) == 1
    free = build_surface("b", two_networks(True).assign(means_compute=np.nan), "acc")
    assert sentence not in findings(free)
    (narrow,) = (
        rows for w, rows in two_networks(True).groupby("config.network.hidden") if "2" in w
    )
    assert sentence not in findings(build_surface("b", narrow, "acc"))


def rivals() -> Surface:
    """Return er and joint of two networks at 1, 2 and 4 x; joint overtakes er at 1.4 and 2.8 x."""
    values = [[0.6, 0.6, 0.6], [0.6, 0.6, 0.6], [0.5, 0.7, 0.8], [0.5, 0.5, 0.7]]
    return surface(
        np.array(values)[:, None, :, None],
        names=("er hidden=[20]", "er hidden=[40]", "joint hidden=[20]", "joint hidden=[40]"),
        kinds=("er", "er", "joint", "joint"),
        networks=(0, 1, 0, 1),
    )


def test_joint_retraining_is_held_against_the_methods_of_its_network() -> None:
    end = "x fine-tuning (one seed, so no interval)."
    start = "Joint retraining (joint hidden="
    assert [line for line in findings(rivals()) if line.startswith("Joint")] == [
        f"{start}[20]) at 1 kB overtakes er hidden=[20] at 1.4 {end}",
        f"{start}[40]) at 1 kB overtakes er hidden=[40] at 2.8 {end}",
    ]


def test_a_ring_is_on_the_line_of_the_joint_retraining_of_a_network() -> None:
    marks = {mark.words.split(" at ")[0]: mark for mark in find_break_even(rivals(), 0)}
    narrow = marks["joint hidden=[20] overtakes er hidden=[20]"]
    wide = marks["joint hidden=[40] overtakes er hidden=[40]"]
    assert len(marks) == 2
    assert (narrow.epochs, narrow.value) == pytest.approx((2**0.5, 0.6))
    assert (wide.epochs, wide.value) == pytest.approx((2 * 2**0.5, 0.6))


def test_every_joint_retraining_is_dashed_and_no_two_look_alike() -> None:
    drawn = rivals()
    styles = method_styles(drawn)
    assert [style.dash == "dash" for style in styles] == [False, False, True, True]
    assert len(set(styles)) == 4
