"""The report: one page that asks for nothing, says findings in numbers, and what is missing."""

from __future__ import annotations

import json
import re
import shutil
import sys
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from forked import run_forked
from random_tables import write_random
from test_dashboard_data import SETTINGS, write_searched, write_settings
from test_dashboard_pages import CASES
from test_prices import means_folder
from test_tracking import Chain, write_folder

from dashboards.data.means import read_surfaces
from dashboards.data.scope import EVERYTHING
from dashboards.data.warehouse import open_results
from dashboards.figures import FIGURES, save_all
from dashboards.report import captions, chapters, cost_captions
from dashboards.report.__main__ import main
from dashboards.report.means_chapters import means_chapters
from dashboards.report.missing import missing_notes
from dashboards.report.page import render
from dashboards.report.protocol import protocol_chapters
from dashboards.report.search_chapters import search_chapters
from dashboards.report.study import study_lines
from orchestrator.cli import app
from orchestrator.errors import RepertoireError
from orchestrator.results.comparison import comparison
from orchestrator.results.load import load
from orchestrator.results.units import si_text
from orchestrator.terminal.rate_tables import rate_rows
from orchestrator.terminal.surface_findings import findings
from orchestrator.tracking.sync import sync
from orchestrator.tracking.target import resolve_target

pytestmark = [pytest.mark.slow, pytest.mark.pages]

SIX_MB = 6_000_000


def report(folder: Path, command: str = "repertoire report results") -> str:
    return render(open_results([folder]), command)


def prose(page: str) -> str:
    """Return what a page says outside its scripts, styles and tags."""
    bare = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", bare))


def read_json(page: str, name: str) -> Any:
    match = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page)
    assert match is not None
    return json.loads(match[1])


def numbers(values: Any) -> list[float]:
    """Return what plotly packs: the bytes of an array in base64."""
    return list(map(float, np.frombuffer(b64decode(values["bdata"]), values["dtype"])))


EVIL = "</script><script>alert(1)</script>"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of a complete sweep, in whose file someone wrote a script."""
    folder = tmp_path_factory.mktemp("results")
    write_random(folder / "s", complete=1.0)
    (folder / "s" / "sweep.yaml").write_text(f"# {EVIL}\nname: s\n")
    return folder


@pytest.fixture(scope="module")
def page(results: Path) -> str:
    """The page of these results, given for a command with the same script."""
    return report(results, command=EVIL)


@pytest.fixture
def blank_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the rendering of the page to the tests of its content."""
    monkeypatch.setattr("dashboards.report.page.render", lambda *_: "<html></html>")


WHAT_EACH_STATE_SAYS = {
    "just_begun": r"trials\.parquet is not there yet.*Nothing|No trial has completed",
    "running": r"s is still running: \d+ of \d+ trials are done, \d+ stages are to go",
    "all_failed": r"s: failed: .* seeds? \d.*: failed at random.*No trial has completed",
    "no_parquet": r"s: trials\.parquet is damaged and left out; repertoire run",
    "spoilt_pages": r"damaged|No trial has completed",
    # What cannot be read leaves the comparison standing.
    "spoilt_cells": (
        r"(?=.*reaches the highest ACC).*damaged, so not shown: .*/s/accuracy\.parquet"
    ),
    "older": r"s: written by an older version, without config",
    "nan_in_r": r"reaches the highest ACC",
    "one_task": r"There is one task, so nothing can be forgotten",
    "one_seed": r"Evaluation: 4 configurations, seeds 0\.",
    "with_search": r"Search: ewc \(sweep s\).*2 candidates, 1 stopped\. ewc lam=100 won with 0\.5",
}


def test_a_search_goes_by_the_label_of_its_method(tmp_path: Path) -> None:
    write_searched(tmp_path / "s", "EWC (ours)")
    titles = [chapter.heading for chapter in search_chapters(open_results([tmp_path]))]
    assert titles == ["Search: EWC (ours) (sweep s)"]


def test_searches_follow_one_another_on_printed_sheets(tmp_path: Path) -> None:
    for name in "abc":
        write_searched(tmp_path / name, "ewc")
    found = [chapter.continues for chapter in search_chapters(open_results([tmp_path]))]
    assert found == [False, True, True]


