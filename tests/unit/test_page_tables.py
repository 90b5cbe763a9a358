"""Widths of the tables on the dashboard's pages, and the HTML with which a visit begins."""

from __future__ import annotations

import pytest

from dashboards.first_page import AT_ROOT, read_first_page
from dashboards.pages.tables import LINE, ROW, WRAPPED, fitted_widths, row_height

pytestmark = [pytest.mark.slow, pytest.mark.pages]


def test_the_widest_columns_share_what_the_others_leave() -> None:
    needs, least = {"name": 500, "formula": 300, "n": 40}, {"name": 100, "formula": 60, "n": 25}
    assert fitted_widths(needs, least, 440) == {"name": 200, "formula": 200, "n": 40}
    assert fitted_widths(needs, least, 840) == needs


def test_a_column_is_as_wide_as_its_title_even_where_there_is_no_room() -> None:
    assert fitted_widths({"a": 90, "b": 50}, {"a": 80, "b": 50}, 100) == {"a": 80, "b": 50}


def test_a_row_has_the_lines_of_its_longest_text_up_to_five() -> None:
    assert [row_height(lines) for lines in (0.4, 1, 1.1)] == [ROW, ROW, WRAPPED]
    assert row_height(3.2) - row_height(2.7) == LINE
    assert row_height(9) == row_height(5)


def test_the_server_is_named_before_any_script_of_streamlit_is_loaded() -> None:
    html = read_first_page()
    assert html.count(AT_ROOT) == 1
    assert html.index(AT_ROOT) < html.index("<script", html.index(AT_ROOT) + len(AT_ROOT))
    assert html.index(AT_ROOT) < html.index('src="./static/js')
