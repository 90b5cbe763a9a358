"""Hostile text in the dashboard, in charts and in figures; hostile requests to the servers."""

from __future__ import annotations

import http.client
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import streamlit as st
from hostile_lab import ACTED_UPON, HOSTILE, write_hostile
from test_dashboard_pages import page

from dashboards import charts
from dashboards.charts.plain import escape_texts
from dashboards.data.comparing import configurations, differences
from dashboards.data.matrices import read_average_curves, read_curves
from dashboards.data.sharing import count_shared
from dashboards.data.stages import stage_rows, trial_rows
from dashboards.data.warehouse import open_results
from dashboards.figures import FIGURES, draw
from dashboards.figures.canvas import save
from dashboards.pages.app import PAGES
from orchestrator.tracking.ui import mlflow_command

pytestmark = [pytest.mark.slow, pytest.mark.pages, pytest.mark.usefixtures("no_component_search")]
PATIENCE_SECONDS = 400.0  # for servers on a machine that does other things
# Others than those of our own charts.
TAGS = re.compile(r"<(?!/?(b|br|extra)>|span style='color:transparent'>\.</span>|/span>)")
ACTIVE_MARKDOWN = re.compile(r"(?<!\\)(!?\[|\$|`|<|:(red|material))")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder whose texts are hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    write_hostile(folder / "s", complete=0.8)
    search = {"algorithm": HOSTILE, "scheduler": [HOSTILE], "metric": [HOSTILE]}
    (folder / "s" / "search.json").write_text(json.dumps(search))
    return folder


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    """Close what the pages keep open."""
    yield
    st.cache_resource.clear()


# Pages with texts of sweeps, of a search and of means; `make test-storm` goes through the others.
WORDY = ("Leaderboard", "Search", "Equal means")


@pytest.mark.parametrize(
    "title",
    [pytest.param(t, marks=[] if t in WORDY else [pytest.mark.variant]) for t in PAGES],
)
def test_no_page_has_markdown_of_a_text(hostile, title):
    shown = page(title, hostile)
    assert not shown.exception
    kinds = ("info", "warning", "error", "success", "markdown", "caption", "subheader", "metric")
    for element in (element for kind in kinds for element in shown.get(kind)):
        for text in (str(element.value), str(element.label if element.type == "metric" else "")):
            assert not ACTED_UPON.search(text)
            assert not ACTIVE_MARKDOWN.search(text.replace("`search:`", "")), text


def test_no_chart_has_html_of_a_text(hostile):
    warehouse = open_results([hostile])
    rows = configurations(warehouse)
    unlabelled = stage_rows(warehouse, "s").drop(columns="label")
    drawn = [
        charts.storage(rows),
        charts.computation(rows),
        charts.trade_off(rows),
        charts.cost_plane(rows.assign(front=True)),
        charts.forgetting(read_curves(warehouse, rows)),
        charts.average_accuracy(read_average_curves(warehouse, rows)),
        charts.differences(differences(warehouse, rows, 0, "acc")),
        charts.trial_graph(stage_rows(warehouse, "s"), escape_texts(trial_rows(warehouse, "s"))),
        charts.sharing(count_shared(warehouse)),
        charts.trial_graph(unlabelled.assign(trial_id=HOSTILE)),
    ]
    for figure in drawn:
        texts = list(strings(json.loads(figure.to_json())))
        assert not any(TAGS.search(text) or ACTED_UPON.search(text) for text in texts)
    assert sum("&lt;img src=x" in figure.to_json(engine="json") for figure in drawn) >= 5


def strings(content: object) -> Iterator[str]:
    """Yield all texts of a figure's JSON."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict | list):
        for child in content.values() if isinstance(content, dict) else content:
            yield from strings(child)


def test_ids_by_which_a_page_finds_a_clicked_point_are_kept(hostile):
    rows = configurations(open_results([hostile]))
    escaped = escape_texts(rows.assign(trial_id="<a>"))
    assert list(escaped["trial_id"]) == ["<a>"] * len(rows)
    assert list(escaped["acc_mean"]) == list(rows["acc_mean"])


@pytest.mark.filterwarnings("ignore:(Glyph|constrained_layout):UserWarning")
def test_figures_show_dollars_and_braces_as_they_are(tmp_path):
    write_hostile(tmp_path / "s", complete=1.0, seeds=1, num_tasks=2)  # few cells
    warehouse = open_results([tmp_path / "s"])
    for name in FIGURES:
        save(draw(warehouse, name), tmp_path / f"{name}.svg")
        assert "<script" not in (tmp_path / f"{name}.svg").read_text()


@pytest.mark.variant  # a font is embedded for each script of the texts
@pytest.mark.filterwarnings("ignore:(Glyph|constrained_layout):UserWarning")
def test_a_figure_as_pdf_shows_them_too(tmp_path):
    write_hostile(tmp_path / "s", complete=1.0, seeds=1, num_tasks=2)
    save(draw(open_results([tmp_path / "s"]), "costs"), tmp_path / "costs.pdf")
    assert (tmp_path / "costs.pdf").read_bytes().startswith(b"%PDF")


@contextmanager
def serve(command: list[str], port: int, path: str) -> Iterator[None]:
    """Run a server until it has answered and the block is over."""
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        # Without a limit but that of the test: a loaded machine takes minutes to import MLflow.
        while not answers(port, path):
            assert server.poll() is None
            time.sleep(0.1)
        yield
    finally:
        server.terminate()  # and its workers, which a kill would leave
        server.wait(PATIENCE_SECONDS)


def answers(port: int, path: str) -> bool:
    """Return whether a server listens and answers."""
    try:
        return status(port, path, f"127.0.0.1:{port}") > 0
    except OSError:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def status(port: int, path: str, host: str, **headers: str) -> int:
    """Return the status of the answer to a request with a Host of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    with closing(connection):
        connection.request("GET", path, headers={"Host": host, **headers})
        with connection.getresponse() as answer:
            return answer.status


@pytest.mark.timeout(PATIENCE_SECONDS)
def test_the_dashboard_answers_requests_of_the_loopback_host_and_origin_alone(hostile):
    port = free_port()
    command = [sys.executable, "-P", "-m", "dashboards.serve", str(hostile), "--port", str(port)]
    handshake = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    here, stream = f"127.0.0.1:{port}", "/_stcore/stream"
    with serve(command, port, "/"):
        assert status(port, "/", here) == status(port, "/", f"localhost:{port}") == 200
        for host in ("evil.example", f"evil.example:{port}", "localhost.evil.example", ""):
            assert status(port, "/", host) == 400
            assert status(port, stream, host, **handshake) == 400
        assert status(port, stream, here, Origin=f"http://{here}", **handshake) == 101
        assert status(port, stream, here, Origin="http://evil.example", **handshake) == 403
        assert status(port, "/", here, Origin="http://evil.example") == 403


@pytest.mark.variant
@pytest.mark.timeout(PATIENCE_SECONDS)
def test_mlflow_s_pages_answer_requests_of_the_loopback_host_alone(tmp_path):
    port = free_port()
    with serve(mlflow_command(tmp_path, port), port, "/"):
        assert status(port, "/", f"localhost:{port}") == 200
        for host in (f"evil.example:{port}", f"192.168.0.9:{port}"):
            assert status(port, "/api/2.0/mlflow/experiments/search", host) == 403
