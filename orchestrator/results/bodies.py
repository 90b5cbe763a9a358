"""Frozen bodies that a budget of storage leaves out (`means` with `backbone: apart`)."""

from __future__ import annotations

import pandas as pd

from orchestrator.columns import LATE_STORAGE, MEANS
from orchestrator.hashing import parse_json

BODY, WITHOUT_BODY = LATE_STORAGE
BUDGET, _, DIAL = MEANS
APART = "body_apart"  # whether the budget leaves a frozen body out, see `subtract_bodies`
BODY_APART = "Bytes are those without a frozen body, which `backbone: apart` leaves out."
MEMORY = "method.memory_bytes"  # what was solved for, of a memory without files


def subtract_bodies(rows: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """Return rows whose `storage_bytes` are those that count against their budget.

    Args:
        rows: `sweep`, `storage_bytes` and WITHOUT_BODY (null in tables of releases without such
            networks) of trials; the last is dropped and APART is added.
        trials: all trials of their sweeps.
    """
    apart = rows["sweep"].isin(sweeps_apart(trials))
    without = rows[WITHOUT_BODY].fillna(rows["storage_bytes"])
    size = rows["storage_bytes"].where(~apart, without)
    return rows.drop(columns=WITHOUT_BODY).assign(storage_bytes=size, **{APART: apart})


def sweeps_apart(trials: pd.DataFrame) -> set[str]:
    """Return the sweeps whose budgets leave frozen bodies out.

    The configuration of their trials says so. In earlier tables it does not; there a trial shows it
    that has a body, and with the memory that was solved for is above its budget. No trial that
    counts its body is, and the option is of the whole sweep.
    """
    with_means = trials[trials[BUDGET].notna()]
    with_body = with_means[with_means[BODY].fillna(0) > 0]
    shown = with_body["config"].map(excludes_body).astype(bool) | is_above_by_body(with_body)
    return set(with_body.loc[shown, "sweep"])


def is_above_by_body(trials: pd.DataFrame) -> pd.Series[bool]:
    """Return whether each trial carries more than its budget, its memory as solved for."""
    memory = trials[DIAL].map(solved_memory).astype(float)
    full = trials["storage_bytes"] - trials["storage_buffer_bytes"] + memory
    return trials["storage_bytes"].where(memory.isna(), full) > trials[BUDGET]


def solved_memory(dial: object) -> float | None:
    """Return the bytes of a memory among what was solved for, JSON; None if there are none."""
    size = parse_json(dial).get(MEMORY) if isinstance(dial, str) else None
    return None if size is None else float(size)


def excludes_body(config: object) -> bool:
    """Return whether the means of a trial leave a frozen body out of the budget of storage.

    Args:
        config: of the trial, as JSON; null in some tables.
    """
    content = parse_json(config) if isinstance(config, str) else {}
    means = content.get("selection", {}).get("means", {})
    return bool(means.get("backbone") == "apart")
