"""Numbers as text: three significant digits, the prefix that fits, one rule for trailing zeros."""

from __future__ import annotations

import numpy as np
import pytest

from orchestrator.columns import COLUMNS
from orchestrator.results.units import (
    PREFIXES,
    column_text,
    decimal_text,
    objective_text,
    si_text,
    three_digits,
)

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (117_000, "B", "117 kB"),
        (3.59e9, "FLOP", "3.59 GFLOP"),
        (3e6, "B", "3 MB"),
        (3_000_400, "B", "3.00 MB"),
        (999_499, "B", "999 kB"),
        (999.6e3, "B", "1.00 MB"),
        (9_996, "B", "10.0 kB"),
        (-999.6, "B", "-1.00 kB"),
        (0, "B", "0 B"),
        (999, "B", "999 B"),
        (0.25, "s", "0.250 s"),
        (1e-12, "B", "<0.001 B"),
        (-1e-12, "B", ">-0.001 B"),
        (5_000, "", "5 k"),
        (500, "", "500"),
        (1e22, "FLOP", "10,000 EFLOP"),
        (NAN, "B", "–"),
        (float("inf"), "B", "–"),
    ],
)
def test_a_quantity_has_three_digits_and_the_prefix_of_what_it_is_rounded_to(
    value: float, unit: str, text: str
) -> None:
    assert si_text(value, unit) == text


def test_text_reads_back_as_the_quantity_to_half_a_unit_of_the_third_digit() -> None:
    scales = {prefix: 1000.0**i for i, prefix in enumerate(PREFIXES)}
    for value in 10 ** np.random.default_rng(0).uniform(0, 20.9, 500):
        number, unit = si_text(value, "B").split()
        assert 1 <= float(number) < 1000
        assert len(number.replace(".", "")) == 3
        assert float(number) * scales[unit[:-1]] == pytest.approx(value, rel=0.0051)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1e-4, "<0.001"), (0.9996, "1.00"), (2, "2"), (9.996, "10.0"), (12345.6, "12,346")],
)
def test_a_number_in_a_fixed_unit_has_all_digits_before_the_point(value: float, text: str) -> None:
    assert three_digits(value) == text


def test_a_column_has_its_unit_a_metric_three_decimals() -> None:
    assert column_text("storage_bytes", 1500) == "1.50 kB"
    assert column_text("compute_flops", 2e9) == "2 GFLOP"
    assert column_text("seconds", 12.34) == "12.3 s"
    assert column_text("samples", 12) == "12"
    assert column_text("bwt", -0.25) == "-0.250"
    for name, column in COLUMNS.items():
        assert column_text(name, 512.0).endswith(column.unit)


def test_zero_has_no_sign_and_what_is_undefined_is_a_dash() -> None:
    assert (decimal_text(-0.0001), decimal_text(0.917, 2), decimal_text(NAN)) == (
        "0.000",
        "0.92",
        "–",
    )


def test_an_objective_has_four_digits_whether_a_metric_or_a_cost() -> None:
    assert [*map(objective_text, (0.91734, 0.5, 1234500.0, 1.5e-7, NAN))] == [
        *("0.9173", "0.5", "1.234e+06", "1.5e-07", "–")
    ]
