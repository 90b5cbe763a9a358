"""The dashboard as a person sees it, in a browser, on the results of a real sweep."""

from __future__ import annotations

import json
import re
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import BrowserContext
from visitor import Visitor

from dashboards.pages.app import PAGES
from orchestrator.results.comparison import comparison
from orchestrator.results.load import load
from orchestrator.results.results import Results
from orchestrator.stages.storage.lease import Leases
from orchestrator.stages.storage.store import StageStore
from orchestrator.stages.this_worker import stage_note
from orchestrator.terminal.comparison.rendering import render

COSTS = re.compile(r"\((B|FLOP|s|kB|J)\b|count|share")


@pytest.fixture(scope="session")
def tables(results: Path) -> Results:
    return load(results)


@pytest.fixture(scope="session")
def rows(tables: Results) -> pd.DataFrame:
    """The first table of the comparison: the class-incremental one."""
    table = comparison(tables)
    return table[table["table"] == 0].reset_index(drop=True)


def test_every_page_opens_says_what_is_there_and_names_its_axes(
    reader: Visitor, spare: Path
) -> None:
    num_axes = 0
    for title in PAGES:
        reader.open(title)
        text = reader.text()
        assert reader.page.get_by_role("heading", name=title, exact=True).count() == 1
        assert re.search(r"newest record 20\d\d-\d\d-\d\d \d\d:\d\d, .* ago", text), title
        assert "Trials, a seed each: 30 complete." in text, title
        assert f"{spare}: no results here yet" in text, title
        assert "Traceback" not in text, title
        assert reader.page.locator("[data-testid=stException]").count() == 0, title
        for axis, kind in reader.axes():
            num_axes += 1
            assert axis == "" or re.search(r"\w", axis), title
            if kind == "log":
                assert COSTS.search(axis), axis  # every cost has its unit
    assert num_axes > 12


def test_a_narrow_dark_screen_shows_every_page_without_scrolling_sideways(narrow: Visitor) -> None:
    for title in PAGES:
        narrow.open(title)
        too_wide = narrow.page.evaluate(
            "[document.scrollingElement, ...document.querySelectorAll('[data-testid=stMain]')]"
            ".filter(box => box.scrollWidth > box.clientWidth + 1).length"
        )
        assert too_wide == 0, title
        # The filters are folded away.
        assert narrow.page.locator("[data-testid=stSidebar][aria-expanded=true]").count() == 0
    inks = narrow.page.eval_on_selector_all(
        ".js-plotly-plot", "charts => charts.map(chart => chart._fullLayout.font.color)"
    )
    assert all(int(ink[1:3], 16) > 0xA0 for ink in inks)  # light ink on dark paper


def test_the_trade_off_stands_where_parquet_says(reader: Visitor, rows: pd.DataFrame) -> None:
    reader.open("Trade-off")
    points = [trace for trace in reader.charts()[0] if trace["customdata"]]
    for panel, cost in (("x", "storage_bytes_mean"), ("x2", "compute_flops_mean")):
        places = {
            trial: (x, y)
            for trace in points
            if trace["panel"] == panel
            for trial, x, y in zip(trace["customdata"], trace["x"], trace["y"], strict=True)
        }
        assert places == {
            row["trial_id"]: pytest.approx((row[cost], row["acc_mean"]))
            for row in rows.to_dict("records")
        }


def test_any_two_costs_and_any_metric_can_be_chosen(visitor: Visitor, rows: pd.DataFrame) -> None:
    visitor.page.get_by_role("radio", name="plane of costs").click()
    visitor.settle()
    visitor.choose("Across", "training (s)")
    visitor.choose("Colour", "BWT")
    trace = next(t for t in visitor.charts()[0] if t["colour"] and t["name"] == "er")
    own = rows[rows["method"] == "er"]
    assert trace["colour"] == pytest.approx(list(own["bwt_mean"]))
    assert trace["y"] == pytest.approx(list(own["compute_flops_mean"]))
    assert "training (s)" in {title for title, _ in visitor.axes()}
    visitor.page.reload()  # the address keeps the choices
    visitor.settle()
    assert "training (s)" in {title for title, _ in visitor.axes()}


def test_a_click_on_a_point_shows_its_configuration(visitor: Visitor) -> None:
    chart = visitor.page.locator(".js-plotly-plot").first
    # Where the point is drawn, in pixels of the window; the last trace is the last method's, er.
    x, y = chart.evaluate(
        """chart => {
            const trace = chart._fullData.findIndex(trace => trace.name === 'er');
            const {xaxis, yaxis} = chart._fullLayout, at = chart.getBoundingClientRect();
            const of = chart._fullData[trace];
            return [at.x + xaxis._offset + xaxis.d2p(of.x[1]),
                    at.y + yaxis._offset + yaxis.d2p(of.y[1])];
        }"""
    )
    visitor.page.mouse.move(x, y)
    visitor.page.wait_for_timeout(200)
    visitor.page.mouse.click(x, y)
    visitor.page.get_by_role("heading", name="er memory_size=60").wait_for()


