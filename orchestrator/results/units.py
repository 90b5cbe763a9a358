"""Numbers as text: quantities with their units, metrics, intervals and objectives.

Terminal, report, dashboard and figures format amounts, metrics and intervals with these functions.
"""

from __future__ import annotations

from math import isfinite, isnan

from orchestrator.columns import COLUMNS, METRICS
from orchestrator.columns import UNDEFINED as UNDEFINED

PREFIXES = ("", "k", "M", "G", "T", "P", "E")
OBJECTIVE = "4g"  # format of an objective, which may be a metric, or a cost of any size


def column_text(name: str, value: float) -> str:
    """Return a value of a column of the tables: a cost with its unit, or a metric."""
    return decimal_text(value) if name in METRICS else si_text(value, COLUMNS[name].unit)


def si_text(value: float, unit: str) -> str:
    """Return a quantity in three significant digits with an SI prefix: `117 kB`, `3.50 GFLOP`.

    The prefix is that of the rounded number: 999.6e3 B is `1.00 MB`.
    """
    if not isfinite(value):
        return UNDEFINED
    thousands = min(max(_exponent(value) // 3, 0), len(PREFIXES) - 1)
    return f"{three_digits(value / 1000**thousands)} {PREFIXES[thousands]}{unit}".rstrip()


def three_digits(value: float) -> str:
    """Return a number to three significant digits, without exponent: `0.250`, `3.59`, `2,845`.

    A whole number is exact, so it has no decimals: `3`. A number near zero is `<0.001`.
    """
    if not isfinite(value):
        return UNDEFINED
    if value == round(value):
        return f"{value:,.0f}"
    if abs(value) < 0.001:
        return "<0.001" if value > 0 else ">-0.001"
    return f"{value:,.{max(2 - _exponent(value), 0)}f}"


def _exponent(value: float) -> int:
    """Return the power of ten of a number once it is rounded to three significant digits."""
    return int(f"{value:.2e}".partition("e")[2])


def decimal_text(value: float, places: int = 3) -> str:
    """Return a metric, a difference or a correlation to some decimals; zero has no sign."""
    # + 0.0 turns -0.0 into 0.0.
    return UNDEFINED if isnan(value) else f"{round(value, places) + 0.0:.{places}f}"


def interval_text(mean: float, half_width: float) -> str:
    """Return `0.800 ± 0.012`; only the mean if the half-width is NaN."""
    centre = decimal_text(mean)
    return centre if isnan(mean) or isnan(half_width) else f"{centre} ± {half_width:.3f}"


def change_text(mean: float, half_width: float = float("nan")) -> str:
    """Return `+0.100 ± 0.012`; only the change if the half-width is NaN."""
    return f"{mean:+.3f}" if isnan(half_width) else f"{mean:+.3f} ± {half_width:.3f}"


def range_text(low: float, high: float) -> str:
    """Return `[-0.010, 0.020]`."""
    return UNDEFINED if isnan(low) else f"[{decimal_text(low)}, {decimal_text(high)}]"


def p_value_text(p: float) -> str:
    """Return a p-value to three decimals."""
    return "<0.001" if p < 0.001 else decimal_text(p)


def objective_text(value: float) -> str:
    """Return the value of an objective to four significant digits: `0.9173`, `1.235e+06`."""
    return UNDEFINED if isnan(value) else f"{value:.{OBJECTIVE}}"