# What is not a number is read as what is not there: the page of the dashboard shows it.
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(*case.values, id=case.id, marks=pytest.mark.variant)
        if case.id == "nan_in_r"
        else case
        for case in CASES
        if case.id != "empty"
    ],
)
def test_results_in_any_state_give_a_report_that_says_what_is_there_and_what_is_missing(
    tmp_path: Path, make: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chapters, "MOST_EACH", 1)  # charts of the others are drawn alike
    make(tmp_path)
    text = prose(report(tmp_path))
    assert re.search(WHAT_EACH_STATE_SAYS[make.__name__], text), text
    assert "Traceback" not in text
    assert "nan" not in text.split("Protocol")[0]


def test_a_folder_without_results_is_the_user_s_mistake(tmp_path: Path) -> None:
    with pytest.raises(RepertoireError, match=r"no results here yet.*repertoire run SWEEP --out"):
        main([str(tmp_path)])
    with pytest.raises(RepertoireError, match="no such folder"):
        main([str(tmp_path / "none")])


def test_the_command_says_so_on_a_line_and_exits_with_2(tmp_path: Path) -> None:
    def command() -> None:
        sys.argv = ["repertoire", "report", str(tmp_path)]
        app.main()

    result = run_forked(command, tmp_path)
    assert result.code == 2
    assert result.stderr.startswith(f"repertoire: {tmp_path}: no results here yet")
    assert "Traceback" not in result.stderr


def test_the_page_is_whole_small_and_the_same_each_time(results: Path, page: str) -> None:
    assert len(page.encode()) < SIX_MB
    assert page == report(results, command=EVIL)
    assert "default-src 'none'" in page
    outside = re.sub(r'id="library">.*?</script>', "", page)
    assert not re.search(r"""(src|href)\s*=\s*"(?!#)|url\(|@import|https?://""", outside)


def test_the_page_begins_with_its_contents_and_what_the_study_cost(tmp_path: Path) -> None:
    folder = write_random(tmp_path / "s", complete=1.0, seeds=1)
    moment = {"updated_at": 1_800_000_000.0, "over": True, "complete": True}
    (folder / "progress.json").write_text(json.dumps(moment))
    (folder / "versions.json").write_text(json.dumps({"torch": "2.13.0", "numpy": "2.4"}))
    warehouse = open_results([tmp_path])
    stages = load(tmp_path).stages.query("after > 0").fillna({"consolidate_seconds": 0.0})
    distinct = stages.drop_duplicates("key")
    (line,) = study_lines(warehouse)
    assert line.startswith("s: last run 2027-01-15 08:00 UTC; torch 2.13.0; ")
    flops = [
        frame[["train_flops", "consolidate_flops", "eval_flops"]].sum().sum()
        for frame in (stages, distinct)
    ]
    whole, part = (si_text(value, "FLOP") for value in flops)
    assert f" stages asked for, {len(stages)} of them trained ({whole}), " in line
    assert f"{len(distinct)} of them distinct ({part}): " in line
    page = render(warehouse, "repertoire report")
    places = re.findall(r'href="#([\w-]+)"', page)
    assert len(places) >= 2
    assert all(f'id="{place}"' in page for place in places)
    assert line in prose(page)


def test_the_charts_on_the_page_stand_at_the_figures_of_the_comparison(
    results: Path, page: str
) -> None:
    table = comparison(load(results)).set_index("trial_id")
    axes, plane = read_json(page, "figures")[:2]
    places = {
        trial: (x, y)
        for trace in plane["data"]
        if "customdata" in trace and "Pareto" not in trace["name"]
        for trial, x, y in zip(
            trace["customdata"], numbers(trace["x"]), numbers(trace["y"]), strict=True
        )
    }
    assert places == {
        trial: pytest.approx((row["storage_bytes_mean"], row["compute_flops_mean"]))
        for trial, row in table.iterrows()
    }
    for axis, cost in (("x", "storage_bytes_mean"), ("x2", "compute_flops_mean")):
        points = [t for t in axes["data"] if t["xaxis"] == axis and "customdata" in t]
        places = {
            trial: (x, y)
            for t in points
            for trial, x, y in zip(t["customdata"], numbers(t["x"]), numbers(t["y"]), strict=True)
        }
        assert places == {
            trial: pytest.approx((row[cost], row["acc_mean"])) for trial, row in table.iterrows()
        }


