"""`import orchestrator as rp`: a sweep in Python is the sweep of the file, and is run and shown."""

from __future__ import annotations

import importlib
import re
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from random_tables import write_random
from untracked import untracked

import orchestrator as rp
from methods.er import ER
from methods.finetune import Finetune
from orchestrator.cli.python.plain_data import PlainData
from orchestrator.cli.python.running import RunArguments
from orchestrator.cli.python.sections import Sections
from orchestrator.cli.run import RunOptions, run
from orchestrator.graph.progress import Progress
from orchestrator.networks.networks import MLP
from orchestrator.sweep.reading.yaml_file import parse_yaml, write_yaml
from orchestrator.sweep.sweep import Sweep as FileSweep
from orchestrator.sweep.sweep import TopLevel
from orchestrator.terminal.comparison.block import Block
from orchestrator.terminal.html_table import html_table
from orchestrator.terminal.notebook import NotebookDisplay, open_display
from orchestrator.terminal.screen import Display
from orchestrator.terminal.sweep_page import sweep_block

FILE = """\
name: small
benchmark: {name: split_digits, scenario: {grid: [class, task]}, num_tasks: 2, samples_per_task: 32}
network: {name: mlp, hidden: [4]}
training: {epochs: 1, batch_size: 32, lr: 1e-2, optimizer: sgd}
methods: [finetune, {name: er, memory_size: 20}, "own_methods:Mine"]
seeds: [0, 1]
"""
OWN = """\
import signal
from pathlib import Path
from methods.finetune import Finetune

class Mine(Finetune):
    class Inner(Finetune): pass

class Broken(Finetune):
    def loss(self, *args):
        raise ValueError("no such thing")

class Interrupted(Finetune):
    def end_task(self, *args):
        if not Path("interrupted").exists():
            Path("interrupted").touch()
            signal.raise_signal(signal.SIGINT)
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """A module of the user's own, as a script or notebook imports it."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "own_methods.py").write_text(OWN)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield importlib.import_module("own_methods")
    del sys.modules["own_methods"]


def sections(own: ModuleType, **more: Any) -> dict[str, Any]:
    """FILE in Python, with objects in the places of names."""
    return {
        "name": "small",
        "benchmark": {
            "name": "split_digits",
            "scenario": {"grid": ["class", "task"]},
            "num_tasks": np.int64(2),
            "samples_per_task": 32,
        },
        "network": {"name": MLP, "hidden": (4,)},
        "training": {"epochs": 1, "batch_size": 32, "lr": 1e-2, "optimizer": "sgd"},
        "methods": [Finetune, {"name": ER, "memory_size": 20}, own.Mine],
        "seeds": range(2),
    } | more


@pytest.fixture(scope="module")
def file(own: ModuleType) -> Path:
    path = Path(own.__file__).parent / "small.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture(scope="module")
