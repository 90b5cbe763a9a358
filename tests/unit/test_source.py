"""A user's own code: what is captured, that what is in the key is what runs, and under any name."""

import pickle
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from forked import run_forked
from source_lab import forget_code
from torch import nn

from methods.base import Method
from methods.ewc import EWC
from orchestrator.backends.inline import Inline
from orchestrator.cli.app import main
from orchestrator.errors import RepertoireError, SweepError
from orchestrator.graph.plan import plan
from orchestrator.graph.trial_graph import StageDone, StageFailed
from orchestrator.networks.networks import MLP
from orchestrator.results.folder.places import open_store, results_folder
from orchestrator.results.folder.tabulator import Tabulator
from orchestrator.search.evaluate import evaluate
from orchestrator.stages.code.capture import capture_source
from orchestrator.stages.code.classes import find_class
from orchestrator.stages.code.components import Component, create_component
from orchestrator.stages.code.identity import code_identity
from orchestrator.stages.code.skeleton import skeleton
from orchestrator.stages.code.source import Module, Source, restore_source
from orchestrator.stages.worker import StageOrder, compute_order
from orchestrator.sweep.sweep import Sweep

pytestmark = pytest.mark.slow

SWEEP = """\
name: own
benchmark: {{name: split_digits, num_tasks: 2, samples_per_task: 24}}
network: {network}
training: {{batch_size: 12}}
methods: [{methods}]
seeds: [0]
"""
MINE = """\
from dataclasses import dataclass
from methods.base import Config, Method
from settings import SCALE

class Mine(Method):
    @dataclass(frozen=True, kw_only=True)
    class Config(Config):
        power: int = 1

    scale = SCALE

    def loss(self, batch):
        return self.scale * super().loss(batch)
"""
FILES = {"mine.py": MINE, "settings.py": "SCALE = 1.0\n"}


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def load(
    folder: Path, methods: str = "'mine:Mine'", network: str = "{name: mlp, hidden: [4]}"
) -> Sweep:
    text = SWEEP.format(methods=methods, network=network)
    return Sweep.load(write(folder, {"sweep.yaml": text}) / "sweep.yaml")


def method_of(sweep: Sweep) -> Component:
    return sweep.trials[0].method


def keys(sweep: Sweep) -> list[str]:
    return [stage.key for stage in sweep.trials[0].stages(0)]


def own_identity(text: str, name: str = "mine:Mine", kind: str = "method", **more: str) -> str:
    """Return the identity of a class of own modules, given their text."""
    modules = {"mine": text, **more}
    source = Source({m: Module(f"/{m}.py", False, t.encode()) for m, t in modules.items()})
    return code_identity(kind, name, source)


# What is in the key is what runs


def test_code_that_is_edited_while_a_sweep_runs_is_stored_under_no_old_key(tmp_path: Path) -> None:
    sweep = load(write(tmp_path, FILES))
    before = keys(sweep)
    write(tmp_path, {"settings.py": "SCALE = 0.0\n"})
    pickled = pickle.dumps(
        [StageOrder((stage,), ("own", "t", 0)) for stage in sweep.trials[0].stages(0)]
    )
    store = open_store(tmp_path, None)
    orders = pickle.loads(pickled)
    assert [type(compute_order(order, store)) for order in orders] == 3 * [StageDone]
    assert method_of(sweep).cls.scale == orders[1].stages[0].method.cls.scale == 1.0
    edited = load(tmp_path)
    assert method_of(edited).cls.scale == 0.0
    assert [new == old for new, old in zip(keys(edited), before, strict=True)] == [
        True,
        False,
        False,
    ]