def test_the_table_on_the_page_has_a_row_for_each_configuration(results: Path, page: str) -> None:
    rows = re.findall(r"<tr><td>(.*?)</td><td>(\S+) <small>± (\S+)</small>", page)
    assert rows == [
        (row["label"], f"{row['acc_mean']:.3f}", f"{row['acc_ci95']:.3f}")
        for row in comparison(load(results)).to_dict("records")
    ]


def test_of_many_configurations_the_best_are_kept_and_the_page_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chapters, "MOST_ROWS", 3)
    monkeypatch.setattr(chapters, "MOST_EACH", 2)
    write_random(tmp_path / "s", complete=1.0)
    (chapter,) = chapters.comparison_chapters(open_results([tmp_path]))
    best = comparison(load(tmp_path)).sort_values("acc_mean", ascending=False)["label"]
    assert {row[0] for row in chapter.rows[1:]} == set(best[:3])
    assert {chart.heading for chart in chapter.charts if chart.half} == {
        f"R of {x}" for x in best[:2]
    }
    assert list(chapter.sentences) == [
        "These are the 3 of highest ACC; repertoire compare has 4.",
        "Charts of single configurations show the 2 of highest ACC.",
    ]


def test_what_stands_in_a_sweep_file_cannot_become_part_of_the_page(page: str) -> None:
    assert EVIL not in page
    assert page.count("&lt;script&gt;alert(1)") == 2


def test_the_protocol_says_seeds_spaces_the_rule_and_the_versions(tmp_path: Path) -> None:
    folder = write_searched(tmp_path / "s")
    document = {
        "algorithm": "random",
        "scheduler": "asha",
        "metric": ["acc"],
        "mode": ["max"],
        "seeds": [100],
        "num_trials": 2,
        "groups": {"ewc": {"space": {"lam": {"uniform": [1, 9]}}, "winner": ["ewc-lam100"]}},
    }
    (folder / "search.json").write_text(json.dumps(document))
    (folder / "versions.json").write_text(json.dumps({"torch": "2.13.0"}))
    (chapter,) = protocol_chapters(open_results([tmp_path]))
    assert list(chapter.sentences) == [
        "Evaluation: 2 configurations, seeds 0, 1, 2.",
        "Search: 2 configurations, seeds 0, 1, 2.",
        "Selection: max acc on validation data at full depth, mean over seeds 100; 2 candidates "
        "each by random, scheduler asha. Only winners are evaluated on test data.",
        "Space of ewc: lam uniform(1, 9). Winner: ewc-lam100.",
        "Versions: torch 2.13.0.",
    ]


def test_trials_that_did_not_complete_are_listed_with_their_story(tmp_path: Path) -> None:
    write_random(tmp_path / "s", complete=0.0)
    trials = load(tmp_path).trials
    lines = list(missing_notes(open_results([tmp_path])))
    for status, n in trials["status"].value_counts().items():
        of_status = [line for line in lines if line.startswith(f"s: {status}: ")]
        if status == "stopped":
            trials_text = "1 trial" if n == 1 else f"{n} trials"
            assert f"({trials_text}, a seed each): stopped at random" in of_status[0]
            continue
        places = [place for line in of_status for place in PLACE.findall(line)]
        assert n == sum(len(re.findall(r"\d", seeds)) for _, seeds in places)
        assert {label for label, _ in places} <= {"finetune", "er", "ewc lam=1", "ewc lam=100"}


PLACE = re.compile(r"(?<=[:,d] )(\w+(?: lam=\d+)?) seeds? (\d(?:, \d)*(?: and \d)?)")


