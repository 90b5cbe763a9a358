"""The commands as a person types them, on a sweep that takes seconds, in this process."""

from __future__ import annotations

import csv
import importlib.metadata
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from forked import run_forked
from typer.testing import CliRunner

from methods import METHODS
from orchestrator.cli.app import app, main
from orchestrator.cli.run_report import print_report
from orchestrator.terminal.method_list import default_texts, describe_scope
from orchestrator.tracking import Target

pytestmark = pytest.mark.slow

TINY = """\
name: tiny
benchmark: {name: split_digits, scenario: class, num_tasks: 2}
network: {name: mlp, hidden: [8]}
training: {epochs: 1, batch_size: 64}
methods: [finetune, {name: er, memory_size: {grid: [10, 20]}}]
seeds: [0, 1]
"""


def invoke(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    return result.exit_code, result.output


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tiny.yaml and its results."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "tiny.yaml").write_text(TINY)
    code, output = invoke(
        "run", str(folder / "tiny.yaml"), "--out", str(folder / "results"), "--backend", "inline"
    )
    assert code == 0, output
    return folder


def test_a_plan_of_a_finished_sweep_says_that_nothing_is_left(home: Path) -> None:
    code, output = invoke("plan", str(home / "tiny.yaml"), "--out", str(home / "results"))
    figures = {
        line.split("│")[1].strip(): line.split("│")[2].strip()
        for line in output.splitlines()
        if line.count("│") == 3
    }
    assert code == 0
    # Three trials on two seeds, three stages each; stage 0 is shared by the trials of a seed.
    assert figures["stages asked for"] == "18"
    assert figures["distinct stages"] == "14"
    assert figures["in the store"] == "14"
    assert figures["stages left"] == "0"


def test_a_plan_touches_nothing(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    code, output = invoke("plan", str(tmp_path / "tiny.yaml"), "--out", str(tmp_path / "results"))
    assert code == 0
    assert "14" in output
    assert [p.name for p in tmp_path.iterdir()] == ["tiny.yaml"]


def test_a_second_run_computes_nothing_and_changes_no_byte_of_the_tables(home: Path) -> None:
    tables = sorted((home / "results" / "tiny").glob("*.parquet"))
    before = [(p.name, p.read_bytes()) for p in tables]
    code, output = invoke(
        "run",
        str(home / "tiny.yaml"),
        "--out",
        str(home / "results"),
        "--backend",
        "inline",
    )
    assert code == 0
    assert "0 stages computed" in output
    assert [(p.name, p.read_bytes()) for p in tables] == before
    assert len(before) == 3


def test_a_run_of_what_the_store_holds_imports_no_ray(home: Path, tmp_path: Path) -> None:
    def command() -> None:
        for name in [name for name in sys.modules if name.partition(".")[0] == "ray"]:
            del sys.modules[name]
        sys.modules["ray"] = None  # type: ignore[assignment]  # an import would raise
        sys.argv = [
            "repertoire",
            "run",
            str(home / "tiny.yaml"),
            "--out",
            str(home / "results"),
        ]
        main()

    ran = run_forked(command, tmp_path)
    assert (ran.code, ran.stderr) == (0, "")
    assert "nothing to compute" in ran.stdout
    assert "0 stages computed" in ran.stdout


def test_a_comparison_in_csv_and_json_holds_the_means_of_the_tables(home: Path) -> None:
    trials = pd.read_parquet(home / "results" / "tiny" / "trials.parquet")
    expected = trials.groupby("trial_id")["acc"].mean()
    code, text = invoke("compare", str(home / "results"), "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert code == 0
    assert {row["trial_id"]: float(row["acc_mean"]) for row in rows} == pytest.approx(
        dict(expected)
    )
    code, text = invoke("compare", str(home / "results"), "--format", "json")
    assert {row["trial_id"]: row["acc_mean"] for row in json.loads(text)["rows"]} == pytest.approx(
        dict(expected)
    )


@pytest.mark.parametrize(
    ("format", "mark"), [("table", "finetune"), ("markdown", "| finetune"), ("latex", "\\toprule")]
)
def test_a_comparison_for_people_names_each_configuration(
    home: Path, format: str, mark: str
) -> None:
    code, text = invoke("compare", str(home / "results"), "--format", format)
    assert code == 0
    assert mark in text
    assert "20" in text


def test_lists_name_what_a_sweep_can_name() -> None:
    for what, names in {
        "methods": ["finetune", "joint", "independent", "ewc", "er"],
        "benchmarks": ["split_digits", "permuted_fashion_mnist", "rotated_mnist", "split_cifar100"],
        "networks": ["mlp", "cnn", "resnet18"],
    }.items():
        code, output = invoke("list", what)
        assert code == 0
        assert all(name in output for name in names)
    _, output = invoke("list", "methods")  # the default that counts, also where it is set late
    assert "memory_size=500" in output
    assert "None" not in output
    _, output = invoke("list", "networks")
    assert "channels: [32, 64]" in output  # as a sweep file has it


def test_methods_are_listed_with_what_they_serve_and_the_defaults_of_each_scenario(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    assert "penalise_head=false (task, class), true (domain)" in [*default_texts(METHODS["ewc"])]
    assert "memory_size=500" in [*default_texts(METHODS["er"])]
    served_by = {name: " ".join(describe_scope(cls)) for name, cls in METHODS.items()}
    assert served_by["finetune"] == "task, domain, class images, rows"
    assert served_by["l2p"].endswith("transformers")
    assert all(served_by[name].startswith("class ") for name in ("bic", "wa"))


def test_the_next_command_of_a_first_sweep_is_read_by_a_shell_as_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, output = invoke("init", "a b: #c.yaml")
    assert code == 0
    assert shlex.split(output.partition("Next: ")[2]) == ["repertoire", "plan", "a b: #c.yaml"]
    assert "#   repertoire run 'a b: #c.yaml' " in Path("a b: #c.yaml").read_text()
    refused = CliRunner().invoke(app, ["init", "x.toml"])
    assert "x.toml: a sweep file is YAML" in str(refused.exception)
    assert not Path("x.toml").exists()


def test_the_first_sweep_can_be_planned_as_it_is_and_replaces_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    file, out = str(tmp_path / "mine.yaml"), str(tmp_path / "results")
    assert invoke("init", file) == (0, f"{file} is written. Next: repertoire plan {file}\n")
    written = Path(file).read_text()
    purposes = [line for line in written.splitlines() if line.startswith("#   repertoire")]
    assert len({len(line) - len(line[4:].partition("   ")[2].lstrip()) for line in purposes}) == 1
    refused = CliRunner().invoke(app, ["init", file])
    assert "is there already" in str(refused.exception)
    assert Path(file).read_text() == written
    code, output = invoke("plan", file, "--out", out, "--trials")
    assert code == 0
    # The setting of all; each trial with what distinguishes it, its id, seeds, and stages left.
    assert re.search(r"split_digits.*\n.*\n +stages *\n.*id +seeds +left", output)
    assert re.search(r"replay memory_size=200 +er-[0-9a-f]{16} +3 +18", output)
    # What the comments suggest is right as well.
    Path(file).write_text(
        written.replace("# search", "search").replace("lam: 1000", "lam: {loguniform: [1, 1.0e+5]}")
    )
    assert invoke("plan", file, "--out", out)[0] == 0


def test_quiet_prints_what_failed_alone_and_the_version_needs_no_command(home: Path) -> None:
    sweep, out = str(home / "tiny.yaml"), str(home / "results")
    words = ("run", sweep, "--out", out, "--backend", "inline")
    assert invoke(*words, "--quiet") == (0, "")
    refused = CliRunner().invoke(app, [*words, "--quiet", "-v"])
    assert "--quiet and --verbose exclude each other" in str(refused.exception)
    refused = CliRunner().invoke(app, [*words, "--address", "10.9.9.9:1"])
    assert "--address names a Ray cluster, and --backend inline" in str(refused.exception)
    assert "split_digits" in invoke(*words, "-v")[1]
    assert invoke("--version") == (0, f"repertoire {importlib.metadata.version('repertoire-cl')}\n")


def test_verify_finds_a_flipped_byte_and_a_run_mends_it(home: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    run = ("run", str(tmp_path / "tiny.yaml"), "--out", str(tmp_path / "r"), "--backend", "inline")
    assert invoke(*run)[0] == 0
    assert invoke("store", "verify", str(tmp_path / "r"))[0] == 0
    state = next((tmp_path / "r" / "stages").glob("*/*/state.safetensors"))
    data = bytearray(state.read_bytes())
    data[-1] ^= 1
    state.write_bytes(data)
    code, output = invoke("store", "verify", str(tmp_path / "r"))
    assert code == 1
    assert state.parent.name in output
    code, output = invoke(*run)
    assert code == 0
    assert "1 stages computed" in output
    assert state.exists()


def test_a_plan_counts_a_damaged_stage_as_left_and_leaves_it_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    words = (str(tmp_path / "tiny.yaml"), "--out", str(tmp_path / "r"))
    assert invoke("run", *words, "--backend", "inline")[0] == 0
    record = next((tmp_path / "r" / "stages").glob("*/*/record.json"))
    record.write_bytes(record.read_bytes()[:-2])
    before = sorted(p for p in (tmp_path / "r").rglob("*"))
    code, output = invoke("plan", *words)
    left = next(line for line in output.splitlines() if "stages left" in line)
    assert (code, left.split("│")[2].strip()) == (0, "1")
    assert sorted(p for p in (tmp_path / "r").rglob("*")) == before


def test_garbage_is_what_no_sweep_of_the_folder_refers_to(home: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "results", tmp_path / "r")
    (tmp_path / "more.yaml").write_text(
        TINY.replace("name: tiny", "name: more").replace("seeds: [0, 1]", "seeds: [7]")
    )
    assert (
        invoke(
            "run", str(tmp_path / "more.yaml"), "--out", str(tmp_path / "r"), "--backend", "inline"
        )[0]
        == 0
    )
    shutil.rmtree(tmp_path / "r" / "more")
    stages = tmp_path / "r" / "stages"
    before = len(list(stages.glob("*/*/record.json")))
    collect = ("store", "gc", str(tmp_path / "r"), "--older-than", "0")
    assert "would delete 0 stages" in invoke(*collect[:3], "--dry-run")[1]
    assert "would delete 7 stages" in invoke(*collect, "--dry-run")[1]
    assert len(list(stages.glob("*/*/record.json"))) == before
    code, output = invoke(*collect)
    assert "deleted 7 stages" in output
    assert f"kept: 14 stages, tiny in {tmp_path / 'r'}" in output
    assert len(list(stages.glob("*/*/record.json"))) == before - 7
    code, output = invoke(
        "run", str(home / "tiny.yaml"), "--out", str(tmp_path / "r"), "--backend", "inline"
    )
    assert (code, "0 stages computed" in output) == (0, True)


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys; import orchestrator.cli.app; "
        "heavy = {'torch', 'ray', 'mlflow', 'pandas', 'pyarrow', 'pydantic'} & set(sys.modules); "
        "print(sorted(heavy))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout == "[]\n"


@pytest.mark.parametrize(
    "command", [("compare", "nowhere"), ("track", "nowhere"), ("store", "gc", "nowhere")]
)
def test_a_folder_without_results_is_one_message_and_exit_code_2(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    def typed() -> None:
        sys.argv = ["repertoire", *command]
        main()

    ran = run_forked(typed, tmp_path)
    assert ran.code == 2
    assert "nowhere" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_imported_is_tracked_and_one_folder_stops_no_other(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """cases/05: to send results, only the section mlflow of their sweep file is needed."""
    for name, text in {
        "broken": "mlflow: {uri: 'ftp://x'}",
        "foreign": "methods: ['gone:Mine']",
        "last": "methods: [finetune]",
    }.items():
        shutil.copytree(home / "results" / "tiny", tmp_path / name)
        (tmp_path / name / "tracking.json").unlink(missing_ok=True)
        (tmp_path / name / "sweep.yaml").write_text(text)
    sent: list[str] = []

    def sync(folder: Path, target: Target, **how: object) -> str:
        sent.append(folder.name)
        return "up to date"

    monkeypatch.setattr("orchestrator.cli.run.sync", sync)
    monkeypatch.setenv("COLUMNS", "200")
    code, output = invoke("track", str(tmp_path))
    assert (code, sent) == (1, ["foreign", "last"])
    lines = output.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["broken", "foreign", "last"]
    assert "ftp://x" in lines[0]


def test_markup_in_a_label_is_printed_as_it_is_at_the_end_of_a_run(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestrator.terminal.console import PlainConsole

    monkeypatch.setattr(
        "orchestrator.cli.run_report.render_first", lambda *_, **__: "ewc note=[a] [/x] [bold]\n"
    )
    console = PlainConsole(file=io.StringIO(), width=80)
    print_report(console, home / "results" / "tiny", ["Next: [/y]"])
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert "ewc note=[a] [/x] [bold]\n" in printed
    assert "Next: [/y]" in printed


def test_a_folder_without_a_store_is_refused_and_not_called_whole(tmp_path):
    result = CliRunner().invoke(app, ["store", "verify", str(tmp_path)])
    assert "has no stage store" in str(result.exception)


@pytest.mark.parametrize(
    ("words", "mistake"),
    [
        ("run", "missing argument 'SWEEP'"),
        ("run x.yaml --backend foo", "'foo' is not one of 'inline', 'ray'"),
        ("compar", "no such command 'compar'. Did you mean 'compare'?"),
        ("compare --sort", "option '--sort' requires an argument"),
        ("compare", "missing argument 'DIR...'"),
    ],
)
def test_a_mistake_in_the_words_is_one_plain_line(
    words: str, mistake: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["repertoire", *words.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    (line,) = capsys.readouterr().err.splitlines()
    assert ended.value.code == 2
    assert line.startswith("repertoire: ")
    assert mistake in line
    assert line.endswith(" --help")
