"""Sentences name the configurations that share a value, and how many they leave out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from test_surface import surface

from dashboards.report import captions, cost_captions, search_captions
from dashboards.report.ties import tie_text
from orchestrator.results.units import listed_text
from orchestrator.terminal.surface_findings import findings

pytestmark = [pytest.mark.pages]


def rows() -> pd.DataFrame:
    """Return four configurations: a and b are the best, c and d the next, and b to d cost alike."""
    return pd.DataFrame(
        {
            "label": ["a", "b", "c", "d"],
            "trial_id": ["a", "b", "c", "d"],
            "acc_mean": [0.3 + 0.6, 0.9, 0.5, 0.5],  # 0.8999999999999999 and 0.9
            "acc_ci95": 0.01,
            "storage_bytes_mean": [2e3, 1e3, 1e3, 1e3],
            "compute_flops_mean": [5e6, 5e6, 5e6, 5e6],
            "consolidate_flops_mean": 0.0,
            "forgetting_mean": [0.1, 0.1, 0.4, 0.4],
            "forgetting_ci95": float("nan"),
            "storage_model_bytes_mean": 1e3,
        }
    )


def test_the_trade_off_says_which_configurations_are_tied() -> None:
    caption = captions.trade_off(rows())
    assert caption.startswith("b (tied with a) reaches the highest ACC, 0.900 ± 0.010, with 1 kB")
    assert "Next is c (tied with d): 0.500" in caption
    assert "Storage is least with b (tied with c, d): 1 kB" in caption
    assert "Computation is least with a (tied with b, c, d): 5 MFLOP" in caption


def test_all_configurations_of_one_value_are_tied_and_none_is_next() -> None:
    caption = captions.trade_off(rows().assign(acc_mean=0.5))
    assert caption.startswith("a (tied with b, c, d) reaches the highest ACC")
    assert "Next is" not in caption
    assert cost_captions.computation(rows()) == "d (tied with a, b, c) computes 5 MFLOP."


def test_forgetting_costs_and_winners_of_a_search_are_tied_too() -> None:
    curves = pd.DataFrame({"trial_id": ["c"], "task": [1], "after": [1], "accuracy_mean": [0.9]})
    said = captions.forgetting(rows(), pd.concat([curves, curves.assign(task=2)]))
    assert said == (
        "a (tied with b) forgets least: 0.100 on average over tasks; d (tied with c) most: 0.400."
    )
    assert cost_captions.storage(rows()).startswith("a carries most: 2 kB, 2 times as much as b")
    searched = rows().assign(status="complete", selected=[True, *[False] * 3], objective=0.5)
    assert search_captions.search(searched).endswith(
        "a (tied with b, c, d) won with 0.5 (validation)."
    )


def test_of_many_names_the_number_of_the_others_is_said() -> None:
    table = pd.DataFrame({"label": [*"abcdefg"], "acc_mean": 0.5})
    assert tie_text(table, "acc_mean", table.iloc[0]) == " (tied with b, c, d, e and 2 more)"
    assert listed_text(["x"], 3) == "x"
    assert listed_text([], 3) == ""


def test_all_methods_that_are_tied_in_a_cell_are_named() -> None:
    """With one seed nothing is told apart: seven methods are the best of the only cell."""
    names = tuple(f"m{i}" for i in range(7))
    values = np.linspace(0.9, 0.3, 7)[:, None, None, None]
    lines = [line for line in findings(surface(values, names=names)) if "ties" in line]
    each = ", ".join(f"{name} in 1" for name in names)
    assert lines == [f"1 of 1 cells are ties; among the best are {each}."]