def out(own: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a sweep that was made and run in Python."""
    folder = tmp_path_factory.mktemp("out")
    with untracked():
        rp.Sweep(**sections(own)).run(folder, backend="inline")
    return folder


def keys(sweep: FileSweep) -> list[str]:
    return [stage.key for _, stages in sweep.chains() for stage in stages]


def mistakes(make: Callable[[], object]) -> tuple[str, ...]:
    with pytest.raises(rp.SweepError) as caught:
        make()
    return caught.value.mistakes


def test_a_sweep_of_objects_has_the_stages_of_the_file(own: ModuleType, file: Path) -> None:
    from_file = rp.Sweep.from_file(file)
    of_file = keys(from_file.spec)
    assert len(of_file) == 36
    assert keys(rp.Sweep(**sections(own)).spec) == of_file
    assert keys(rp.Sweep.from_dict(sections(own), folder=file.parent).spec) == of_file
    assert from_file.text == FILE
    written = file.with_name("written.yaml")
    written.write_text(rp.Sweep(**sections(own)).text)
    assert keys(FileSweep.load(written)) == of_file


def test_a_folder_that_is_not_there_is_a_mistake_as_for_a_file_in_it(
    own: ModuleType, tmp_path: Path
) -> None:
    missing, file = tmp_path / "nowhere", tmp_path / "a_file"
    file.touch()
    assert mistakes(lambda: rp.Sweep.from_file(missing / "x.yaml")) == (
        f"no such file; there is no sweep in {missing}",
    )
    for folder in (missing, file):
        for make in (rp.Sweep, lambda folder, **content: rp.Sweep.from_dict(content, folder)):
            (line,) = mistakes(lambda: make(folder=folder, **sections(own)))  # noqa: B023
            assert line.startswith(f"folder: there is no folder {folder}; paths are relative to it")


def test_a_run_in_python_measures_what_the_command_does(file: Path, out: Path) -> None:
    with untracked():
        assert run(file, file.parent / "out", None, RunOptions("inline")) == 0
    of_command, here = rp.load(file.parent / "out"), rp.load(out)
    assert len(here.trials) == 12
    pd.testing.assert_frame_equal(here.accuracy, of_command.accuracy, check_exact=True)
    assert here.stages["key"].tolist() == of_command.stages["key"].tolist()
    first = here.trials.iloc[0]
    r = here.r_matrix(first["trial_id"], 0)
    assert r.shape == (3, 2)
    np.testing.assert_array_equal(r, of_command.r_matrix(first["trial_id"], 0))


def test_a_plan_counts_and_writes_nothing(own: ModuleType, out: Path, tmp_path: Path) -> None:
    sweep = rp.Sweep(**sections(own))
    before, after = sweep.plan(tmp_path / "new"), sweep.plan(out)
    assert not (tmp_path / "new").exists()
    # Two seeds of two scenarios: stage 0 is common to three methods, as is er's first task.
    assert before.stages_asked_for == 36
    assert before.stages_left == len(set(keys(sweep.spec)))
    assert (after.stages_left, after.stages_stored) == (0, before.stages_left)
    assert "stages left" in repr(before)
    assert before._repr_html_().count("<table>") == 1


WRONG: dict[str, Any] = {
    "name": "a/b",
    "benchmark": {"name": "split_digit"},
    "methods": [{"name": "ewc", "lmbda": 1}, "finetune", "finetune"],
    "training": {"epochs": "many", "lr": -1},
    "seeds": [],
    "sead": 1,
}


def test_mistakes_are_those_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text(write_yaml(WRONG))
    of_file = mistakes(lambda: rp.Sweep.from_file(tmp_path / "wrong.yaml"))
    assert len(of_file) >= 7
    assert mistakes(lambda: rp.Sweep.from_dict(WRONG)) == of_file
    assert mistakes(lambda: rp.Sweep(**WRONG)) == of_file
    assert mistakes(lambda: rp.Sweep.from_dict([])) == ("must hold keys and values, given a list",)  # type: ignore[arg-type]


def test_a_value_that_no_file_can_hold_is_refused_at_its_place() -> None:
    wrong = {
        "training": {"lr": np.zeros((3, 2))},
        "benchmark": {"name": "split_digits", "order": {1}},
    }
    first, second = mistakes(lambda: rp.Sweep.from_dict(wrong))
    assert first.startswith("training.lr: must be text, a number")
    assert first.endswith("given an array (3x2); save data into a file and name that: {npz: FILE}")
    assert second.startswith("benchmark.order: must be")
    assert second.endswith("given {1}")
    endless: dict[str, Any] = {}
    endless["benchmark"] = endless
    assert "holds itself" in mistakes(lambda: rp.Sweep.from_dict(endless))[0]


def test_a_row_of_numbers_is_a_list() -> None:
    given = {"lam": {"grid": np.logspace(0, 2, 3)}, 1: np.arange(2), "x": torch.tensor([1.5])}
    plain = {"lam": {"grid": [1.0, 10.0, 100.0]}, 1: [0, 1], "x": [1.5]}
    assert PlainData(Path()).convert(given) == plain


def refusal(given: Any, folder: Path | str = ".") -> str:
    (line,) = mistakes(lambda: rp.Sweep.from_dict({"methods": [given]}, folder))
    assert line.startswith("methods[0]: ")
    return line


def test_a_sweep_above_the_guard_of_the_script_that_defines_its_class_belongs_below_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "study.py"
    head = (
        "import orchestrator as rp\nfrom methods.finetune import Finetune\n"
        "class Mine(Finetune): ...\n"
    )
    make = f"sweep = rp.Sweep(methods=[Mine], folder={str(tmp_path)!r})\n"
    script.write_text(f"{head}{make}if __name__ == '__main__':\n    sweep.run()\n")
    main = ModuleType("__main__")
    main.__file__ = str(script)
    monkeypatch.setitem(sys.modules, "__main__", main)

    def run_script() -> None:
        exec(compile(script.read_text(), str(script), "exec"), vars(main))

    (line,) = [line for line in mistakes(run_script) if line.startswith("methods[0]: ")]
    assert "Mine is defined in study.py, and line 4 of that file, which an import runs too" in line
    assert 'put it under `if __name__ == "__main__":`' in line
    # Below the guard nothing is wrong with the class: what is missing is the rest of the sweep.
    script.write_text(f"{head}if __name__ == '__main__':\n    {make}")
    assert not [line for line in mistakes(run_script) if line.startswith("methods[0]: ")]


def test_an_object_that_no_worker_could_import_says_what_is_needed(
    own: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Inner must stand by itself at the top of own_methods.py" in refusal(own.Mine.Inner)
    assert "<lambda> must stand by itself" in refusal(lambda: 1)
    cell = type("Cell", (Finetune,), {"__module__": "__main__", "__qualname__": "Cell"})
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))  # as in a notebook
    assert "Cell is defined in no file" in refusal(cell)
    assert "save it into a file, such as mine.py" in refusal(cell)
    script = tmp_path / "study.py"
    sys.modules["__main__"].__file__ = str(script)
    script.write_text("class Cell: pass\nprint(1)\n")
    assert "is defined in the script study.py, which importing it would run" in refusal(cell)
    script.write_text("class Cell: pass\nif __name__ == '__main__':\n    print(1)\n")
    assert "finds no module 'study'; give the folder" in refusal(cell)
    script.write_text("if __name__ == '__main__':\n    class Cell: pass\n")
    assert "Cell is defined in study.py under `if __name__" in refusal(cell)
    (tmp_path / "own_methods.py").write_text("class Mine: pass\n")
    assert f"takes module 'own_methods' from {tmp_path}" in refusal(own.Mine, tmp_path)


def test_a_function_stands_for_data_or_a_backbone(own: ModuleType) -> None:
    data = PlainData(Path(own.__file__).parent)
    own.build = type(own.Mine.loss)((lambda: None).__code__, {}, "build")  # type: ignore[misc]
    own.build.__module__, own.build.__qualname__ = "own_methods", "build"
    given = {"benchmark": {"data": own.build}, "network": {"backbone": {"grid": [own.build]}}}
    assert data.convert(given) == {
        "benchmark": {"data": "own_methods:build"},
        "network": {"backbone": {"grid": [{"module": "own_methods:build"}]}},
    }
    assert data.convert(own.build, "network.backbone.module") == "own_methods:build"


TEXTS = ["1e-3", "1_000", "0o7", "010", "1:30", "yes", "~", "", " a", "a: b", "# no", "é", "-.5"]
TEXTS += [
    "{x}",
    "2026-01-01",
    ".inf",
    "a\nb",
    "*a",
    "!x",
    "'",
    '"',
    "null",
    "0x1F",
    "<<",
    "=",
    "\t",
]
NUMBERS = [0, -1, 2**63, 1e-3, 1e300, 5e-324, -0.5, 1e16, 123456789.123]


def test_plain_data_is_read_back_as_it_was() -> None:
    shared = {"a": 1}
    given = {"t": TEXTS, "n": NUMBERS, "o": [None, True, False, [], {}, shared, shared]}
    given |= {key: [[1.5], {"b": "1e5"}] for key in TEXTS[:6]}
    read = parse_yaml(write_yaml(given))
    assert read == given
    assert list(map(type, read["n"])) == list(map(type, NUMBERS))
    assert "&" not in write_yaml(given)


@pytest.mark.parametrize("method", ["Broken", "Interrupted"])
def test_what_fails_or_is_interrupted_is_in_the_results_and_the_same_call_goes_on(
    own: ModuleType,
    method: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    monkeypatch.chdir(tmp_path)
    given = sections(own, methods=[getattr(own, method), "finetune"], seeds=[0])
    given["benchmark"]["scenario"] = "class"
    sweep, said = rp.Sweep(**given), list[str]()
    monkeypatch.setattr(Display, "say", lambda self, line: said.append(line))
    # A process in the background may ignore it, and the run would leave that so.
    before = signal.default_int_handler
    restored = signal.signal(signal.SIGINT, before)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, restored))
    with untracked():
        results = sweep.run(tmp_path, backend="inline")
    assert signal.getsignal(signal.SIGINT) == before
    status = results.trials.set_index("method")["status"]
    if method == "Broken":
        assert status.to_dict() == {"own_methods:Broken": "failed", "finetune": "complete"}
        assert "no such thing" in results.trials["story"].iloc[0]
        assert "left out, by (trial, seed): 1 failed" in results._repr_html_()
        failure, hint, counts = said[-3:]
        assert failure.startswith("failed: own_methods:Broken seed 0 after 0 tasks: ")
        assert failure.endswith("no such thing (own_methods.py:10, in loss)")
        assert hint.startswith(f"its traceback: repertoire show {tmp_path / 'small'} ")
        assert "1 failed" in counts
        return
    assert "complete" not in set(status)
    computed = len(results.stages["key"].drop_duplicates())
    assert 0 < computed < len(set(keys(sweep.spec)))
    with untracked():
        assert set(sweep.run(tmp_path, backend="inline").trials["status"]) == {"complete"}


def test_arguments_of_a_run_are_checked_as_those_of_the_command(
    own: ModuleType, tmp_path: Path
) -> None:
    sweep = rp.Sweep(**sections(own))
    (tmp_path / "file").touch()
    wrong: list[tuple[Mapping[str, Any], str]] = [
        ({"backend": "dask"}, "unknown backend 'dask'; valid: inline, ray"),
        ({"until": "soon"}, "until: 'soon' is not a time"),
        ({"out": tmp_path / "file"}, "is a file; give a folder"),
    ]
    for given, message in wrong:
        with pytest.raises(rp.RepertoireError, match=message):
            sweep.run(**{"out": tmp_path / "out", **given})
    assert not (tmp_path / "out").exists()


def test_results_and_comparison_are_shown_as_one_table_and_stay_frames(out: Path) -> None:
    results = rp.load(out)
    table = results.compare(against="finetune", sort="storage_bytes", columns=["acc"])
    front = results.pareto(["storage_bytes", "learning_accuracy"], ["min", "max"])
    for page in (results._repr_html_(), table._repr_html_(), front._repr_html_()):
        assert page.count("<table>") == page.count("</table>") == 1
        assert "class-incremental" in page
        assert "task-incremental" in page
    # However long the names: they break, and figures stay whole.
    cells = re.findall(r'<td style="([^"]*)">(?:<b>)?([^<]+)', table._repr_html_())
    breaks = {text: "overflow-wrap:anywhere" in style for style, text in cells}
    assert breaks["finetune"]
    assert not any(breaks[text] for text in breaks if "±" in text or text.endswith("kB"))
    assert type(table[["label", "acc_mean"]]) is pd.DataFrame
    assert set(table.query("method == 'er'")["against"]) == {"finetune"}
    assert table.groupby("table")["storage_bytes_mean"].is_monotonic_increasing.all()
    assert "forgetting" not in table._repr_html_()
    assert "| finetune |" in table.render("markdown")
    assert repr(table) == table.render()
    with pytest.MonkeyPatch.context() as terminal:
        terminal.setenv("COLUMNS", "160")
        assert repr(table) == table.render(width=160)
    assert set(front["label"]) <= set(table["label"])
    assert front["storage_bytes_mean"].min() == table["storage_bytes_mean"].min()


def test_a_comparison_without_rows_says_so_and_a_width_has_limits() -> None:
    empty = rp.Comparison()
    for format in ("table", "markdown"):
        assert empty.render(format) == "no complete trial of the evaluation phase\n"
    assert "no complete trial" in empty._repr_html_()
    for width in (10**9, 1001, 19, 0, -5):
        with pytest.raises(rp.RepertoireError, match="width must be from 20 to 1,000 characters"):
            empty.render(width=width)


def test_of_two_labels_the_one_of_the_first_run_is_kept(own: ModuleType, tmp_path: Path) -> None:
    from dashboards.data.warehouse import open_results  # DuckDB

    def run_labelled(name: str, seeds: list[int], **label: str) -> rp.Results:
        given = sections(own, name=name, seeds=seeds)
        given["methods"] = [{"name": "er", "memory_size": 20, **label}]
        given["benchmark"]["scenario"] = "class"
        return rp.Sweep(**given).run(tmp_path, backend="inline")

    with untracked():
        run_labelled("zz", [0], label="mine")
        run_labelled("bb", [0, 1])
        run_labelled("aa", [0, 1, 2], label="later")
    results = rp.load(tmp_path)
    assert list(results.compare()["label"]) == ["mine"]
    assert results.r_matrix("mine", 2).shape == (3, 2)
    assert list(open_results([tmp_path]).comparison["label"]) == ["mine"]


def test_r_goes_by_a_label_and_without_a_seed_is_the_mean(out: Path) -> None:
    results = rp.load(out)
    trials = results.trials.query("scenario == 'class' and method == 'er'")
    of_seeds = [results.r_matrix(trials["trial_id"].iloc[0], seed) for seed in (0, 1)]
    np.testing.assert_array_equal(results.r_matrix("er class", 1), of_seeds[1])
    np.testing.assert_allclose(results.r_matrix("er class"), np.mean(of_seeds, axis=0))
    # A seed that is not complete does not count.
    short = results.trials["seed"] == 1
    status = results.trials["status"].mask(short, "stopped")
    fewer = replace(results, trials=results.trials.assign(status=status))
    np.testing.assert_array_equal(fewer.r_matrix("er class"), of_seeds[0])
    wrong: list[tuple[tuple[Any, ...], str]] = [
        (("er",), "'er' fits 2 trials"),
        (("er class", 5), "unknown seed of trial .* '5'; valid: 0, 1"),
        (("er class", None, "tests"), "unknown split 'tests'; did you mean 'test'"),
        (("er class", None, "test", "smal"), "unknown sweep 'smal'; did you mean 'small'"),
        (("er", None, "test", None, "tusk"), "unknown scenario 'tusk'; did you mean 'task'"),
        (("er class", [0, 1]), "r_matrix: seed must be a whole number or None, given \\[0, 1\\]"),
    ]
    for given, message in wrong:
        with pytest.raises(rp.RepertoireError, match=message):
            results.r_matrix(*given)
    seen = results.incremental_accuracy("er", 1, scenario="class")
    np.testing.assert_allclose(seen["by_task"].iloc[-1], of_seeds[1][-1].mean())


def test_an_argument_of_another_type_is_named_with_what_it_must_be(out: Path) -> None:
    results, sweep = rp.load(out), rp.Sweep.from_file(next(out.glob("*/sweep.yaml")))
    wrong: list[tuple[Callable[..., object], dict[str, Any], str]] = [
        (results.compare, {"by": None}, "Results.compare: by must be text, given None"),
        (results.compare, {"force": "no"}, "force must be True or False, given 'no'"),
        (results.compare, {"columns": [1]}, "columns must be text, a list of text or None, given"),
        (
            results.compare,
            {"against": results},
            "against must be .*, given a value of type Results",
        ),
        (results.compare, {"foo": 1}, "unexpected keyword argument 'foo'; valid: against, by"),
        (results.pareto, {"modes": 1}, "modes must be 'max' or 'min', a list of 'max' or 'min' or"),
        (results.r_matrix, {"trial_id": ["er"]}, r"trial_id must be text, given \['er'\]"),
        (results.r_matrix, {"trial_id": "er", "seed": True}, "seed must be a whole number or None"),
        (results.figure, {"name": None}, "Results.figure: name must be text, given None"),
        (results.paper_figure, {"name": 3}, "Results.paper_figure: name must be text, given 3"),
        (results.compare().render, {"width": "80"}, "width must be a whole number, given '80'"),
        (rp.Sweep.from_file, {"path": None}, "Sweep.from_file: path must be text or a path"),
        (rp.Sweep, {"folder": 1}, "Sweep: folder must be text or a path, given 1"),
        (sweep.plan, {"out": 0}, "Sweep.plan: out must be text or a path, given 0"),
        (sweep.run, {"trackers": 0}, "Sweep.run: trackers must be text or a list of text, given 0"),
    ]
    wrong += [
        (results.r_matrix, {"trial": "er"}, "argument 'trial'; did you mean 'trial_id'"),
        (rp.Sweep.from_file, {"file": "a"}, "argument 'file'; valid: path$"),
        (rp.Sweep.from_file, {}, "missing a required argument: 'path'; valid: path$"),
        (
            partial(rp.Sweep, "first.yaml"),
            {},
            r"Sweep: .*; a file is read by Sweep.from_file\(PATH\); valid: folder, name, benchmark",
        ),
    ]
    opened = r"; those of a folder are opened by load\(FOLDER\)"
    wrong += [
        (partial(results.summary, 1), {}, "Results.summary: too many .* arguments; valid: none"),
        (partial(rp.Results, 1), {}, f"Results: missing .*'accuracy'{opened}; valid: trials, acc"),
        (partial(rp.Results, 1, 2, 3), {}, f"trials must be a data frame, given 1{opened}$"),
    ]
    names = ["acc", "bwt"]
    text = "columns must be text, a list of text or None, given"
    wrong += [
        (results.compare, {"columns": iter(names)}, f"{text} a value of type list_iterator"),
        (results.compare, {"columns": {"acc"}}, f"{text} {{'acc'}}"),
    ]
    for function, given, message in wrong:
        with pytest.raises(rp.RepertoireError, match=message):
            function(**given)
    assert results.compare(columns=tuple(names)).attrs["columns"] == tuple(names)
    assert len(results.compare(columns=np.array(["acc"]))) == len(results.compare())
    assert results.r_matrix("er class", np.int64(1)).shape == (3, 2)


def test_text_is_one_name_and_folders_are_given_one_by_one(out: Path) -> None:
    results = rp.load(out)
    assert repr(results.compare(columns="acc")) == repr(results.compare(columns=["acc"]))
    pd.testing.assert_frame_equal(results.pareto("acc", "max"), results.pareto(["acc"]))
    with pytest.raises(rp.RepertoireError, match=r"the column 'method' has none; .*storage_bytes"):
        results.pareto("method")
    wrong: list[tuple[tuple[Any, ...], str]] = [
        ((), "load: a folder is needed"),
        (([str(out)],), "must be paths of folders, given \\['.*; several are given one by one"),
        ((out, 3), "must be paths of folders, given 3;"),
    ]
    for given, message in wrong:
        with pytest.raises(rp.RepertoireError, match=message):
            rp.load(*given)


def test_a_notebook_shows_what_a_sweep_names_as_one_table() -> None:
    sections: dict[str, Any] = {
        "name": "small",
        "benchmark": {"name": "split_digits", "scenario": "task", "num_tasks": 2},
        "methods": [
            "finetune",
            {"name": "ewc", "label": "<b>x</b>", "lam": {"loguniform": [1, 1e6]}},
            {"name": "er", "memory_size": {"grid": [20, 50]}, "replay_batch_size": None},
        ],
        "seeds": [0, 1],
        "search": {"algorithm": {"name": "random", "seed": 3}, "num_trials": 4, "seeds": [9]},
        "budget": {"cpu_hours": 2},
    }
    block = sweep_block("", sections)
    assert list(block.rows) == [
        ("benchmark", "split_digits", "scenario=task, num_tasks=2"),
        ("methods", "finetune", ""),
        ("methods", "ewc", "label=<b>x</b>, lam=loguniform [1, 1e+06]"),
        ("methods", "er", "memory_size=grid [20, 50], replay_batch_size=null"),
        ("seeds", "", "[0, 1]"),
        ("search", "", "algorithm=random (seed=3), num_trials=4, seeds=[9]"),
        ("budget", "", "cpu_hours=2"),
    ]
    del sections["search"]["algorithm"]["seed"]
    page = rp.Sweep.from_dict(sections)._repr_html_()
    assert page.count("<table>") == 1
    assert "label=&lt;b&gt;x&lt;/b&gt;, lam=loguniform [1, 1e+06]</td>" in page
    assert "3 trials, 1 search, seeds 0, 1" in page


def test_html_shows_text_as_text() -> None:
    rows = [["<b>x</b>", "\x1b[31m"], ["y", "1 < 2"]]
    best = [frozenset[str](), frozenset({"&"})]
    block = Block("<script>", ("<a>", "&"), rows, ("<i>",), "<u>", best)
    page = html_table([block], ["</table><img>"])
    for tag in ("<script>", "<a>", "<b>x", "<i>", "<u>", "<img>", "\x1b"):
        assert tag not in page
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert "<b>1 &lt; 2</b>" in page


@pytest.mark.slow
def test_figures_are_drawn_by_name(out: Path) -> None:
    results = rp.load(out)
    assert {"finetune", "er"} <= {trace.name for trace in results.figure("trade_off").data}
    matrix = results.figure("r_matrix", trial=results.trials["trial_id"].iloc[0], seed=0)
    r = results.r_matrix(results.trials["trial_id"].iloc[0], 0)
    np.testing.assert_allclose(np.array(matrix.data[0].z, dtype=float), r)
    assert matrix.layout.title.text.endswith(", seed 0")
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"name": "trade-off"}, "did you mean 'trade_off'"),
        ({"name": "storage"}, "this chart shows one table, and there are 2"),
        ({"name": "storage", "scenarios": "class"}, "did you mean 'scenario'"),
        ({"name": "r_matrix"}, "r_matrix is of one trial"),
        ({"scenario": "zz"}, "unknown scenario 'zz'; valid: class, task"),
        ({"method": []}, r"nothing is chosen by method=\[\]; .* or choose from: finetune, er"),
        ({"method": ["er", "ewc"]}, "unknown method 'ewc'; valid: er, finetune"),
        ({"name": "importance"}, "it takes a sweep with a section `search`"),
        ({"seed": 0}, "unknown argument of this chart 'seed'; .*valid: benchmark, method"),
        ({"name": "r_matrix", "trial": "er"}, "'er' fits 2 trials"),
        ({"name": "r_matrix", "trial": "er", "scenario": ["task"]}, "given scenario=\\['task'\\]"),
    ]
    for given, message in wrong:
        with pytest.raises(rp.RepertoireError, match=message):
            results.figure(**given)
    in_task = results.figure("r_matrix", trial="er", scenario="task", seed=1).data[0].z
    np.testing.assert_allclose(
        np.array(in_task, dtype=float), results.r_matrix("er", 1, scenario="task")
    )


@pytest.mark.slow
def test_r_without_a_seed_is_drawn_as_the_mean_that_the_title_names(tmp_path: Path) -> None:
    results = rp.load(write_random(tmp_path / "s", seed=9, complete=0.5))
    complete = results.trials["status"].eq("complete").groupby(results.trials["trial_id"]).sum()
    assert set(complete) == {2, 1, 0}
    texts = {2: "mean of 2 complete seeds of 3", 1: "seed ", 0: "mean of 3 seeds, none complete"}
    for trial, num in complete.items():
        figure = results.figure("r_matrix", trial=str(trial))
        z = np.array(figure.data[0].z, dtype=float)
        np.testing.assert_allclose(z, results.r_matrix(str(trial)))
        assert f", {texts[num]}" in figure.layout.title.text
    with pytest.raises(rp.RepertoireError, match="takes trial, seed and one scenario, given split"):
        results.figure("r_matrix", trial=str(trial), split="validation", scenario="class")


def test_a_tracker_given_as_text_is_one() -> None:
    one, several = (RunArguments(trackers=given) for given in ("mine:Own", ["mine:Own"]))
    assert one.read_options() == several.read_options()


def test_a_notebook_has_one_output_that_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[str, dict[str, str], str]] = []

    def record(kind: str) -> Callable[..., None]:
        return lambda data, raw, display_id: shown.append((kind, data, display_id))

    ipython: Any = ModuleType("IPython")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=None)
    display: Any = ModuleType("IPython.display")
    display.display, display.update_display = record("new"), record("update")
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    with open_display() as screen:
        assert isinstance(screen, NotebookDisplay)
        screen.say("a <b>")
        screen.show(Progress(trials=3, to_go=5))
        screen.show(Progress(trials=3, to_go=4))  # too soon after the last
    assert [kind for kind, _, _ in shown] == ["new", "update", "update"]
    assert len({name for _, _, name in shown}) == 1
    assert "a &lt;b&gt;" in shown[0][1]["text/html"]
    assert '<progress value="0" max="5">' in shown[1][1]["text/html"]
    assert shown[2][1]["text/plain"] == "a <b>"


def test_a_trainable_takes_a_sweep_made_in_python(
    own: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    import orchestrator.tune

    stub: Any = ModuleType("tune_trainable")  # the real one imports Ray
    stub.create_trainable = lambda sweep, store: (sweep, store)
    monkeypatch.setitem(sys.modules, "orchestrator.backends.tune_trainable", stub)
    sweep = rp.Sweep(**sections(own))
    assert orchestrator.tune.trainable(sweep, store="s") == (sweep.spec, "s")
    assert orchestrator.tune.trainable("file.yaml") == ("file.yaml", None)


def test_public_names_are_there_and_sections_are_those_of_the_file() -> None:
    assert [name for name in dir(rp) if not name.startswith("__")] == sorted(rp.__all__)
    assert all(getattr(rp, name).__name__ == name for name in rp.__all__)
    assert list(Sections.__annotations__) != []
    assert set(Sections.__annotations__) == set(TopLevel.__dataclass_fields__)
    with pytest.raises(AttributeError, match="no attribute 'Swep'"):
        rp.Swep  # noqa: B018
    for package in ("orchestrator", "methods"):
        assert (Path(rp.__file__).parents[1] / package / "py.typed").is_file()


PAGE = Path(__file__).parents[2] / "docs" / "python.md"


@pytest.mark.storm  # as the how-to pages
def test_the_page_runs_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dashboards import gallery  # Plotly takes a second

    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    names: dict[str, Any] = {}
    with untracked():
        for block in blocks:
            exec(block, names)
    sys.modules.pop("halves")
    assert set(names["results"].trials["status"]) == {"complete"}
    assert {"halves:HalfSteps", "finetune", "er"} == set(names["table"]["method"])
    assert names["r"].shape == (3, 2)
    assert (tmp_path / "trade_off.pdf").read_bytes().startswith(b"%PDF")
    drawn = {
        name
        for cell in re.findall(r"^\| (`.*?) \|", PAGE.read_text(), re.MULTILINE)
        for name in re.findall(r"`(\w+)`", cell)
    } - {"figure"}
    assert drawn == {*gallery.CHARTS, gallery.R_MATRIX}