def test_a_sweep_that_ended_with_failures_is_over_and_counts_what_is_complete(
    tmp_path: Path,
) -> None:
    write_random(tmp_path / "s", complete=0.0)
    trials = load(tmp_path).trials["trial_id"].nunique()
    content = {"phase": "evaluation", "trials": trials, "trials_done": trials, "to_go": 24}
    (tmp_path / "s" / "progress.json").write_text(json.dumps(content | {"over": True}))
    first, *_ = missing_notes(open_results([tmp_path]))
    said = f"s is over: 0 of {trials} trials are complete, 24 stages were not computed."
    assert first == said
    # Stages that cannot run are not to go, and were not computed either.
    parts = content | {"over": True, "to_go": 20, "unreachable": 4}
    (tmp_path / "s" / "progress.json").write_text(json.dumps(parts))
    assert next(iter(missing_notes(open_results([tmp_path])))) == said


def rows(**changes: Any) -> pd.DataFrame:
    """Return joint and er, and what a frame for a caption has."""
    columns = {
        "label": ["joint", "er"],
        "trial_id": ["j", "e"],
        "n": 3,
        "acc_mean": [0.972, 0.917],
        "acc_ci95": [0.007, 0.01],
        "storage_bytes_mean": [189e3, 117e3],
        "compute_flops_mean": [10.8e9, 7.18e9],
        "forgetting_mean": [0.014, 0.083],
        "forgetting_ci95": [0.001, float("nan")],
        "storage_model_bytes_mean": [104e3, 104e3],
        "storage_raw_data_bytes_mean": [85e3, 0.0],
        "storage_buffer_bytes_mean": [0.0, 13e3],
        "consolidate_flops_mean": [0.0, 0.718e9],
    }
    return pd.DataFrame(columns | changes)


def test_the_trade_off_is_said_in_numbers() -> None:
    caption = captions.trade_off(rows(front=[True, True]))
    assert caption == (
        "joint reaches the highest ACC, 0.972 ± 0.007, with 189 kB carried between tasks and "
        "10.8 GFLOP computed. Next is er: 0.917 ± 0.010, with 117 kB carried between tasks and "
        "7.18 GFLOP computed. Storage is least with er: 117 kB, at ACC 0.917. Computation is least "
        "with er: 7.18 GFLOP, at ACC 0.917. 2 of 2 configurations are on the Pareto front of ACC, "
        "storage and computation: no other is better in one of them and better or equal in all, by "
        "intervals that do not overlap."
    )
    tested = rows(acc_p_holm=[float("nan"), 0.2], against_best=True)
    assert (
        "7.18 GFLOP computed; not significantly different on the same seeds (p = 0.200, Holm for "
        "all pairs, as the best was chosen)." in captions.trade_off(tested)
    )
    clear = rows(acc_p_holm=[float("nan"), 1e-5], against_best=True)
    assert "computed; different on the same seeds (p <0.001, Holm" in captions.trade_off(clear)


def test_costs_are_said_as_most_least_and_of_what() -> None:
    assert cost_captions.storage(rows()) == (
        "joint carries most: 189 kB, 1.62 times as much as er (117 kB). 45% of what joint carries "
        "is raw data."
    )
    assert cost_captions.computation(rows()) == (
        "joint computes most: 10.8 GFLOP, 1.5 times as much as er (7.18 GFLOP). Consolidation is "
        "10% of it for er, the largest share."
    )


def test_a_frozen_body_is_said_with_the_most_that_is_carried_without_it() -> None:
    assert cost_captions.frozen_body(rows()) == ""
    with_body = rows(
        storage_backbone_bytes_mean=[8e4, 8e4],
        storage_without_backbone_bytes_mean=[109_000.0, 37_000.0],
    )
    sentence = "A frozen, pretrained body is 80 kB of it; without the body joint carries most, "
    assert cost_captions.frozen_body(with_body) == f"{sentence}109 kB."
    assert cost_captions.storage(with_body).endswith(f"{sentence}109 kB.")
    with_body.loc[1, "storage_backbone_bytes_mean"] = float("nan")
    assert sentence in cost_captions.frozen_body(with_body)


