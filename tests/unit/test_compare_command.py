"""`repertoire compare` as a person types it, on tables made by hand."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.cli.run_report import print_report
from orchestrator.errors import RepertoireError
from orchestrator.results.tables.config_columns import with_config_columns
from orchestrator.results.tables.schemas import ACCURACY, STAGES, TRIALS
from orchestrator.results.tables.tables import Tables, write_tables
from orchestrator.terminal.console import PlainConsole

pytestmark = pytest.mark.slow

# method -> (ACC, bytes, FLOPs): gem is not on the front, nor is er without the FLOPs.
FIGURES = {
    "er": (0.8, 300, 1.0),
    "si": (0.9, 200, 9.0),
    "ewc": (0.5, 100, 5.0),
    "gem": (0.4, 400, 9.0),
}


def sweep(
    folder: Path, *, epochs: int = 1, failed: int = 0, hidden: int = 32, searched: bool = False
) -> Path:
    """Write the tables of a sweep of four methods on three seeds."""
    rows: list[dict[str, Any]] = []
    for method, (acc, storage, flops) in FIGURES.items():
        config = {
            "method": {"name": method, "lam": 10},
            "training": {"epochs": epochs},
            "network": {"name": "mlp", "hidden": [hidden]},
        }
        costs = {"storage_bytes": storage, "train_flops": flops, "consolidate_flops": 0.0}
        spent = dict.fromkeys(("train_seconds", "consolidate_seconds"), 1.0)
        rest = dict.fromkeys(("bwt", "fwt", "forgetting", "learning_accuracy"), 0.1)
        setting = {"benchmark": "split_digits", "scenario": "domain", "num_tasks": 2}
        trial = {"sweep": folder.name, "trial_id": f"{method}-{epochs}-{hidden}", "method": method}
        ending = {"phase": "evaluation", "status": "complete", "config": json.dumps(config)}
        rows += [
            {**trial, **setting, **ending, **costs, **spent, **rest}
            | {"network": "mlp", "seed": seed, "acc": acc + 0.01 * seed}
            for seed in range(3)
        ]
    if searched:
        of_ewc = [row for row in rows if row["method"] == "ewc"]
        for row in of_ewc:
            row |= {"selected": True, "group": "ewc", "story": "", "tasks_done": 2}
        loser = json.dumps({"method": {"name": "ewc", "lam": 1}})
        lost = {"phase": "search", "trial_id": "ewc-lost", "config": loser, "selected": False}
        rows.append(of_ewc[0] | lost)
    for row in rows[:failed]:
        row["status"] = "diverged"
    trials = with_config_columns(pa.Table.from_pylist(rows, schema=TRIALS))
    write_tables(Tables(trials, ACCURACY.empty_table(), STAGES.empty_table()), folder)
    return folder


def compare(*words: object) -> str:
    result = CliRunner().invoke(app, ["compare", *map(str, words)])
    if result.exception:
        raise result.exception
    return result.output


def front(text: str) -> set[str]:
    rows = csv.DictReader(io.StringIO(text))
    return {row["method"] for row in rows if row["front"] == "True"}


@pytest.mark.parametrize(
    ("words", "on_it"),
    [
        (["DIR", "--pareto"], {"er", "si", "ewc"}),
        (["--pareto", "DIR"], {"er", "si", "ewc"}),
        (["DIR", "--pareto", "acc,storage_bytes"], {"si", "ewc"}),
        (["DIR", "--pareto=acc, storage_bytes"], {"si", "ewc"}),
        (["--pareto", "acc", "DIR"], {"si"}),
    ],
)
def test_the_front_can_be_asked_for_with_and_without_metrics(
    tmp_path: Path, words: list[str], on_it: set[str]
) -> None:
    folder = str(sweep(tmp_path / "a"))
    words = [folder if word == "DIR" else word for word in words]
    assert front(compare(*words, "--format", "csv")) == on_it


def test_without_it_there_is_none(tmp_path: Path) -> None:
    assert "front" not in compare(sweep(tmp_path / "a"), "--format", "csv").splitlines()[0]


def test_a_metric_of_the_front_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RepertoireError, match="did you mean 'storage_bytes'"):
        compare(sweep(tmp_path / "a"), "--pareto", "acc,storage_byte")


def test_rows_are_held_against_the_best_or_the_one_that_is_named(tmp_path: Path) -> None:
    folder = sweep(tmp_path / "a")
    assert "ACC minus that of si, paired by seed" in compare(folder)
    assert "ACC minus that of ewc, paired by seed" in compare(folder, "--against", "ewc")
    with pytest.raises(RepertoireError, match="unknown row to compare against 'ewcc'"):
        compare(folder, "--against", "ewcc")


def test_the_table_is_as_wide_as_the_terminal_and_sorted_as_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = sweep(tmp_path / "a")
    monkeypatch.setenv("COLUMNS", "150")
    wide = compare(folder, "--sort", "acc", "--columns", "acc,bwt,forgetting,storage,la")
    rows = [line for line in wide.splitlines() if "0.100 ± 0.000" in line]
    assert [line.split()[0] for line in rows] == ["si", "er", "ewc", "gem"]
    monkeypatch.setenv("COLUMNS", "40")  # narrower than any table
    assert 40 < max(map(len, compare(folder).splitlines())) <= 80


@pytest.mark.parametrize("option", ["--sort", "--columns"])
def test_an_unknown_column_is_refused_with_all_names_that_work(tmp_path: Path, option: str) -> None:
    folder = sweep(tmp_path / "a")
    with pytest.raises(RepertoireError, match=r"unknown column .*'bogus'") as refused:
        compare(folder, option, "bogus")
    valid = str(refused.value).partition("valid: ")[2].split(", ")
    assert {"method", "n", "acc", "time", "storage", "storage_bytes", "la"} <= set(valid)
    assert "si" in compare(folder, "--columns", ",".join(valid), "--sort", "time")


def test_the_help_has_the_formats_as_whole_words_in_80_columns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    words = re.findall(r"\w+", compare("--help"))
    assert {"table", "markdown", "latex", "csv", "json", "FORMAT"} <= set(words)


def test_folders_that_are_not_comparable_are_refused_unless_forced(tmp_path: Path) -> None:
    one, other = sweep(tmp_path / "a"), sweep(tmp_path / "b", epochs=5)
    with pytest.raises(RepertoireError, match=r"training.epochs 1 \(a\), 5 \(b\)"):
        compare(one, other)
    forced = compare(one, other, "--force")
    assert "NOT COMPARABLE: training.epochs 1 (a), 5 (b)" in forced
    assert "si epochs=5" in forced
    apart = compare(tmp_path)
    assert apart.count("split_digits, domain-incremental, 2 tasks (sweep") == 2
    assert "in separate tables, since not comparable" in apart


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"hidden": 256}, r"network.hidden \[32\] \(cl \(a\)\), \[256\] \(cl \(b\)\)"),
        ({"epochs": 6}, r"training.epochs 3 \(cl \(a\)\), 6 \(cl \(b\)\)"),
    ],
)
def test_sweeps_of_one_name_under_other_protocols_are_refused(
    tmp_path: Path, other: dict[str, int], message: str
) -> None:
    one = sweep(tmp_path / "a" / "cl", epochs=3)
    two = sweep(tmp_path / "b" / "cl", **{"epochs": 3, **other})  # type: ignore[arg-type]
    with pytest.raises(RepertoireError, match=message):
        compare(one, two)
    assert "NOT COMPARABLE" in compare(one, two, "--force")


def test_the_end_of_a_run_names_the_winner_s_hyperparameters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = sweep(tmp_path / "a", searched=True)
    print_report(PlainConsole(width=200), folder, [])
    assert "chosen by the search: ewc: lam=10" in capsys.readouterr().out


def test_what_was_left_out_is_said(tmp_path: Path) -> None:
    assert "left out, by (trial, seed): 1 diverged" in compare(sweep(tmp_path / "a", failed=1))