def test_the_downloads_of_the_leaderboard_are_those_of_compare(
    reader: Visitor, rows: pd.DataFrame, tables: Results
) -> None:
    reader.open("Leaderboard")
    for name, format in (("CSV", "csv"), ("LaTeX", "latex")):
        with reader.page.expect_download() as waiting:
            reader.page.get_by_test_id("stDownloadButton").get_by_text(name).click()
        text = Path(waiting.value.path()).read_text(encoding="utf-8")
        if format == "latex":
            assert text == render(rows, "latex")
        else:
            frame = pd.read_csv(waiting.value.path())
            pd.testing.assert_frame_equal(frame, rows, check_dtype=False)


def test_the_leaderboard_shows_its_figures(reader: Visitor, rows: pd.DataFrame) -> None:
    reader.open("Leaderboard")
    grid = reader.page.locator("[data-testid=stDataFrame]").first
    grid.locator("td", has_text="joint").wait_for(state="attached")
    cells = grid.locator("td").all_text_contents()
    for row in rows.to_dict("records"):
        place = cells.index(row["label"])
        assert cells[place + 1] == f"{row['acc_mean']:.3f} ± {row['acc_ci95']:.3f}"
    scroller = grid.locator(".dvn-scroller").first
    assert scroller.evaluate("box => box.scrollWidth <= box.clientWidth")  # no column is cut


def test_the_address_keeps_order_and_filters(visitor: Visitor) -> None:
    visitor.open("Leaderboard")
    visitor.choose("Sort by", "storage")
    visitor.page.get_by_role("combobox", name="Methods").click()
    visitor.page.get_by_role("option", name="er", exact=True).click()
    visitor.page.keyboard.press("Escape")
    visitor.page.wait_for_url("**/leaderboard?*sort=storage*")
    visitor.page.wait_for_url(re.compile("filter.{1,3}method=er"))
    visitor.settle()
    cells = visitor.page.locator("[data-testid=stDataFrame]").first.locator("td")
    cells.filter(has_text="joint").first.wait_for(state="detached")
    names = [text for text in cells.all_text_contents() if text.startswith(("er", "joint"))]
    assert names == ["er memory_size=20", "er memory_size=60"]


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("leaderboard?sort=storage&names=er", "Leaderboard"),
        ("leaderboard?sort=gone&names=%22%3E%F0%9F%92%A3%25%5B(", "Leaderboard"),
        ("costs?filter+method=gone&filter+method=er", "Costs"),
        ("equal-means?metric=gone&tasks=x", "Equal means"),
        ("?view=gone&metric=%3Cscript%3E", "Trade-off"),
    ],
)
def test_an_address_with_choices_opens_its_page_without_an_error(
    light: BrowserContext, address: str, place: str, text: str
) -> None:
    visitor = Visitor(light, f"{address}/{place}")
    visitor.page.get_by_role("heading", name=text, exact=True).wait_for()
    visitor.settle()
    assert visitor.page.locator("[data-testid=stException]").count() == 0
    visitor.leave()  # where an error in the console fails


def test_r_is_drawn_as_in_parquet_mean_and_seed(
    reader: Visitor, rows: pd.DataFrame, tables: Results
) -> None:
    reader.open("R matrix")
    seeds = [tables.r_matrix(rows["trial_id"][0], seed) for seed in (0, 1, 2)]
    for option, expected in (("mean", np.mean(seeds, axis=0)), ("1", seeds[1])):
        reader.tick(option)
        ((heatmap, *_),) = reader.charts()
        assert np.array(heatmap["z"]) == pytest.approx(expected)
        acc = reader.page.locator("[data-testid=stMetric]", has_text="ACC").first.inner_text()
        assert f"{expected[-1].mean():.3f}" in acc


def test_the_cells_a_metric_reads_light_up(reader: Visitor) -> None:
    reader.open("R matrix")
    lit = """number => document.querySelector('.js-plotly-plot').layout.shapes
        .filter(shape => shape.name?.startsWith('uses')).length === number"""
    # Of five tasks: the last row; that row and the diagonal but for the corner.
    for option, number in (("ACC", 5), ("BWT", 8), ("none", 0)):
        reader.tick(option)
        reader.page.wait_for_function(lit, arg=number)


