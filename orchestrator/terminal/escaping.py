"""Escape text of results and sweeps, so that a terminal, Markdown and Plotly show it as it is.

A label or a story of results from elsewhere may hold escape sequences, which rename a terminal's
window, colour or hide lines; marks of direction, which show text in another order; and Markdown or
HTML with links and remote pictures.
"""

from __future__ import annotations

import html
import re

from orchestrator.results.addresses import show_addresses

# C0 without tab and newline, DEL and C1; overrides and isolates of the direction of writing.
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# Underscores within a word and colons before a space are text already.
MARKDOWN_MARKS = re.compile(
    r"[\\`*\[\]~$|]|(?<![^\W_])_|_(?![^\W_])|:(?=\w)|&(?=[#\w])|^[#>+-]|(?<=^\d)[.)]"
)


def replace_controls(text: str) -> str:
    """Return text with each control character, save tabs and ends of lines, replaced."""
    return CONTROLS.sub(REPLACEMENT, text)


def join_lines(text: str) -> str:
    """Return text in one line, with single spaces between words and no control characters."""
    return replace_controls(" ".join(text.split()))


def escape_markdown(text: object) -> str:
    """Return text in one line that Markdown shows as it is; streamlit's directives are escaped too.

    An address may still become a link to itself, as GitHub's Markdown makes one of any address.
    """
    marked = MARKDOWN_MARKS.sub(r"\\\g<0>", join_lines(show_addresses(str(text))))
    # A backslash does not keep HTML from being HTML.
    return marked.replace("<", "&lt;")


def escape_plotly(text: object) -> str:
    """Return text that Plotly shows as it is, without links and tags of HTML."""
    return html.escape(replace_controls(str(text)), quote=False)
