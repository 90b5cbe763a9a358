"""Numbers as text: quantities with their units, metrics, intervals, shares, prices and objectives.

Terminal, report, dashboard and figures format what they show with these functions. Sums that add up
by hand, as those of the solver of `sweep.means`, have all their digits instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import inf, isfinite, isnan

from orchestrator.columns import COLUMNS, HOUR_SECONDS, METRICS, SCALES, Column
from orchestrator.columns import UNDEFINED as UNDEFINED

PREFIXES = ("", "k", "M", "G", "T", "P", "E")
SMALLEST = 0.001  # what is nearer to zero is shown as `<0.001`
PLACES = 3  # decimals of a metric, a difference of metrics or a correlation
METRIC_FORMAT = f".{PLACES}f"
MOST_DIGITS = 15  # that a float is sure to have
OBJECTIVE = "4g"  # format of an objective, which may be a metric, or a cost of any size


def column_text(name: str, value: float) -> str:
    """Return a value of a column of the tables: a cost with its unit, or a metric."""
    return decimal_text(value) if name in METRICS else amount_text(value, COLUMNS[name].unit)


def amount_text(value: float, unit: str) -> str:
    """Return a quantity with its unit; seconds as hours and minutes from a minute on."""
    long = unit == "s" and 60 <= value < inf
    return duration_text(value) if long else si_text(value, unit)


def bytes_text(size: float) -> str:
    """Return a number of bytes: `117 kB`."""
    return column_text("storage_bytes", size)


def flops_text(flops: float) -> str:
    """Return a number of FLOPs: `3.50 GFLOP`."""
    return column_text("compute_flops", flops)


def duration_text(seconds: float) -> str:
    """Return a duration to a second: `40 s`, `3 min 20 s`, `2 h 05 min`."""
    if not isfinite(seconds):  # of a sender's tables
        return UNDEFINED
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def noun_text(number: str, noun: str) -> str:
    """Return a number, as text, of things, in the plural unless there is one: `1 node`."""
    return f"{number} {plural(noun, number != '1')}"


def plural(noun: str, several: bool) -> str:
    """Return a noun as it stands for one thing or for several: `seed`, `seeds`."""
    return f"{noun}s" if several else noun


def listed_text(names: Sequence[str], most: int) -> str:
    """Return names as text, of more than `most` the number of the others: `er, ewc and 3 more`."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def hours_text(seconds: float) -> str:
    """Return seconds as hours in decimals, as processor time is paid: `0.20`."""
    return decimal_text(seconds / HOUR_SECONDS, 2)


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
    if abs(value) < SMALLEST:
        return "<0.001" if value > 0 else ">-0.001"
    return f"{value:,.{max(2 - _exponent(value), 0)}f}"


def three_digit_number(value: float) -> str:
    """Return a number to three significant digits as in a sweep file: `0.00238`, `47900`, `1e+06`.

    A whole number of up to six digits is exact.
    """
    exact = value == round(value) and abs(value) < 1e6
    return f"{value:.6g}" if exact else f"{float(f'{value:.3g}'):g}"


def fit_prefix(column: Column, values: Iterable[float]) -> Column:
    """Return a column with the prefix of its unit that fits all values, so that they compare.

    It is the column's own, unless all values are below 1 of that unit or one is shown as `<0.001`;
    then it is the next smaller one at which neither is so.
    """
    sizes = [abs(value) for value in values if isfinite(value) and value]
    for prefix, scale in reversed(SCALES.items()):
        fits = not sizes or (max(sizes) >= scale and min(sizes) >= scale * SMALLEST)
        if scale <= column.scale and fits:
            return replace(column, prefix=prefix)
    return replace(column, prefix="")


def _exponent(value: float) -> int:
    """Return the power of ten of a number once it is rounded to three significant digits."""
    return int(f"{value:.2e}".partition("e")[2])


def decimal_text(value: float, places: int = PLACES) -> str:
    """Return a metric, a difference or a correlation to some decimals; zero has no sign."""
    # + 0.0 turns -0.0 into 0.0.
    return UNDEFINED if isnan(value) else f"{round(value, places) + 0.0:,.{places}f}"


def signed_text(value: float) -> str:
    """Return a difference with its sign: `+0.100`, `-0.100`, `0.000`."""
    sign = "+" if round(value, PLACES) > 0 else ""
    return f"{sign}{decimal_text(value)}"


def interval_text(mean: float, half_width: float) -> str:
    """Return `0.800 ± 0.012`; only the mean if the half-width is NaN."""
    return _with_half_width(decimal_text(mean), mean, half_width)


def _with_half_width(text: str, mean: float, half_width: float) -> str:
    known = not (isnan(mean) or isnan(half_width))
    return f"{text} ± {decimal_text(half_width)}" if known else text


def change_text(mean: float, half_width: float = float("nan")) -> str:
    """Return `+0.100 ± 0.012`; only the change if the half-width is NaN."""
    return _with_half_width(signed_text(mean), mean, half_width)


def range_text(low: float, high: float) -> str:
    """Return `[-0.010, 0.020]`."""
    return UNDEFINED if isnan(low) else f"[{decimal_text(low)}, {decimal_text(high)}]"


def p_value_text(p: float) -> str:
    """Return a p-value to three decimals."""
    return "<0.001" if p < 0.001 else decimal_text(p)


def percent_text(share: float, places: int = 0) -> str:
    """Return a share of a whole in percent: `37%`."""
    return UNDEFINED if isnan(share) else f"{share:.{places}%}"


def times_text(ratio: float) -> str:
    """Return a ratio: `2.5 times`, `1,230 times`."""
    return f"{short_number(ratio)} times"


def short_number(value: float, digits: int = 3) -> str:
    """Return a price or a ratio to three significant digits: `0.5`, `1,230,000`, `2.5e-06`.

    Trailing zeros are left out, and only small numbers have an exponent.
    """
    return f"{float(f'{value:.{digits}g}'):,.15g}"


def distinct_numbers(values: Sequence[float]) -> list[str]:
    """Return prices to three significant digits, or to as many more as tell them apart."""
    texts: list[str] = []
    for digits in range(3, MOST_DIGITS + 1):
        texts = [short_number(value, digits) for value in values]
        if len({*texts}) == len({*values}):
            break
    return texts


def objective_text(value: float) -> str:
    """Return the value of an objective to four significant digits: `0.9173`, `1.235e+06`."""
    return UNDEFINED if isnan(value) else f"{value:.{OBJECTIVE}}"