def test_a_component_is_what_it_was_in_a_process_that_finds_another_file(tmp_path: Path) -> None:
    method = method_of(load(write(tmp_path / "there", FILES), "{name: 'mine:Mine', power: 3}"))
    write(tmp_path / "here", {"mine.py": "raise SystemExit('not this one')", "settings.py": ""})
    write(tmp_path / "there", {"mine.py": "raise SystemExit('nor the edited one')"})
    kept = pickle.dumps(method)

    def work() -> None:
        forget_code()
        part = pickle.loads(kept)
        same = code_identity(part.kind, part.name, part.source) == part.identity
        sys.stdout.write(f"{part.cls.scale} {part.config.power} {part.name} {same}")

    result = run_forked(work, tmp_path / "here")
    assert (result.code, result.stdout) == (0, "1.0 3 mine:Mine True"), result.stderr


def test_content_that_does_not_match_its_digest_is_refused(tmp_path: Path) -> None:
    source = method_of(load(write(tmp_path, FILES))).source
    assert source is not None
    changed = replace(source.modules["settings"], code=b"SCALE = 0.0\n")
    with pytest.raises(RepertoireError, match="mine, settings is not what was read with the sweep"):
        restore_source({**source.modules, "settings": changed}, source.digest)


def test_a_worker_whose_built_in_is_of_another_version_refuses_the_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = load(tmp_path, "ewc").trials[0].stages(0)[0]
    store = open_store(tmp_path, None)
    monkeypatch.setattr(EWC, "version", EWC.version + 1)
    outcome = compute_order(StageOrder((stage,), ("own", "t", 0)), store)
    assert isinstance(outcome, StageFailed)
    assert f"is ewc/{EWC.version}, and the sweep was planned with ewc/" in outcome.story
    assert store.record(stage.key) is None


# Modules of one name


def test_modules_of_one_name_beside_two_sweeps_do_not_meet(tmp_path: Path) -> None:
    one = load(write(tmp_path / "one", FILES))
    two = load(write(tmp_path / "two", {**FILES, "settings.py": "SCALE = 2.0\n"}))
    assert (method_of(one).cls.scale, method_of(two).cls.scale) == (1.0, 2.0)
    assert keys(one)[0] == keys(two)[0]
    assert not set(keys(one)[1:]) & set(keys(two)[1:])


def test_a_file_in_the_current_folder_does_not_win_over_one_beside_the_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "current", {**FILES, "settings.py": "SCALE = 0.0\n"})
    monkeypatch.chdir(tmp_path / "current")
    monkeypatch.syspath_prepend(tmp_path / "current")
    assert method_of(load(write(tmp_path / "beside", FILES))).cls.scale == 1.0


def test_a_file_in_the_current_folder_is_found_where_none_is_beside_the_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(write(tmp_path / "current", FILES))
    assert method_of(load(tmp_path / "sweeps")).cls.scale == 1.0


def test_reading_a_sweep_changes_neither_the_path_nor_modules_of_that_name(tmp_path: Path) -> None:
    path = list(sys.path)
    load(write(tmp_path, FILES))
    assert sys.path == path
    assert "mine" not in sys.modules
    assert "settings" not in sys.modules


@pytest.mark.parametrize("name", ["methods", "orchestrator", "dashboards", "calendar", "torch"])
@pytest.mark.parametrize("is_folder", [False, True])
def test_a_file_or_folder_called_like_another_package_shadows_nothing(
    tmp_path: Path, name: str, is_folder: bool
) -> None:
    write(tmp_path, {**FILES, f"{name}/notes.txt" if is_folder else f"{name}.py": "x = 1\n"})
    write(tmp_path, {"mine.py": f"import {name}\n{MINE}"})
    assert method_of(load(tmp_path)).cls.scale == 1.0


def test_a_method_in_a_folder_called_methods_is_found(tmp_path: Path) -> None:
    files = {
        "methods/special.py": "from . import settings\n"
        + MINE.replace("from settings", "from .settings")
    }
    write(tmp_path, {**files, "methods/settings.py": "SCALE = 3.0\n"})
    method = method_of(load(tmp_path, "'methods.special:Mine'"))
    assert method.cls.scale == 3.0
    assert issubclass(method.cls, Method)


