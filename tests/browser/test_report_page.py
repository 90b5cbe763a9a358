"""The report as a person opens it: drawn in a browser, from a file, on a real sweep."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser, Page

from dashboards.report.__main__ import main
from orchestrator.results.averages import average_over_seeds
from orchestrator.results.comparison import comparison
from orchestrator.results.load import load
from orchestrator.results.results import Results

Scheme = Literal["light", "dark"]
OPENED = "document.body.dataset.drawn"
# What is drawn in each chart, plain arrays out of what plotly holds.
DRAWN = """charts => charts.map(chart => chart._fullData.map(trace => ({
    name: trace.name, type: trace.type, x: Array.from(trace.x), y: Array.from(trace.y),
    z: trace.z && Array.from(trace.z, row => Array.from(row)), customdata: trace.customdata,
    panel: trace.xaxis,
})))"""


# The title of each axis; what stands on an axis of names needs none.
AXES = """charts => charts.map(({_fullLayout: {_subplots, ...layout}}) => {
    const axisName = ({title, type}) => type === 'category' ? 'names' : title.text;
    const named = letter => _subplots[letter + 'axis'].map(
        id => axisName(layout[letter + 'axis' + id.slice(1)]));
    return {across: named('x'), up: named('y')};
})"""


@pytest.fixture(scope="session")
def file(results: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report on the sweep, where nothing else lies."""
    file = tmp_path_factory.mktemp("report") / "report.html"
    main([str(results), "--out", str(file)])
    return file


@pytest.fixture(scope="module")
def open_report(browser: Browser, file: Path) -> Iterator[Callable[..., Page]]:
    """Open the report; afterwards there must be no error, and nothing was asked of any network."""
    wrong: list[str] = []

    @cache
    def open_page(width: int, scheme: Scheme) -> Page:
        size = {"width": width, "height": 900}
        page = browser.new_page(viewport=size, color_scheme=scheme)
        page.on("console", lambda entry: entry.type == "error" and wrong.append(entry.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: _is_local(request.url) or wrong.append(request.url))
        page.goto(file.as_uri())
        page.wait_for_function(OPENED)
        return page

    yield open_page
    assert wrong == []


def _is_local(url: str) -> bool:
    return urlsplit(url).scheme in ("file", "blob", "data")


@pytest.fixture(scope="session")
def tables(results: Path) -> Results:
    return load(results)


@pytest.fixture(scope="session")
def rows(tables: Results) -> pd.DataFrame:
    """The first table of the page: that of the class-incremental scenario."""
    table = comparison(tables)
    return table[table["scenario"] == "class"]


def charts(page: Page) -> dict[str, list[dict[str, Any]]]:
    """Return what the charts of the first part hold, by their heading."""
    part = page.locator(".charts").first
    headings = part.locator("figure h3").all_inner_texts()
    return dict(zip(headings, part.locator(".chart").evaluate_all(DRAWN), strict=True))


def test_every_chart_is_drawn_and_every_axis_is_named(open_report: Callable[..., Page]) -> None:
    page = open_report(1280, "light")
    assert page.locator(".chart").count() == page.locator(".js-plotly-plot").count() > 20
    for axes in page.eval_on_selector_all(".chart", AXES):
        assert axes["across"]
        assert all(axes["across"])
        assert any(axes["up"])  # of panels side by side the first alone is named


def test_the_trade_off_stands_where_parquet_says(
    open_report: Callable[..., Page], rows: pd.DataFrame
) -> None:
    drawn = charts(open_report(1280, "light"))
    axes, plane = (
        drawn[name]
        for name in ("Trade-off: what it buys and what it costs", "The plane of the two costs")
    )
    storage, compute = ([t for t in axes if t["panel"] == panel] for panel in ("x", "x2"))
    for traces, across, up in (
        (storage, "storage_bytes_mean", "acc_mean"),
        (compute, "compute_flops_mean", "acc_mean"),
        (plane, "storage_bytes_mean", "compute_flops_mean"),
    ):
        points = {
            trial: (x, y)
            for trace in traces
            if trace["customdata"] and trace["name"] != "on the Pareto front"
            for trial, x, y in zip(trace["customdata"], trace["x"], trace["y"], strict=True)
        }
        assert points == {
            row["trial_id"]: pytest.approx((row[across], row[up]))
            for row in rows.to_dict("records")
        }


def test_r_and_its_columns_as_curves_are_those_of_parquet(
    open_report: Callable[..., Page], rows: pd.DataFrame, tables: Results
) -> None:
    values = charts(open_report(1280, "light"))
    for row in rows.to_dict("records"):
        seeds = [tables.r_matrix(row["trial_id"], seed) for seed in (0, 1, 2)]
        (heat,) = values[f"R of {row['label']}"]
        np.testing.assert_allclose(heat["z"], np.mean(seeds, axis=0), atol=1e-12)
        traces = values["Forgetting: each task as later ones are learned"]
        lines = learned_and_before(t for t in traces if t["name"] == row["label"])
        np.testing.assert_allclose(np.transpose(lines), heat["z"], atol=1e-12)


def learned_and_before(traces: Iterable[dict[str, Any]]) -> list[list[float]]:
    """Return the accuracies of each panel, of the line before learning and of the line after."""
    lines: dict[str, dict[int, float]] = {}
    for trace in traces:
        if len(set(trace["x"])) == len(trace["x"]):  # a band goes there and back
            line = lines.setdefault(trace["panel"], {})
            line |= dict(zip(map(round, trace["x"]), trace["y"], strict=True))
    return [[line[after] for after in sorted(line)] for line in lines.values()]


def test_bars_are_as_long_as_the_costs(
    open_report: Callable[..., Page], rows: pd.DataFrame, tables: Results
) -> None:
    bars = charts(open_report(1280, "light"))["Storage, by category"]
    totals = pd.DataFrame([dict(zip(bar["y"], bar["x"], strict=True)) for bar in bars]).sum()
    expected = rows.set_index("label")["storage_bytes_mean"]
    assert totals.to_dict() == pytest.approx(expected.to_dict())
    spent = average_over_seeds(tables.trials, ["trial_id"], ["train_flops"]).set_index("trial_id")
    (training,) = [
        b
        for b in charts(open_report(1280, "light"))["Computation, by phase"]
        if b["name"] == "training"
    ]
    assert training["x"] == pytest.approx(list(spent["train_flops_mean"][rows["trial_id"]]))


def test_the_table_says_what_compare_says(
    open_report: Callable[..., Page], rows: pd.DataFrame
) -> None:
    cells = open_report(1280, "light").locator("table").first.locator("tbody tr").all_inner_texts()
    assert [line.split("\t")[:2] for line in cells] == [
        [row["label"], f"{row['acc_mean']:.3f} ± {row['acc_ci95']:.3f}"]
        for row in rows.to_dict("records")
    ]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (800, "dark")])
