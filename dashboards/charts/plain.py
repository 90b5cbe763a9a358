"""Text of results in figures: Plotly shows it as it is, without links and tags of HTML."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import pandas as pd
import plotly.graph_objects as go

from orchestrator.terminal.escaping import escape_plotly

Draw = TypeVar("Draw", bound=Callable[..., go.Figure])
# A page looks a clicked point up by its id, and no figure shows a configuration in JSON.
KEPT = ["trial_id", "config"]


def plain_texts(draw: Draw) -> Draw:
    """Decorate the function of a chart so that the texts of its table are escaped for Plotly."""

    @wraps(draw)
    def draw_escaped(table: pd.DataFrame, *args: Any, **options: Any) -> go.Figure:
        return draw(escape_texts(table), *args, **options)

    return cast(Draw, draw_escaped)


def escape_texts(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with its texts escaped for Plotly, save those of KEPT."""
    texts = table.select_dtypes(include=["object", "string", "category"]).columns.difference(KEPT)
    return table.assign(**{name: escape_column(table[name]) for name in texts})


def escape_column(values: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column with its texts escaped for Plotly; other values stay."""
    escaped = {text: escape_plotly(text) for text in set(filter(is_text, values))}
    return values.astype(object).map(lambda value: escaped[value] if is_text(value) else value)


def is_text(value: object) -> bool:
    """Return whether a value is text."""
    return isinstance(value, str)