def test_a_method_in_a_file_called_like_a_standard_module_is_found(tmp_path: Path) -> None:
    write(tmp_path, {"calendar.py": MINE, "settings.py": "SCALE = 1.0\n"})
    assert method_of(load(tmp_path, "'calendar:Mine'")).cls.scale == 1.0


def test_an_import_that_means_the_installed_module_is_remarked_on_and_advised_on(
    tmp_path: Path,
) -> None:
    write(tmp_path, {**FILES, "calendar.py": "def ours(): ...\n"})
    write(tmp_path, {"mine.py": f"import calendar\n{MINE}"})
    remark = "mine.py: `import calendar` means the module that is installed"
    assert [text.startswith(remark) for text in load(tmp_path).remarks] == [True]
    write(tmp_path, {"mine.py": f"import calendar\nours = calendar.ours\n{MINE}"})
    with pytest.raises(SweepError, match=rf"has no attribute 'ours'.*{remark}.*another name"):
        load(tmp_path)


def test_a_folder_called_methods_that_is_imported_absolutely_is_advised_on(tmp_path: Path) -> None:
    write(tmp_path, {"methods/a.py": f"from methods import b\n{MINE}", "methods/b.py": ""})
    write(tmp_path, FILES)
    with pytest.raises(SweepError, match=r"cannot import name 'b'.*write `from \. import"):
        load(tmp_path, "'methods.a:Mine'")


# What counts


def test_code_on_the_path_outside_the_installed_packages_counts_and_travels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "common", {"settings.py": "SCALE = 1.0\n"})
    monkeypatch.syspath_prepend(tmp_path / "common")
    before = load(write(tmp_path / "beside", {"mine.py": MINE}))
    write(tmp_path / "common", {"settings.py": "SCALE = 0.0\n"})
    after = load(tmp_path / "beside")
    assert (method_of(before).cls.scale, method_of(after).cls.scale) == (1.0, 0.0)
    assert keys(before)[1:] != keys(after)[1:]


@pytest.mark.parametrize(
    ("kind", "cls"),
    [("method", EWC), ("network", MLP)],
)
def test_the_version_of_a_built_in_that_a_class_extends_counts(
    monkeypatch: pytest.MonkeyPatch, kind: str, cls: type
) -> None:
    text = f"from {cls.__module__} import {cls.__name__} as Base\nclass Mine(Base):\n    pass\n"
    before = own_identity(text, kind=kind)
    monkeypatch.setattr(cls, "version", cls.version + 1)
    assert own_identity(text, kind=kind) != before


def test_the_version_of_every_built_in_base_counts_also_behind_own_classes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = "from methods.ewc import EWC\nclass Between(EWC):\n    version = 7\n"
    text = "from between import Between\nclass Mine(Between):\n    version = 7\n"
    before = own_identity(text, between=own)
    monkeypatch.setattr(EWC, "version", EWC.version + 1)
    assert own_identity(text, between=own) != before


def test_a_function_that_a_subclass_calls_from_a_module_beside_it_counts() -> None:
    text = (
        "from methods.ewc import EWC\nfrom tools import weight\n"
        "class Mine(EWC):\n    def loss(self, batch):\n        return weight(super().loss(batch))\n"
    )
    before = own_identity(text, tools="def weight(loss):\n    return loss\n")
    commented = "# The loss as it is.\ndef weight(loss):\n    'Return it.'\n    return (loss)\n"
    assert own_identity(text, tools=commented) == before
    assert own_identity(text, tools="def weight(loss):\n    return 2 * loss\n") != before


def test_the_version_of_the_contract_itself_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "from methods.base import Method\nclass Mine(Method):\n    pass\n"
    before = own_identity(text)
    monkeypatch.setattr(Method, "version", 5)
    assert own_identity(text) == before


def test_the_code_that_a_package_runs_when_it_is_imported_counts(tmp_path: Path) -> None:
    write(tmp_path, {"pack/__init__.py": "", "pack/mine.py": MINE, "settings.py": "SCALE = 1.0\n"})
    empty = keys(load(tmp_path, "'pack.mine:Mine'"))
    write(tmp_path, {"pack/__init__.py": "import settings\nsettings.SCALE = 0.0\n"})
    changed = load(tmp_path, "'pack.mine:Mine'")
    assert method_of(changed).cls.scale == 0.0
    assert keys(changed)[1:] != empty[1:]


