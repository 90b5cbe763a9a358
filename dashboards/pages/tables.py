"""Tables of text in which no column is cut on a screen of 800 pixels: long cells have lines."""

from __future__ import annotations

from math import ceil

import pandas as pd
import streamlit as st

# Of a table on such a screen, whose filters are folded away, and the least space around the text
# of a cell, in pixels.
TABLE_WIDTH, PADDING = 764, 18
# Widths of a letter of a cell, of one of a title, in pixels; letters of a word that is not broken.
CELL_LETTER, TITLE_LETTER, LONGEST_WORD = 7.5, 6, 24
ROW, LINE, MOST_LINES = 35, 20, 5  # heights of a row and of a further line, in pixels
WRAPPED = 72  # height of a row from which on Streamlit breaks lines, in pixels
# Heights of the row of titles with the borders, and of the largest table that is shown whole.
TITLES, MOST_HEIGHT = 38, 640


def show_table(table: pd.DataFrame, key: str) -> None:
    """Show a table without its index; if it is too wide, its widest columns have lines."""
    needs = needed_widths(table)
    if sum(needs.values()) <= TABLE_WIDTH:
        st.dataframe(table, hide_index=True, key=key)
        return
    widths = fitted_widths(needs, least_widths(table))
    row = row_height(max(needs[name] / widths[name] for name in needs))
    st.dataframe(
        table,
        hide_index=True,
        key=key,
        width="stretch",
        height=table_height(len(table), row),
        column_config={name: st.column_config.Column(width=w) for name, w in widths.items()},
        row_height=row,
    )


def needed_widths(table: pd.DataFrame) -> dict[str, int]:
    """Return the width of each column in which nothing is broken."""
    cells = {str(name): [str(name), *table[name].astype(str)] for name in table}
    return {name: text_width(max(texts, key=len)) for name, texts in cells.items()}


def least_widths(table: pd.DataFrame) -> dict[str, int]:
    """Return the width of each column in which its title and no word is broken."""
    widths = {}
    for name in map(str, table):
        words = [word[:LONGEST_WORD] for text in table[name].astype(str) for word in text.split()]
        title = TITLE_LETTER * len(name) + PADDING
        widths[name] = max(title, text_width(max(words, key=len, default="")))
    return widths


def text_width(text: str) -> int:
    """Return the width of a cell with a text in one line."""
    return ceil(len(text) * CELL_LETTER) + PADDING


def fitted_widths(
    needs: dict[str, int], least: dict[str, int], table: int = TABLE_WIDTH
) -> dict[str, int]:
    """Return widths of which the largest are equal, and which add up to the table's at most.

    Args:
        needs: the width of each column in which nothing is broken.
        least: the width that each column has in any case.
        table: the width of all columns.
    """
    most = max(needs.values())
    while most and sum(widths_up_to(needs, least, most).values()) > table:
        most -= 1
    return widths_up_to(needs, least, most)


def widths_up_to(needs: dict[str, int], least: dict[str, int], most: int) -> dict[str, int]:
    """Return the needed widths, those above `most` cut down to it or to the least."""
    return {name: max(least[name], min(need, most)) for name, need in needs.items()}


def row_height(lines: float) -> int:
    """Return the height of a row whose longest text takes a number of lines."""
    whole = min(MOST_LINES, ceil(lines))
    return ROW if whole < 2 else max(WRAPPED, ROW + LINE * (whole - 1))


def table_height(num_rows: int, row: int) -> int:
    """Return the height of a table of rows of this height: of all of them, if there is room."""
    return min(MOST_HEIGHT, TITLES + num_rows * row)
