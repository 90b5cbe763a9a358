"""What somebody else wrote - sweeps, results, stores - is data to every command, and never acts."""

from __future__ import annotations

import csv
import io
import json
import re
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hostile_lab import ACTED_UPON, HOSTILE, PICTURE, aliases, replace_column, write_hostile
from random_tables import write_random
from rich.text import Text
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.errors import RepertoireError, SweepError
from orchestrator.results.folder.changes import find_change
from orchestrator.results.folder.versions import write_if_changed
from orchestrator.results.load import load
from orchestrator.results.r_matrix import build_r
from orchestrator.results.tables.config_columns import with_config_columns
from orchestrator.stages.code.classes import find_class
from orchestrator.stages.code.data_function import load_function
from orchestrator.stages.code.source import Source
from orchestrator.stages.storage.store import StageStore
from orchestrator.sweep.reading.yaml_file import MAX_VALUES, read_yaml
from orchestrator.terminal.console import PlainConsole
from orchestrator.terminal.escaping import escape_markdown

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "text",
    [
        aliases(10),
        aliases(60),
        aliases(4, "y" * 100_000),
        aliases(6)
        .replace("[*", "{<<: [*")
        .replace("]", "]}")
        .replace("a0: &a0 x", "a0: &a0 {k: 1}"),
    ],
    ids=["billion laughs", "more digits than a float", "a long text", "merged mappings"],
)
def test_aliases_that_stand_for_too_many_values_are_refused_unread(tmp_path, text):
    (tmp_path / "sweep.yaml").write_text(text)
    with pytest.raises(SweepError) as caught:
        read_yaml(tmp_path / "sweep.yaml")
    (mistake,) = caught.value.mistakes
    assert mistake.startswith("not valid YAML: line ")
    assert f"more than {MAX_VALUES:,} values" in mistake


def test_aliases_within_the_limit_are_values(tmp_path):
    (tmp_path / "sweep.yaml").write_text(aliases(4))
    values = read_yaml(tmp_path / "sweep.yaml")["a4"]
    assert str(values).count("x") == 10_000


@pytest.mark.parametrize("text", ["a: &a [*a]", "a: &a {b: *a}", "a: &a {<<: *a}"])
def test_a_value_that_holds_itself_is_refused(tmp_path, text):
    (tmp_path / "sweep.yaml").write_text(text)
    with pytest.raises(SweepError, match="line 1, column 4: a value holds itself"):
        read_yaml(tmp_path / "sweep.yaml")


@pytest.mark.parametrize("name", ["os:abort", "webbrowser:main", "__main__:app", "os.path:join"])
def test_names_of_the_standard_library_are_neither_imported_nor_called(name):
    for find in (
        lambda: load_function(name, Source({})),
        *(lambda kind=kind: find_class(kind, name) for kind in ("method", "network", "optimizer")),
    ):
        with pytest.raises(RepertoireError, match="is of Python's standard library; give"):
            find()


def test_a_module_of_the_standard_library_is_refused_before_it_is_imported(monkeypatch):
    monkeypatch.delitem(sys.modules, "antigravity", raising=False)
    with pytest.raises(RepertoireError, match="antigravity is of Python's standard library"):
        find_class("method", "antigravity:Method")
    assert "antigravity" not in sys.modules


def test_what_a_package_has_from_the_standard_library_is_refused_too():
    with pytest.raises(RepertoireError, match="typing is of Python's standard library"):
        load_function("rich.console:cast", Source({}))


def test_an_own_file_may_bear_the_name_of_a_module_of_the_standard_library(load, tmp_path):
    (tmp_path / "calendar.py").write_text(
        "import numpy as np\n"
        "def data():\n"
        "    x, y = np.random.default_rng(0).random((20, 4)).astype('float32'), np.arange(20) % 2\n"
        "    return x, y, x, y\n"
    )
    sweep = load(
        "name: own\nseeds: [0]\nmethods: [finetune]\nnetwork: mlp\n"
        "benchmark: {data: 'calendar:data', name: split, num_tasks: 1, scenario: task}\n"
    )
    assert sweep.trials[0].benchmark.data_sets[0].facts.input_shape == (4,)