@pytest.mark.parametrize(
    ("line", "remark"),
    [
        (
            "import importlib\nimportlib.import_module('x' * 0 or 'json')",
            "by a computed name",
        ),
        ("PLACE = __file__", "other files that it reads"),
        ("import sys\nsys.path.append('elsewhere')", "that it adds to sys.path"),
    ],
)
def test_what_cannot_be_part_of_a_key_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, remark: str
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    write(tmp_path, {**FILES, "mine.py": f"{line}\n{MINE}"})
    (messages,) = load(tmp_path).remarks
    assert messages.startswith("mine.py: ")
    assert remark in messages


def test_the_text_of_a_module_is_that_of_python_3_11_whatever_python_runs() -> None:
    text = "def f(a, *, b: int = 1) -> None:\n    return None\n\n\nclass C(B, m=1):\n    x = [a]\n"
    args = (
        "arguments(posonlyargs=[], args=[arg(arg='a')], kwonlyargs=[arg(arg='b', "
        "annotation=Name(id='int', ctx=Load()))], kw_defaults=[Constant(value=1)], defaults=[])"
    )
    function = (
        f"FunctionDef(name='f', args={args}, body=[Return(value=Constant(value=None))], "
        "decorator_list=[], returns=Constant(value=None))"
    )
    value = "List(elts=[Name(id='a', ctx=Load())], ctx=Load())"
    body = f"Assign(targets=[Name(id='x', ctx=Store())], value={value})"
    cls = (
        "ClassDef(name='C', bases=[Name(id='B', ctx=Load())], keywords=[keyword(arg='m', "
        f"value=Constant(value=1))], body=[{body}], decorator_list=[])"
    )
    known = f"Module(body=[{function}, {cls}], type_ignores=[])"
    assert skeleton(Module("", False, text.encode())) == known


# How it is imported


def test_imports_of_every_form_reach_the_captured_modules(tmp_path: Path) -> None:
    files = {
        "mine.py": "import pack.deep.leaf\nimport pack.deep as shallow\nimport settings as known\n"
        "from pack import deep, other\nfrom pack.deep.leaf import LEAF\n" + MINE + "\n"
        "    seen = (pack.deep.leaf.LEAF, shallow.leaf.LEAF, deep.leaf.LEAF, other.up(), LEAF,"
        " known.SCALE)\n\n"
        "    def late(self):\n        import lazily\n        return lazily.VALUE\n",
        "settings.py": "SCALE = 1.0\n",
        "lazily.py": "VALUE = 'late'\n",
        "pack/__init__.py": "",
        "pack/deep/leaf.py": "LEAF = 'leaf'\n",
        "pack/other.py": "def up():\n    from .deep import leaf\n    return leaf.LEAF\n",
    }
    cls = method_of(load(write(tmp_path, files))).cls
    for name in files:
        (tmp_path / name).unlink()
    assert cls.seen == (*5 * ("leaf",), 1.0)
    assert cls.late(None) == "late"


def test_a_method_knows_the_class_of_a_network_of_another_own_module(tmp_path: Path) -> None:
    net = "from orchestrator.networks.networks import MLP\nclass Net(MLP):\n    pass\n"
    text = (
        "from net import Net\nfrom methods.base import Method\n"
        "class Mine(Method):\n    def __init__(self, network, *rest):\n"
        "        super().__init__(network, *rest)\n        assert isinstance(network, Net)\n"
    )
    sweep = load(write(tmp_path, {"mine.py": text, "net.py": net}), network="'net:Net'")
    assert isinstance(sweep.trials[0].network.cls, type(nn.Module))
    new_plan = plan(sweep, open_store(tmp_path, None))
    tables = Tabulator(new_plan.chains, open_store(tmp_path, None), results_folder(sweep, tmp_path))
    assert evaluate(new_plan, tables, Inline()).failed == 0


