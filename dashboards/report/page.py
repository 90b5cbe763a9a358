"""The HTML page of the report, from a template that loads nothing from the network."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import jinja2
import plotly.graph_objects as go
from markupsafe import Markup, escape
from plotly.offline import get_plotlyjs

from dashboards.charts.theme import label_colours, template
from dashboards.data.warehouse import Warehouse
from dashboards.report.chapter import Chapter
from dashboards.report.chapters import comparison_chapters, take_readable
from dashboards.report.means_chapters import means_chapters
from dashboards.report.missing import missing_notes
from dashboards.report.protocol import METRICS_TEXT, protocol_chapters, read_sweep_file
from dashboards.report.search_chapters import search_chapters, sharing_chapter
from dashboards.report.study import study_lines

NOTHING = Chapter("Results", ["Nothing can be shown; see above."])


def render(warehouse: Warehouse, command: str) -> str:
    """Return the report of results as one HTML document.

    Args:
        warehouse: the results.
        command: the command that writes the report, printed for the reader.
    """
    # Each part is read on its own: a damaged file costs that part and a note, not the page.
    lacking: list[str] = []
    lacking += take_readable(missing_notes(warehouse), lacking)
    study = take_readable(study_lines(warehouse), lacking)
    sections = (
        comparison_chapters,
        means_chapters,
        search_chapters,
        sharing_chapter,
        protocol_chapters,
    )
    *chapters, protocol = (take_readable(section(warehouse), lacking) for section in sections)
    shown = [chapter for section in chapters for chapter in section] or [NOTHING]
    return (
        _environment()
        .get_template("page.html")
        .render(
            title=", ".join(folder.name for folder in warehouse.folders),
            chapters=shown,
            missing=lacking,
            study=study,
            protocol=protocol,
            figures=_figures_json(shown),
            files={folder.name: read_sweep_file(folder) for folder in warehouse.folders},
            metrics=METRICS_TEXT,
            command=command,
            library=_plotly_library(),
            labels=Markup(json.dumps(label_colours())),
            light=_figure_json(go.Figure(layout=template().layout)),
            dark=_figure_json(go.Figure(layout=template(dark=True).layout)),
        )
    )


def _environment() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(
        loader=loader,
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["spread"] = _small_interval
    return environment


def _small_interval(cell: str) -> Markup:
    """Return a cell as HTML with its interval in small print."""
    mean, sign, half_width = cell.partition(" ± ")
    return Markup("{} <small>± {}</small>").format(mean, half_width) if sign else escape(mean)


def _figures_json(chapters: Sequence[Chapter]) -> str:
    """Return all charts as a JSON list, without their template; the page has the two templates."""
    bare = [
        _figure_json(go.Figure(chart.figure).update_layout(template="none"))
        for chapter in chapters
        for chart in chapter.charts
    ]
    return f"[{','.join(bare)}]"


def _figure_json(figure: go.Figure) -> str:
    """Return a figure as JSON that cannot close a script element."""
    return str(figure.to_json()).replace("<", "\\u003c")


@cache
def _plotly_library() -> str:
    """Return plotly.js, compressed (4.8 MB become 1.9 MB) and in base64.

    The level and the time are fixed, so that equal results give equal pages.
    """
    return b64encode(gzip.compress(get_plotlyjs().encode(), 9, mtime=0)).decode()