def test_nothing_runs_out_of_the_page_and_ink_suits_the_paper(
    open_report: Callable[..., Page], width: int, scheme: Scheme
) -> None:
    page = open_report(width, scheme)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width
    # Nor does a table within it.
    assert page.eval_on_selector_all(
        ".scroll", "boxes => boxes.every(box => box.scrollWidth <= box.clientWidth)"
    )
    inks = page.eval_on_selector_all(
        ".chart", "charts => charts.map(chart => chart._fullLayout.font.color)"
    )
    is_light = [int(ink[1:3], 16) > 0xA0 for ink in inks]
    assert is_light == [scheme == "dark"] * len(inks)


def test_it_prints_on_paper_in_dark_ink(open_report: Callable[..., Page]) -> None:
    page = open_report(800, "dark")
    printed = page.pdf(format="A4")
    # Charts share sheets: those of a chapter, which begins one, take two fifths of one each.
    chapters, figures = (page.locator(kind).count() for kind in ("h2.chapter", ".chart"))
    assert len(re.findall(rb"/Type */Page\b", printed)) <= chapters + figures / 2.5
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    # On a sheet of A4, charts have the width of the text, and no table is wider than it.
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 703, "height": 1000})
    page.wait_for_function(
        "[...document.querySelectorAll('.chart')]"
        ".every(chart => [512, 1057].includes(chart.layout.width))"
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 703
    ink = page.locator(".chart").first.evaluate("chart => chart._fullLayout.font.color")
    assert int(ink[1:3], 16) < 0x40