def test_the_curves_are_the_columns_of_mean_r(
    reader: Visitor, rows: pd.DataFrame, tables: Results
) -> None:
    reader.open("Forgetting")
    average, each_task = reader.charts()
    trial = rows.set_index("label")["trial_id"]["joint"]
    mean = np.mean([tables.r_matrix(trial, seed) for seed in (0, 1, 2)], axis=0)
    for task in range(5):
        panel = f"x{task + 1}" if task else "x"
        own = [t for t in each_task if (t["name"], t["panel"]) == ("joint", panel)]
        drawn = {
            round(x): y
            for t in own
            if len(set(t["x"])) == len(t["x"])  # a band goes there and back
            for x, y in zip(t["x"], t["y"], strict=True)
        }
        assert [drawn[after] for after in range(6)] == pytest.approx(list(mean[:, task]))
    line = next(t for t in reversed(average) if t["name"] == "joint")
    assert line["y"] == pytest.approx([mean[k, :k].mean() for k in range(1, 6)])


def test_the_bars_of_costs_add_up_to_the_storage(reader: Visitor, rows: pd.DataFrame) -> None:
    reader.open("Costs")
    storage, computation, _ = reader.charts()
    for chart, column in ((storage, "storage_bytes_mean"), (computation, None)):
        total = dict.fromkeys(rows["label"], 0.0)
        for bar in chart:
            for label, length in zip(bar["y"], bar["x"], strict=True):
                total[label] += length
        if column:
            assert total == pytest.approx(dict(zip(rows["label"], rows[column], strict=True)))
        assert min(total.values()) > 0


def test_a_filter_in_the_sidebar_holds_on_the_next_page(visitor: Visitor) -> None:
    visitor.page.get_by_role("combobox", name="Methods").click()
    visitor.page.get_by_role("option", name="er", exact=True).click()
    visitor.page.keyboard.press("Escape")
    visitor.settle()
    visitor.open("Costs")
    visitor.page.wait_for_function(
        "document.querySelector('.js-plotly-plot')?._fullData[0].y.length === 2"
    )
    assert visitor.charts()[0][0]["y"] == ["er memory_size=20", "er memory_size=60"]


def test_live_follows_a_sweep_without_being_asked_again(
    visitor: Visitor, spare: Path, results: Path
) -> None:
    folder = spare / "followed"
    folder.mkdir()
    now = time.time()  # noqa: TID251 - a progress file has the time in it
    text = {
        "phase": "evaluation",
        "trials": 4,
        "trials_done": 0,
        "asked_for": 20,
        "shared": 2,
        "executed": 3,
        "to_go": 15,
        "running": ["0a1b2c3d"],
        "failed": 0,
        "started_at": now - 30,
        "updated_at": now,
        "eta_seconds": 60.0,
        "over": False,
        "complete": False,
    }
    try:
        (folder / "progress.json").write_text(json.dumps(text))
        (folder / ".writer.json").write_text(json.dumps({"host": "a", "pid": 7}))
        leases = Leases((store := StageStore(str(spare / "stages"))).files, store.folder)
        note = stage_note(("followed", "er-1", 0), 2, "cpu") | {"node": "node 7"}
        leases.take("0a1b2c3d", "a/7/x", 600, note)
        visitor.page.reload()
        visitor.settle()
        visitor.open("Live")
        visitor.page.get_by_text("5 of 20 stages").wait_for()
        grid = visitor.page.locator("[data-testid=stDataFrame]").first
        grid.locator("td", has_text="node 7").wait_for(state="attached")
        assert "er-1" in grid.locator("td").all_text_contents()
        missing = visitor.page.get_by_text("followed: trials.parquet is not there yet")
        assert missing.count() == 1
        for table in (results / "small").glob("*.parquet"):
            shutil.copy(table, folder)
        missing.wait_for(state="detached")
        done = text | {"executed": 18, "to_go": 0, "over": True, "complete": True}
        (folder / "progress.json").write_text(json.dumps(done))
        visitor.page.get_by_text("20 of 20 stages").wait_for()
        visitor.page.get_by_text("Complete: every trial learned its last task.").wait_for()
    finally:
        shutil.rmtree(folder)
        shutil.rmtree(spare / "stages")


def test_a_damaged_table_is_named_and_hides_nothing_else(visitor: Visitor, spare: Path) -> None:
    file = spare / "broken" / "trials.parquet"
    file.parent.mkdir()
    try:
        file.write_bytes(b"PAR1 and then no more")
        visitor.page.reload()
        visitor.page.get_by_text("broken: trials.parquet is damaged and left out").wait_for()
        visitor.settle()
        assert "30 complete" in visitor.text()
        assert len(visitor.charts()) == 2
    finally:
        file.unlink()
        file.parent.rmdir()


def test_the_server_listens_on_the_loopback_address_alone(address: str) -> None:
    port = int(address.rpartition(":")[2])
    listening = [
        line.split()[1]
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        if line.split()[3] == "0A" and line.split()[1].endswith(f":{port:04X}")
    ]
    assert listening == [f"0100007F:{port:04X}"]
