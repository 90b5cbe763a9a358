"""Numbers as text: three significant digits, the prefix that fits, one rule for trailing zeros."""

from __future__ import annotations

import numpy as np
import pytest

from orchestrator.columns import COLUMNS
from orchestrator.results.units import (
    PREFIXES,
    amount_text,
    change_text,
    column_text,
    decimal_text,
    fit_prefix,
    hours_text,
    noun_text,
    objective_text,
    percent_text,
    short_number,
    si_text,
    three_digits,
    times_text,
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
    assert column_text("seconds", 3600) == "1 h 00 min"
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


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ((0.1, 0.0121), "+0.100 ± 0.012"),
        ((-0.25, NAN), "-0.250"),
        ((0.0,), "0.000"),
        ((-0.0001,), "0.000"),  # zero has no sign
        ((0.0004, 0.0), "0.000 ± 0.000"),
        ((NAN,), "–"),
        ((NAN, 0.1), "–"),
    ],
)
def test_a_change_has_a_sign_unless_it_is_zero(change: tuple[float, ...], text: str) -> None:
    assert change_text(*change) == text


def test_seconds_are_minutes_and_hours_from_a_minute_on() -> None:
    texts = {59.94: "59.9 s", 60: "1 min 00 s", 200: "3 min 20 s", 7500: "2 h 05 min"}
    assert {value: amount_text(value, "s") for value in texts} == texts
    assert (amount_text(NAN, "s"), amount_text(float("inf"), "s")) == ("–", "–")
    assert amount_text(3600, "J") == "3.60 kJ"
    assert [hours_text(s) for s in (720, 4_500_000)] == ["0.20", "1,250.00"]
    assert [noun_text(n, "node") for n in ("0", "1", "1,000")] == [
        "0 nodes",
        "1 node",
        "1,000 nodes",
    ]


def test_prices_ratios_and_shares_have_no_exponent_where_it_can_be_read_without() -> None:
    prices = {0.128: "0.128", 0.002: "0.002", 1_234_567: "1,230,000", 2.5e-6: "2.5e-06", 0: "0"}
    assert {value: short_number(value) for value in prices} == prices
    assert [times_text(r) for r in (1.615, 2.5, 3, 1_234_567)] == [
        *("1.61 times", "2.5 times", "3 times", "1,230,000 times")
    ]
    assert [percent_text(0.367), percent_text(0.367, 1), percent_text(NAN)] == ["37%", "36.7%", "–"]


def test_an_objective_has_four_digits_whether_a_metric_or_a_cost() -> None:
    assert [*map(objective_text, (0.91734, 0.5, 1234500.0, 1.5e-7, NAN))] == [
        *("0.9173", "0.5", "1.234e+06", "1.5e-07", "–")
    ]


@pytest.mark.parametrize(
    ("values", "unit", "texts"),
    [
        ((3.59e9, 10.8e9, 0.0922e9), "GFLOP", ["3.59", "10.8", "0.0922"]),  # as README has it
        ((0.0, 8.4e8), "MFLOP", ["0", "840"]),  # none reaches 1 GFLOP
        ((2.5e9, 400_000.0), "MFLOP", ["2,500", "0.400"]),  # <0.001 GFLOP
        ((12.0, 300.0), "FLOP", ["12", "300"]),
        ((NAN, 0.0), "GFLOP", ["–", "0"]),
    ],
)
def test_costs_of_a_table_have_a_unit_in_which_the_small_ones_compare(
    values: tuple[float, ...], unit: str, texts: list[str]
) -> None:
    column = fit_prefix(COLUMNS["compute_flops"], values)
    assert column.title("compute") == f"compute ({unit})"
    assert [three_digits(value / column.scale) for value in values] == texts
