"""The code of trials, by part: it distinguishes rows, and is part of the protocol."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pandas as pd

from orchestrator.columns import CODE
from orchestrator.hashing import parse_json
from orchestrator.results.pooling import CONFIGURATION, TABLE

# Part -> its title; the method's code needs none beside the method's name.
TITLES = {
    "method": "",
    "optimizer": "optimizer ",
    "network": "network ",
    "learner": "learner ",
    "benchmark": "benchmark ",
}
# Part of the protocol -> its column; that of data is in `config.benchmark.data.digest`.
PROTOCOL_CODE = {
    "network": "network code",
    "learner": "learner version",
    "benchmark": "benchmark version",
}
SHOWN_DIGITS = 8


def has_code(rows: pd.DataFrame) -> bool:
    """Return whether the code of any row is known."""
    return CODE in rows and bool(rows[CODE].notna().any())


def fill_code(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows in which an unknown code is replaced by that of the same configuration."""
    if not has_code(rows) or rows[CODE].notna().all():
        return rows
    known = rows.groupby(CONFIGURATION, sort=False, dropna=False)[CODE].transform("first")
    return rows.assign(**{CODE: known})


def code_texts(rows: pd.DataFrame) -> pd.Series[str]:
    """Return for each row the parts of its code in which the rows differ: `code 1a2b3c4d`."""
    texts = pd.Series("", index=rows.index, dtype=object)
    if not has_code(rows):
        return texts
    parts = _split_parts(rows)
    for part, title in TITLES.items():
        if parts[part].nunique() > 1:
            texts += [f" {title}{_version_text(code)}" if code else "" for code in parts[part]]
    # Only where others are told apart by their code is it worth a word that one is not known.
    return texts.mask(parts.isna().all(axis=1), " code unknown") if texts.any() else texts


def with_protocol_code(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the columns of PROTOCOL_CODE that have several values in a setting.

    Code that is not known is that of the other rows of the same setting and network, unless they
    differ.
    """
    if not has_code(rows):
        return rows
    parts = _split_parts(rows)
    for part, column in PROTOCOL_CODE.items():
        by = [rows[name] for name in (*TABLE, *(["network"] if part == "network" else []))]
        groups = parts[part].groupby(by, sort=False, dropna=False)
        number = groups.transform("nunique")
        if (number > 1).any():
            texts = parts[part].map(_short_code, na_action="ignore")
            alone = groups.transform("first").map(_short_code, na_action="ignore")
            rows = rows.assign(**{column: texts.where(number > 1, alone).fillna("unknown")})
    return rows


def _split_parts(rows: pd.DataFrame) -> pd.DataFrame:
    by_text = {text: _read_parts(text) for text in rows[CODE].dropna().unique()}
    parts = [by_text.get(text, {}) for text in rows[CODE]]
    columns = {name: [each.get(name) for each in parts] for name in TITLES}
    return pd.DataFrame(columns, index=rows.index, dtype=object)


def _read_parts(text: str) -> Mapping[str, Any]:
    with suppress(ValueError):
        content = parse_json(text)
        return {k: str(v) for k, v in content.items()} if isinstance(content, dict) else {}
    return {}


def _short_code(code: str) -> str:
    """Return `module:Class/1a2b3c4d`."""
    name, slash, version = code.rpartition("/")
    return f"{name}{slash}{version[:SHOWN_DIGITS]}"


def _version_text(code: str) -> str:
    """Return `code 1a2b3c4d` of the user's own code, `version 2` of a built-in."""
    version = code.rpartition("/")[2]
    return f"{'version' if version.isdecimal() else 'code'} {version[:SHOWN_DIGITS]}"
