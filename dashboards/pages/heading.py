"""The head of every page: its name, the folders, how fresh they are; and a skeleton below."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import streamlit as st

from dashboards.data.folders import newest_record
from dashboards.data.warehouse import Warehouse
from orchestrator.results.units import duration_text, noun_text
from orchestrator.terminal.escaping import escape_markdown

EVERY_SECONDS = 2.0  # between two looks at a running sweep
NARROW = 900  # pixels: a screen without room for a chart beside the filters
# Streamlit folds its sidebar away on telephones alone; a click on its button does it elsewhere.
FOLD = f"""<script>
if (innerWidth < {NARROW}) setTimeout(() =>
    document.querySelector('[data-testid=stSidebarCollapseButton] button')?.click(), 0);
</script>"""
BLOCK = '<div style="height: {height}px; margin: 12px 0; border-radius: 8px; \
background: rgba(128, 128, 128, 0.15)"></div>'
SKELETON = "".join(BLOCK.format(height=height) for height in (40, 380, 120))


@contextmanager
def placeholder() -> Iterator[None]:
    """Show grey blocks where the first page of a visit will be, until the block ends.

    On later pages the former one stays until it is replaced.
    """
    place = st.empty()
    if "visited" not in st.session_state:
        place.html(SKELETON)
    yield
    place.empty()
    st.session_state["visited"] = True


def fold_filters() -> None:
    """Fold the sidebar away at the beginning of a visit on a narrow screen."""
    if "visited" not in st.session_state:
        st.html(FOLD, unsafe_allow_javascript=True)


def show_heading(title: str) -> None:
    """Show the name of a page."""
    st.header(title, anchor=False)


def show_folders(dirs: Sequence[Path], warehouse: Warehouse) -> None:
    """Show which folders a page is of, and when their newest record was written."""
    sweeps = len(warehouse.folders)
    parts = [", ".join(escape_markdown(folder) for folder in dirs)]
    if sweeps:
        parts.append(noun_text(f"{sweeps:,}", "sweep"))
    newest = newest_record(warehouse.folders)
    if newest:
        parts.append(freshness_text(newest))
    st.caption(" · ".join(parts))


@st.fragment(run_every=EVERY_SECONDS)
def follow_folders(dirs: Sequence[Path], warehouse: Warehouse) -> None:
    """Show the folders of a page that is left open, with the present age of the newest record."""
    show_folders(dirs, warehouse)


def freshness_text(newest: float) -> str:
    """Return the time of the newest record (Unix seconds) and its age as text."""
    ago = max(0.0, time.time() - newest)  # noqa: TID251 - display
    days = f"{ago / 86400:.0f} days" if ago > 2 * 86400 else duration_text(ago)
    moment = datetime.fromtimestamp(newest).astimezone()
    return f"newest record {moment:%Y-%m-%d %H:%M}, {days} ago"
