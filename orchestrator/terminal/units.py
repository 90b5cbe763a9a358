"""Numbers as people read them: intervals, bytes, significant digits."""

from __future__ import annotations

from math import floor, isfinite, isnan, log10

from orchestrator.columns import UNDEFINED as UNDEFINED

PREFIXES = ("", "k", "M", "G", "T", "P", "E")


def interval(mean: float, half_width: float) -> str:
    """Return `0.800 ± 0.012`, without the interval where there is none."""
    if isnan(mean):
        return UNDEFINED
    centre = thousandths(mean)
    return centre if isnan(half_width) else f"{centre} ± {half_width:.3f}"


def thousandths(value: float) -> str:
    """Return a number to three decimals; what rounds to zero has no sign."""
    return UNDEFINED if isnan(value) else f"{round(value, 3) + 0.0:.3f}"


def span(low: float, high: float) -> str:
    """Return `[-0.010, 0.020]`."""
    return UNDEFINED if isnan(low) else f"[{thousandths(low)}, {thousandths(high)}]"


def p_value(p: float) -> str:
    """Return a p-value to three decimals."""
    return "<0.001" if p < 0.001 else thousandths(p)


def bytes_text(size: float) -> str:
    """Return bytes in kB, MB or GB, decimal units, to three significant digits."""
    if isnan(size):
        return UNDEFINED
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if size >= scale:
            return f"{significant(size / scale)} {unit}"
    return f"{significant(size / 1e3)} kB"


def significant(value: float) -> str:
    """Return a non-negative number to three significant digits, without exponent."""
    if isnan(value):
        return UNDEFINED
    if 0 < value < 0.001:
        return "<0.001"
    decimals = 2 - floor(log10(value)) if value else 0
    return f"{value:,.{max(decimals, 0)}f}"


def human(value: float, unit: str) -> str:
    """Return three significant digits with an SI prefix: 117 kB, 3.50 GFLOP, 0.25 s."""
    if not isfinite(value):
        return UNDEFINED
    thousands = min(max(floor(log10(abs(value)) / 3 + 1e-9), 0), len(PREFIXES) - 1) if value else 0
    scaled = value / 1000**thousands
    return f"{scaled:.{_decimals(scaled)}f} {PREFIXES[thousands]}{unit}"


def _decimals(value: float) -> int:
    """Return how many decimals give three significant digits; none for a whole number."""
    if value == round(value):
        return 0
    return min(max(2 - floor(log10(abs(value))), 0), 6)
