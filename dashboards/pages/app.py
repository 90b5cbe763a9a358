"""The dashboard that `python -m dashboards.serve DIR...` serves: pages of one scope of results."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import streamlit as st

from dashboards.page import Page, open_page, show_counts
from dashboards.pages import (
    costs,
    equal_means,
    forgetting,
    leaderboard,
    live,
    r_matrix,
    search,
    trade_off,
)
from dashboards.pages.heading import (
    fold_filters,
    follow_folders,
    placeholder,
    show_folders,
    show_heading,
)
from orchestrator.errors import RepertoireError
from orchestrator.terminal.escaping import escape_markdown

PAGES: dict[str, Callable[[Page], None]] = {
    "Trade-off": trade_off.show,
    "Leaderboard": leaderboard.show,
    "R matrix": r_matrix.show,
    "Forgetting": forgetting.show,
    "Search": search.show,
    "Costs": costs.show,
    "Equal means": equal_means.show,
    "Live": live.show,
}


def main(dirs: tuple[Path, ...], first: str = "Trade-off") -> None:
    """Draw the requested page, by default `first`."""
    st.set_page_config(page_title="Repertoire", layout="wide")
    opened: list[Page] = []
    pages = [
        st.Page(
            partial(_page, title, opened),
            title=title,
            default=title == first,
            url_path=page_path(title),
        )
        for title in PAGES
    ]
    chosen = st.navigation(pages, position="top")
    show_heading(chosen.title)
    with placeholder():
        # Here and not on the pages, so that all pages share the filters of the sidebar.
        opened.append(open_page(dirs))
        fold_filters()
        (follow_folders if chosen.title == "Live" else show_folders)(dirs, opened[0].warehouse)
        chosen.run()


def page_path(title: str) -> str:
    """Return the path of a page in the address."""
    return title.lower().replace(" ", "-")


def _page(title: str, opened: Sequence[Page]) -> None:
    (page,) = opened
    try:
        show_counts(page)
        PAGES[title](page)
    except RepertoireError as error:
        st.error(escape_markdown(error))


if __name__ == "__main__":
    main(tuple(map(Path, sys.argv[1:])))
