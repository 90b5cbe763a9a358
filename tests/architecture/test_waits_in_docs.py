"""The waits and limits that pages name are those of the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.backends.ray_health import STALL_SECONDS
from orchestrator.hashing import MAX_DEPTH, parse_json
from orchestrator.results.bucket.publisher import EVERY_SECONDS
from orchestrator.stages.storage.retry import RetryPolicy

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(
    ("page", "sentence", "values"),
    [
        (
            "cluster.md",
            "waits up to five minutes for a store that does not answer, and up to 90 seconds for a "
            "record that is not yet visible",
            (RetryPolicy().unreachable_seconds, RetryPolicy().invisible_seconds) == (300, 90),
        ),
        ("cluster.md", "with `--address` it waits for half an hour", STALL_SECONDS == 1800),
        ("cluster.md", "publishes what it changed every 15 seconds", EVERY_SECONDS == 15),
        ("security.md", "JSON: nested at most 100 deep", MAX_DEPTH == 100),
    ],
)
def test_a_page_names_the_wait_or_limit_of_the_code(page: str, sentence: str, values: bool) -> None:
    text = " ".join((DOCS / page).read_text(encoding="utf-8").split())
    assert sentence in text
    assert values


def test_json_may_be_nested_as_deep_as_the_page_says_and_no_deeper() -> None:
    assert parse_json(nest(MAX_DEPTH))
    with pytest.raises(ValueError, match="nested"):
        parse_json(nest(MAX_DEPTH + 1))


def nest(depth: int) -> str:
    return "[" * depth + "1" + "]" * depth
