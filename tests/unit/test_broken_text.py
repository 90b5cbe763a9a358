"""Text of a terminal that is broken between words, then after punctuation, and in no number."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len

from orchestrator.terminal.broken_text import BrokenText, break_name

NAME = (
    "mypackage.mymodule:ClassOfMyOwnMethodWithALongName another_hyperparameter=1e-05 "
    "hidden=[400, 1,200] weight_decay=-0.123456 lam=1.23457e+06"
)
NUMBERS = ["1e-05", "400", "1,200", "-0.123456", "1.23457e+06"]


@pytest.mark.parametrize("width", [12, 18, 28, 80, 200])
def test_no_letter_is_lost_no_line_is_too_wide_and_no_number_is_broken(width: int) -> None:
    lines = break_name(NAME).lines(width)
    assert "".join("".join(lines).split()) == "".join(NAME.split())
    assert max(map(cell_len, lines)) <= width
    for number in NUMBERS:
        assert any(re.search(rf"(^|[=\\[ ]){re.escape(number)}", line) for line in lines), number


def test_a_name_is_broken_after_punctuation_and_anywhere_only_if_there_is_none() -> None:
    assert break_name("er memory_size=50").lines(13) == ["er", "memory_size=", "50"]
    assert break_name("er memory_size=50").lines(14) == ["er", "memory_size=50"]
    assert break_name("x" * 20 + "-y").lines(12) == ["x" * 12, "x" * 8 + "-y"]
    assert break_name("in(brackets)|pipes&ands").lines(8) == ["in(", "brackets", ")|pipes&", "ands"]
    assert break_name("er-0477d30e lam=-1").lines(6) == ["er-", "0477d3", "0e", "lam=-1"]
    assert break_name("日本語" * 3).lines(12) == ["日本語日本語", "日本語"]


def test_a_figure_stays_with_its_name() -> None:
    figures = BrokenText([["ACC 0.5 ± 0.1   "], ["BWT –   "], ["forgetting 0.3 ± 0.1   "]])
    assert figures.lines(30) == ["ACC 0.5 ± 0.1   BWT –", "forgetting 0.3 ± 0.1"]
    assert break_name("").lines(9) == [""]