def test_forgetting_is_said_with_what_became_of_the_first_task() -> None:
    cells = [("e", 0, 0.1), ("e", 1, 0.99), ("e", 2, 0.7), ("j", 2, 0.9)]
    curves = pd.DataFrame(cells, columns=["trial_id", "after", "accuracy_mean"]).assign(task=1)
    assert captions.forgetting(rows(), curves) == (
        "joint forgets least: 0.014 ± 0.001 on average over tasks; er most: 0.083. With er, "
        "accuracy on task 1 goes from 0.990, when it is learned, to 0.700 after 2 tasks."
    )


def test_differences_are_said_with_how_many_are_clear() -> None:
    frame = pd.DataFrame(
        {
            "label": ["er", "ewc"],
            "against": "finetune",
            "difference": [0.7, 0.01],
            "low": [0.6, -0.1],
            "high": [0.8, 0.1],
            "n": 3,
            "p_holm": [0.06, 0.9],
        }
    )
    assert captions.differences(frame, "acc") == (
        "On common seeds er has the highest difference from finetune in ACC: 0.700 [0.600, 0.800]. "
        "The 95% paired t interval excludes 0 for 1 of 2 configurations (p < 0.05, each tested "
        "alone); after Holm's correction for the 2 tests against finetune p is below 0.05 for 0."
    )


@pytest.mark.usefixtures("blank_page")
def test_the_figures_are_written_as_svg_and_pdf_the_same_bytes_each_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A PDF takes a second for its fonts, and `test_figures.py` draws each of them.
    monkeypatch.setattr("dashboards.figures.FIGURES", FIGURES[2:3])
    write_random(tmp_path / "results" / "s", complete=1.0, seeds=2, num_tasks=2)
    main([str(tmp_path / "results"), "--figures", str(tmp_path / "once")])
    expected = {f"{figure}.{kind}" for figure in FIGURES[2:3] for kind in ("svg", "pdf")}
    assert {path.name for path in (tmp_path / "once").iterdir()} == expected
    again = next(save_all(open_results([tmp_path / "results"]), tmp_path / "again"))
    assert again.read_bytes() == (tmp_path / "once" / again.name).read_bytes()
    assert f"figures: 2 files in {tmp_path / 'once'}" in capsys.readouterr().out


def test_figures_that_cannot_be_written_are_refused_before_the_report(tmp_path: Path) -> None:
    write_random(tmp_path / "results" / "s", complete=1.0, seeds=1, num_tasks=2)
    (tmp_path / "file").touch()
    with pytest.raises(RepertoireError, match=r"the figures cannot be written to .*: Not a dir"):
        main([str(tmp_path / "results"), "--figures", str(tmp_path / "file" / "x")])
    assert not (tmp_path / "results" / "report.html").exists()