def test_a_traceback_names_the_file_of_the_user_and_the_line(tmp_path: Path) -> None:
    bad = "def begin_task(self, task):\n        raise ValueError('no')\n"
    sweep = load(write(tmp_path, {**FILES, "mine.py": f"{MINE}\n    {bad}"}))
    store = open_store(tmp_path, None)
    first, second, _ = (
        StageOrder((stage,), ("own", "t", 0)) for stage in sweep.trials[0].stages(0)
    )
    assert isinstance(compute_order(first, store), StageDone)
    failed = compute_order(second, store)
    assert isinstance(failed, StageFailed)
    assert f'File "{tmp_path / "mine.py"}", line 16, in begin_task' in failed.story


def test_a_module_that_python_refuses_is_a_mistake_of_the_sweep(tmp_path: Path) -> None:
    with pytest.raises(SweepError, match=r"cannot be imported: SyntaxError.*mine\.py"):
        load(write(tmp_path, {"mine.py": "def broken(:\n"}))


def test_messages_call_own_modules_as_the_user_s_files_do(tmp_path: Path) -> None:
    text = f"{MINE}\n\nclass Bad(Exception): ...\n\nclass Raises(Mine):\n" + (
        "    def begin_task(self, task):\n        raise Bad(Bad)\n"
    )
    file = write(tmp_path, {**FILES, "mine.py": text, "half.py": "from settings import NONE\n"})
    with pytest.raises(SweepError, match=r"no class 'Mien' in .*/mine\.py; did you mean 'Mine'"):
        load(file, "'mine:Mien'")
    guarded = "if __name__ == '__main__':\n    class Mine(): ...\n"
    (file / "script.py").write_text(guarded)
    with pytest.raises(SweepError, match=r"Mine is defined in .*/script\.py under `if __name__"):
        load(file, "'script:Mine'")
    with pytest.raises(SweepError, match=r"cannot import name 'NONE' from 'settings' \(.*\)"):
        load(file, "'half:Mine'")
    sweep, store = load(file, "'mine:Raises'"), open_store(tmp_path, None)
    first, second, _ = (
        StageOrder((stage,), ("own", "t", 0)) for stage in sweep.trials[0].stages(0)
    )
    compute_order(first, store)
    failed = compute_order(second, store)
    assert isinstance(failed, StageFailed)
    assert failed.story.startswith("Bad: <class 'mine.Bad'> (mine.py:")
    assert failed.story.endswith("\nmine.Bad: <class 'mine.Bad'>\n")


def test_an_own_searcher_beside_the_sweep_is_found(tmp_path: Path) -> None:
    write(tmp_path, {"mysearch.py": "class Mine:\n    def suggest(self): ...\n"})
    (tmp_path / "sweep.yaml").write_text(
        "name: s\nbenchmark: {name: split_digits}\nseeds: [0]\n"
        "methods: [{name: ewc, lam: {uniform: [0, 1]}}]\n"
        "search: {algorithm: 'mysearch:Mine'}\n"
    )
    with pytest.raises(SweepError, match="mysearch:Mine is no Searcher of Ray Tune"):
        Sweep.load(tmp_path / "sweep.yaml")


def test_components_without_a_sweep_find_their_code_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(write(tmp_path, FILES))
    cls = find_class("method", "mine:Mine")
    part = create_component("method", "mine:Mine", cls.Config(power=2))
    assert pickle.loads(pickle.dumps(part)) == part
    assert part.cls is cls
    assert capture_source(["ewc", "torch.nn:Module"]).modules == {}


def test_plan_prints_what_is_remarked_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, {**FILES, "mine.py": f"PLACE = __file__\n{MINE}"})
    load(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["repertoire", "plan", "sweep.yaml"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 0
    messages = "mine.py: other files that it reads are in no stage's key\n"
    assert capsys.readouterr().out.endswith(messages)
