"""Configurations that are equal apart from their benchmark; on one page they have one name."""

from __future__ import annotations

from contextlib import suppress

import pandas as pd

from orchestrator.columns import CODE
from orchestrator.hashing import canonical_json, parse_json

BENCHMARK = "benchmark"  # the section of a configuration, and the part of its code
BENCHMARK_COLUMNS = f"config.{BENCHMARK}."


def sibling_keys(rows: pd.DataFrame) -> pd.Series[str]:
    """Return for each row a text that it shares with the rows of its siblings alone.

    Args:
        rows: of the trials table, with `method` and `config`; `code` counts if there is one.
    """
    columns = ["config", CODE] if CODE in rows else ["config"]
    parts = [rows["method"].astype(str), *(_without_benchmark(rows[name]) for name in columns)]
    return pd.Series(list(map("\n".join, zip(*parts, strict=True))), rows.index, dtype=object)


def _without_benchmark(texts: pd.Series[str]) -> list[str]:
    """Return JSON texts without what they have of the benchmark; "" where there is none."""
    by_text = {text: _drop_benchmark(text) for text in texts.dropna().unique()}
    return [by_text.get(text, "") for text in texts]


def _drop_benchmark(text: str) -> str:
    with suppress(ValueError):
        content = parse_json(text)
        if isinstance(content, dict):
            return canonical_json({k: v for k, v in content.items() if k != BENCHMARK})
    return text
