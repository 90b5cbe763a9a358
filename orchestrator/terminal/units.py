"""Numbers as text: intervals, bytes, significant digits, SI prefixes."""

from __future__ import annotations

from math import floor, isfinite, isnan, log10

from orchestrator.columns import UNDEFINED as UNDEFINED

PREFIXES = ("", "k", "M", "G", "T", "P", "E")


def interval_text(mean: float, half_width: float) -> str:
    """Return `0.800 ± 0.012`; only the mean if the half-width is NaN."""
    if isnan(mean):
        return UNDEFINED
    centre = three_decimals(mean)
    return centre if isnan(half_width) else f"{centre} ± {half_width:.3f}"


def change_text(mean: float, half_width: float) -> str:
    """Return `+0.100 ± 0.012`; only the change if the half-width is NaN."""
    return f"{mean:+.3f}" if isnan(half_width) else f"{mean:+.3f} ± {half_width:.3f}"


def three_decimals(value: float) -> str:
    """Return a number to three decimals; zero has no sign."""
    # + 0.0 turns -0.0 into 0.0.
    return UNDEFINED if isnan(value) else f"{round(value, 3) + 0.0:.3f}"


def range_text(low: float, high: float) -> str:
    """Return `[-0.010, 0.020]`."""
    return UNDEFINED if isnan(low) else f"[{three_decimals(low)}, {three_decimals(high)}]"


def p_value_text(p: float) -> str:
    """Return a p-value to three decimals."""
    return "<0.001" if p < 0.001 else three_decimals(p)


def bytes_text(size: float) -> str:
    """Return bytes in kB, MB or GB, decimal units, to three significant digits."""
    if isnan(size):
        return UNDEFINED
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if size >= scale:
            return f"{three_digits(size / scale)} {unit}"
    return f"{three_digits(size / 1e3)} kB"


def three_digits(value: float) -> str:
    """Return a non-negative number to three significant digits, without exponent."""
    if isnan(value):
        return UNDEFINED
    if 0 < value < 0.001:
        return "<0.001"
    decimals = 2 - floor(log10(value)) if value else 0
    return f"{value:,.{max(decimals, 0)}f}"


def si_text(value: float, unit: str) -> str:
    """Return three significant digits with an SI prefix: 117 kB, 3.50 GFLOP, 0.25 s."""
    if not isfinite(value):
        return UNDEFINED
    # 1e-9, since the logarithm of a power of ten may fall short of a whole number.
    thousands = min(max(floor(log10(abs(value)) / 3 + 1e-9), 0), len(PREFIXES) - 1) if value else 0
    scaled = value / 1000**thousands
    return f"{scaled:.{_decimals(scaled)}f} {PREFIXES[thousands]}{unit}"


def _decimals(value: float) -> int:
    """Return the number of decimals for three significant digits; 0 for a whole number."""
    if value == round(value):
        return 0
    return min(max(2 - floor(log10(abs(value))), 0), 6)