def command(*words: object) -> str:
    """Return all that a command prints; it must end without an exception of its own."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    if isinstance(result.exception, RepertoireError):
        return str(result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result.output


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """The tables of a sweep whose texts are hostile."""
    return write_hostile(tmp_path_factory.mktemp("hostile") / "s", complete=0.7)


@pytest.mark.parametrize("form", ["table", "markdown", "latex", "csv", "json"])
def test_no_form_of_a_comparison_has_characters_that_a_terminal_acts_upon(hostile, form):
    printed = command("compare", hostile, "--format", form)
    assert "owned" in printed
    assert not ACTED_UPON.search(printed)


def test_a_trial_is_shown_without_characters_that_a_terminal_acts_upon(hostile):
    for trial_id in load(hostile).trials["trial_id"].unique():
        printed = command("show", hostile, trial_id, "--traceback")
        assert "owned" in printed
        assert not ACTED_UPON.search(printed)


def test_rich_shows_markup_and_directives_of_a_text_as_they_are():
    console = PlainConsole(width=200, force_terminal=True)
    with console.capture() as printed:
        console.print(Text("[red]a[/] [/x] :bomb:"), "[/x]", Text("b\x1b]0;t\x07\n", "bold"))
    assert "[red]a[/] [/x] :bomb: " in printed.get()
    assert "\x1b[1m" in printed.get()  # Rich's own
    assert "\x1b]" not in printed.get()


def test_markdown_of_a_comparison_has_no_html_no_link_and_no_row_more(hostile):
    printed = command("compare", hostile, "--format", "markdown")
    assert "<" not in printed
    assert PICTURE in printed
    assert not re.search(r"(?<!\\)\]\(", printed)
    widths = {len(re_split(line)) for line in printed.splitlines() if line.startswith("| ")}
    assert widths == {11, 8}


KEYS = ("sweep", "trial_id", "seed")
CONFIGS = (
    *("", "x", "[1]", '"x"', "[" * 100_000 + "]" * 100_000, '{"a":' * 500 + "1" + "}" * 500),
    *(f'{{"a": {2**63}}}', '{"a": NaN}', '{"a": "\\ud800"}'),
)


@pytest.mark.parametrize(
    ("name", "column", "value"),
    [
        *(("trials", "config", config) for config in (None, *CONFIGS)),
        *(("trials", column, None) for column in (*KEYS, "method", "num_tasks")),
        *(("trials", column, -1) for column in ("tasks_done", "num_tasks")),
        ("trials", "num_tasks", 2**40),
        ("trials", "method", "x" * 20_000),
        ("trials", "story", "x" * 2_000_000),
        *(("trials", "means_dial", text) for text in CONFIGS),
        ("trials", "means_storage_bytes", 0),
        ("trials", "means_compute", -1.0),
        ("accuracy", "task", 2**40),
        ("accuracy", "after", None),
    ],
    ids=lambda value: str(value)[:12],
)
def test_a_table_that_no_command_can_work_with_is_named_in_one_line(tmp_path, name, column, value):
    folder = write_random(tmp_path / "s")
    table = pq.read_table(folder / f"{name}.parquet")
    values = [value, *table[column].to_pylist()[1:]]
    pq.write_table(replace_column(table, column, values), folder / f"{name}.parquet")
    with pytest.raises(RepertoireError, match=rf"{name}\.parquet is damaged: {column} ") as caught:
        load(folder)
    assert len(str(caught.value)) < 400


def test_a_whole_number_beside_reals_is_the_nearest_real():
    configs = ['{"a": 0.5}', f'{{"a": {2**53 + 1}}}']
    table = with_config_columns(pa.table({"config": configs}))
    assert table["config.a"].to_pylist() == [0.5, 2.0**53]


def test_cells_outside_of_r_are_left_out():
    r = build_r([0, 1, 9, 1], [1, 1, 1, 9], [0.1, 0.2, 0.3, 0.4], 1)
    assert r.tolist() == [[0.1], [0.2]]


def re_split(line: str) -> list[str]:
    """Return the cells of a row of a Markdown table."""
    return line.replace(r"\|", "").split("|")


def test_latex_of_a_comparison_has_no_code_of_a_text(hostile):
    for line in command("compare", hostile, "--format", "latex").splitlines():
        shown = line.partition("%")[0] if line.startswith("%") else line
        assert r"\input" not in shown


def test_a_label_in_brackets_is_no_mathematics(tmp_path):
    write_hostile(tmp_path / "s", complete=1.0)
    printed = command("compare", tmp_path / "s", "--format", "latex", "--by", "trial_id")
    assert "$[" not in printed.replace("$[-", "").replace("$[0", "")


def test_csv_and_json_of_a_comparison_can_be_read_by_machines(hostile):
    rows = json.loads(command("compare", hostile, "--format", "json"))["rows"]
    assert any(HOSTILE in row["label"] for row in rows)
    table = list(csv.DictReader(io.StringIO(command("compare", hostile, "--format", "csv"))))
    assert len(table) == len(rows)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a_b=1, lr=0.1 (x-y)", "a_b=1, lr=0.1 (x-y)"),
        ("*a* _b_ `c`", r"\*a\* \_b\_ \`c\`"),
        ("![p](u) <b> &amp; a & b", r"!\[p\](u) &lt;b> \&amp; a & b"),
        ("# a\n- b", r"\# a - b"),
        (":red[x] a: b 1:2", r"\:red\[x\] a: b 1\:2"),
        ("$x$ | ~y~ \\", r"\$x\$ \| \~y\~ " + "\\\\"),
    ],
)
def test_text_for_markdown_is_escaped_where_markdown_would_act(text, escaped):
    assert escape_markdown(text) == escaped


def test_an_error_is_printed_without_characters_that_a_terminal_acts_upon(answer, tmp_path):
    (tmp_path / "s.yaml").write_text('name: "a\\e]0;owned\\a"\n"\\e[31mkey": 1\n')
    code, error = answer("plan", "s.yaml")
    assert code == 2
    assert "owned" in error
    assert not ACTED_UPON.search(error)


def test_a_file_of_a_results_folder_that_is_no_text_is_replaced(tmp_path):
    for name in ("versions.json", "sweep.yaml"):
        (tmp_path / name).write_bytes(b"\xff\x00\xfe")
        write_if_changed(tmp_path / name, "é")
        assert (tmp_path / name).read_text("utf-8") == "é"


@pytest.mark.parametrize("kept", [b"\xff\x00\xfe", b"", b"[1]", b"null", b"[" * 1_000])
def test_a_kept_sweep_that_is_none_is_another_sweep(load, tmp_path, kept):
    sweep = load(
        "name: s\nseeds: [0]\nmethods: [finetune]\nnetwork: mlp\n"
        "benchmark: {name: split_digits, num_tasks: 2, scenario: task}\n"
    )
    folder = write_random(tmp_path / "s")
    (folder / "sweep.yaml").write_bytes(kept)
    change = find_change(folder, sweep, StageStore(str(tmp_path / "stages")))
    assert change is not None
    assert change.lost == change.total > 0


@pytest.mark.parametrize("name", ["search.jsonl", "search.json"])
def test_a_folder_in_the_place_of_a_file_is_named_in_a_line(answer, tmp_path, name):
    (tmp_path / "s.yaml").write_text(
        "name: s\nseeds: [0]\nmethods: [{name: ewc, lam: {loguniform: [1, 9]}}]\nnetwork: mlp\n"
        "benchmark: {name: split_digits, num_tasks: 2, scenario: task}\n"
        "search: {algorithm: random, num_trials: 1}\n"
    )
    (tmp_path / "results" / "s" / name).mkdir(parents=True)
    code, text = answer("plan", "s.yaml")
    if name == "search.json":  # a description, which a plan does not need
        assert code == 0
    else:
        assert (code, text.count("\n")) == (1, 1)
        assert "results/s/search.jsonl; a folder is in the place of a file; move it away" in text