@pytest.mark.usefixtures("blank_page")
def test_a_report_of_several_folders_is_one_page_in_the_first_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for number, place in enumerate(("one/a", "two/b")):
        # Other seeds of the same configurations.
        tables = write_random(tmp_path / place, seed=number, seeds=2, complete=1.0)
        file = tables / "trials.parquet"
        rows = pd.read_parquet(file)
        rows.assign(seed=rows["seed"] + 2 * number).to_parquet(file)
    main([str(tmp_path / "one"), str(tmp_path / "two")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"report: {tmp_path / 'one' / 'report.html'}")
    assert [line.partition(":")[0] for line in lines[1:]] == ["a", "b"]
    assert not (tmp_path / "two" / "report.html").exists()
    (chapter,) = chapters.comparison_chapters(open_results([tmp_path / "one", tmp_path / "two"]))
    assert {row[-1] for row in chapter.rows[1:]} == {"4"}  # seeds of both


@pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")
@pytest.mark.usefixtures("blank_page")
def test_the_report_goes_to_the_sweep_s_run_in_mlflow(
    tmp_path: Path,
    blank_database: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copy(blank_database, tmp_path / "mlflow.db")
    folder = write_folder(tmp_path / "s", Chain())
    main([str(tmp_path)])
    assert re.search(r"s: not in MLflow: .*repertoire track", capsys.readouterr().out)
    sync(folder, resolve_target(tmp_path))
    main([str(tmp_path)])
    assert "s: in MLflow (sqlite:///" in capsys.readouterr().out
    (kept,) = (tmp_path / "mlartifacts").rglob("report.html")
    assert kept.read_bytes() == (tmp_path / "report.html").read_bytes()


@pytest.mark.usefixtures("blank_page")
def test_a_report_that_out_names_is_written_through_a_link(tmp_path: Path) -> None:
    write_random(tmp_path / "results" / "s")
    (tmp_path / "latest.html").symlink_to(tmp_path / "today.html")
    main([str(tmp_path / "results"), "--out", str(tmp_path / "latest.html")])
    assert (tmp_path / "latest.html").is_symlink()
    assert "<html" in (tmp_path / "today.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("blank_page")
def test_a_report_that_cannot_be_written_is_the_user_s_mistake(tmp_path: Path) -> None:
    write_random(tmp_path / "s")
    (tmp_path / "file").write_text("")
    with pytest.raises(RepertoireError, match="the report cannot be written to"):
        main([str(tmp_path), "--out", str(tmp_path / "file" / "report.html")])


def test_the_chapter_on_equal_means_has_its_findings_and_the_lines_of_the_surface(
    tmp_path: Path,
) -> None:
    warehouse = open_results([means_folder(tmp_path / "s")])
    (surface,) = read_surfaces(warehouse, EVERYTHING)
    (chapter,) = means_chapters(warehouse)
    assert chapter.sentences == list(findings(surface))
    assert [chart.heading for chart in chapter.charts] == [
        "Who wins where",
        "Each method over the grid",
        "What bytes buy",
        "What computation buys",
        "What a doubling of bytes buys, cell by cell",
        "What it costs",
        "FLOPs and seconds",
    ]
    drawn, _, lines, _, _, prices, seconds = (chart.figure for chart in chapter.charts)
    assert list(chapter.charts[4].rows) == rate_rows(surface, "bytes")
    # 0.02 a GB for 12 months, 2 a PFLOP: 10 kB and 1 TFLOP are 2.4e-6 and 2e-3.
    assert min(prices.data[0].x) == pytest.approx(2.4e-6 + 2e-3)
    assert [row[0] for row in chapter.charts[5].rows] == ["from price", "0.002002", "0.002005"]
    assert list(seconds.data[0].y) == [1.8] * 4
    assert chapter.charts[6].caption == (
        "On not known: 4 trials with too few different costs to rank."
    )
    assert [trace.name for trace in drawn.data] == ["er"]
    line = next(trace for trace in lines.data if trace.name == "er")
    assert list(line.y) == pytest.approx(list(surface.mean[0, :, 0]))
    assert "At equal means: split_digits" in prose(render(warehouse, "repertoire report"))
    without = open_results([write_random(tmp_path / "t", complete=1.0)])
    assert list(means_chapters(without)) == []


def test_a_chapter_on_equal_means_is_on_one_setting(tmp_path: Path) -> None:
    warehouse = open_results([write_settings(tmp_path)])
    drawn = list(means_chapters(warehouse))
    assert [chapter.heading for chapter in drawn] == [f"At equal means: {s}" for s in SETTINGS]
    for chapter, options in zip(drawn, SETTINGS.values(), strict=True):
        growth, seconds = chapter.charts[-2:]
        lines = [trace for trace in growth.figure.data if trace.mode == "lines+markers"]
        tasks = list(range(1, options["num_tasks"] + 1))
        assert [list(line.x) for line in lines] == [tasks] * 8, "4 methods, bytes and FLOPs"
        assert seconds.caption.endswith("over 4 trials.")


def test_forgetting_that_is_not_measured_is_not_that_of_one_task() -> None:
    rows = pd.DataFrame({"label": ["a"], "trial_id": ["t"], "forgetting_mean": [np.nan]})
    curves = pd.DataFrame({"trial_id": ["t"] * 2, "task": [1, 2], "after": [2, 2]})
    assert "Forgetting needs every row of R" in captions.forgetting(rows, curves)
    assert "There is one task" in captions.forgetting(rows, curves[:1])
