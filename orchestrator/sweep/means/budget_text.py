"""Budgets of computation as text, in epochs of fine-tuning."""

from __future__ import annotations


def epochs_number(epochs: float) -> str:
    """Return a number of epochs with all its digits: `0.5`, `1,000,000`."""
    return f"{epochs:,.10g}"


def epochs_text(epochs: float) -> str:
    """Return a budget in short: `4 x`."""
    return f"{epochs_number(epochs)} x"


def fine_tuning_text(epochs: float) -> str:
    """Return a budget with its unit: `4 x fine-tuning`."""
    return f"{epochs_text(epochs)} fine-tuning"
