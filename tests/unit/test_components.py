"""Names -> classes, and what identifies a class's code in a key."""

import importlib
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from methods import METHODS
from methods.ewc import EWC
from methods.finetune import Finetune
from orchestrator.errors import RepertoireError, UnknownName
from orchestrator.networks.networks import MLP, NETWORKS
from orchestrator.stages.code import skeleton
from orchestrator.stages.code.classes import find_class
from orchestrator.stages.code.components import create_component
from orchestrator.stages.code.identity import code_identity

MINE = '''\
"""A method of the user's own."""

from methods.base import Method

import beside


class Mine(Method):
    """Train on the current task."""

    def begin_task(self, task):
        """Do nothing but count."""
        self.count = beside.ONE + 1
'''
BESIDE = "ONE = 1\n"

Identify = Callable[..., str]


@pytest.fixture
def identify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Identify]:
    """Write modules into a fresh folder and return the identity of one of their classes."""
    fresh = itertools.count()

    def identity_of(name: str, files: dict[str, str], folder: str = "") -> str:
        root = tmp_path / str(next(fresh)) / folder
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8")
        with monkeypatch.context() as patch:
            patch.setattr(sys, "path", [*sys.path, str(root)])
            forget(tmp_path)
            return code_identity("method", name)

    yield identity_of
    forget(tmp_path)


def forget(folder: Path) -> None:
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]
    importlib.invalidate_caches()


# Built-ins


def test_a_built_in_is_its_name_and_version(monkeypatch):
    assert code_identity("method", "ewc") == f"ewc/{EWC.version}"
    monkeypatch.setattr(MLP, "version", 41)
    assert code_identity("network", "mlp") == "mlp/41"


@pytest.mark.parametrize(("kind", "table"), [("method", METHODS), ("network", NETWORKS)])
def test_every_name_of_a_table_stands_for_its_class(kind, table):
    assert {name: find_class(kind, name) for name in table} == dict(table)


def test_a_component_describes_itself_and_leaves_out_what_is_inert():
    ewc = create_component("method", "ewc", EWC.Config(lam=3.0))
    assert ewc.cls is EWC
    assert ewc.describe()["lam"] == 3.0
    assert ewc.content()["config"]["lam"] == 3.0
    assert ewc.content(frozenset({"lam"}))["config"].keys() == ewc.content()["config"].keys() - {
        "lam"
    }
    assert ewc.content()["identity"] == code_identity("method", "ewc")


# Names that stand for nothing


@pytest.mark.parametrize("name", ["ewcc", "../x", "a.b:", ":Mine", "a b:C", "a:b:c", "", "os.path"])
def test_a_name_that_is_neither_in_the_table_nor_dotted_is_answered_with_the_table(name):
    with pytest.raises(
        UnknownName, match=r"unknown method .*; .*valid: .*ewc.*your_module:YourClass"
    ):
        find_class("method", name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_module:Mine", "cannot be imported: ModuleNotFoundError"),
        ("mine.py:Mine", "a module is named without .py; write mine:Mine"),
        ("methods.er:Nobody", r"no class 'Nobody' in .*methods/er\.py; valid: ER$"),
        ("methods.base:nn", "is not a subclass of methods.base.Method"),
        ("orchestrator.networks.networks:MLP", "is not a subclass of methods.base.Method"),
        ("methods.parts.fixed_features:ClassMeans", "must define score, as its base does not"),
    ],
)
def test_a_dotted_name_that_is_no_method_says_why(name, message):
    with pytest.raises(RepertoireError, match=message):
        find_class("method", name)


# A user's own


def test_comments_docstrings_and_formatting_do_not_change_an_identity(identify):
    before = identify("mine:Mine", {"mine.py": MINE, "beside.py": BESIDE})
    rewritten = MINE.replace('"""A method of the user\'s own."""', '"""Another story."""')
    rewritten = rewritten.replace('        """Do nothing but count."""\n', "        # as it was\n")
    rewritten = rewritten.replace("beside.ONE + 1", "(\n            beside.ONE   + 1 )")
    assert rewritten.count('"""') == MINE.count('"""') - 2
    assert identify("mine:Mine", {"mine.py": rewritten, "beside.py": f"# One.\n{BESIDE}"}) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ONE + 1", "ONE + 2"),
        ("begin_task", "end_task"),
        ("self.count = ", "self.count: int = "),
        ("ONE + 1", "ONE + 1.0"),
    ],
)
def test_a_change_of_the_code_changes_its_identity(identify, old, new):
    before = identify("mine:Mine", {"mine.py": MINE, "beside.py": BESIDE})
    assert identify("mine:Mine", {"mine.py": MINE.replace(old, new), "beside.py": BESIDE}) != before


def test_a_change_of_a_module_beside_it_changes_its_identity(identify):
    before = identify("mine:Mine", {"mine.py": MINE, "beside.py": BESIDE})
    assert identify("mine:Mine", {"mine.py": MINE, "beside.py": "ONE = 2\n"}) != before


def test_a_module_beside_it_that_it_does_not_import_is_no_part_of_it(identify):
    files = {"mine.py": MINE, "beside.py": BESIDE}
    assert identify("mine:Mine", files) == identify("mine:Mine", {**files, "other.py": "x = 1\n"})


def test_its_place_on_the_disk_is_no_part_of_it(identify):
    files = {"mine.py": MINE, "beside.py": BESIDE}
    assert identify("mine:Mine", files) == identify("mine:Mine", files, folder="elsewhere/deep")


def test_two_classes_of_one_file_have_different_identities(identify):
    text = f"{MINE}\n\nclass Other(Mine):\n    pass\n"
    files = {"mine.py": text, "beside.py": BESIDE}
    assert identify("mine:Mine", files) != identify("mine:Other", files)


PACKAGE = {
    "atelier/__init__.py": "",
    "atelier/mine.py": "from .parts import rates\nfrom . import tools\n"
    "from methods.base import Method\n\nclass Mine(Method):\n    rate = rates.RATE\n",
    "atelier/tools.py": "import atelier.parts.deep\n",
    "atelier/parts/__init__.py": "",
    "atelier/parts/rates.py": "from ..parts.further import RATE\n",
    "atelier/parts/further.py": "RATE = 1\n",
    "atelier/parts/deep.py": "def late():\n    from atelier import last\n    return last\n",
    "atelier/last.py": "LAST = 1\n",
}


@pytest.mark.parametrize("changed", sorted(PACKAGE))
def test_every_module_of_a_package_that_it_reaches_counts(identify, changed):
    before = identify("atelier.mine:Mine", PACKAGE)
    other = {**PACKAGE, changed: PACKAGE[changed] + "MORE = 1\n"}
    assert identify("atelier.mine:Mine", other) != before


def test_an_installed_package_is_known_by_its_own_source_and_not_by_its_neighbours(identify):
    files = {**PACKAGE, "neighbour.py": "N = 1\n"}
    files["atelier/tools.py"] += "import neighbour\n"
    before = identify("atelier.mine:Mine", files, folder="lib/site-packages")
    changed = {**files, "atelier/last.py": "LAST = 2\n"}
    assert identify("atelier.mine:Mine", changed, folder="lib/site-packages") != before
    beside = {**files, "neighbour.py": "N = 2\n"}
    assert identify("atelier.mine:Mine", beside, folder="lib/site-packages") == before


HOLDER = """\
from methods.base import Method
{imports}

class Mine(Method):
    held = {held}
"""


def holder(imports: str, held: str) -> dict[str, str]:
    return {"mine.py": HOLDER.format(imports=imports, held=held)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("imports", "held"),
    [
        ("from methods.ewc import EWC", "EWC"),
        ("from methods import EWC as Other", "Other"),
        ("from methods import ewc", "ewc.EWC"),
        ("import methods.ewc as module", "module.EWC"),
        ("from methods import METHODS", "METHODS['ewc']"),
        ("import methods", "methods.EWC"),
        ("from methods import *", "1"),
        ("from methods.parts.sensitivity.fisher import diagonal_fisher", "diagonal_fisher"),
        ("from methods.parts.sensitivity import fisher", "fisher.diagonal_fisher"),
        ("from methods.parts.sensitivity.fisher import Labels", "Labels"),
        ("from beside import SOME", "SOME"),
    ],
)
def test_own_code_that_refers_to_a_built_in_has_another_identity_when_its_version_is_raised(
    identify, monkeypatch, imports, held
):
    beside = "def SOME():\n    from methods.ewc import EWC\n"
    files = holder(imports, held) | {"beside.py": beside}
    monkeypatch.setattr(EWC, "version", 1)
    before = identify("mine:Mine", files)
    assert identify("mine:Mine", files) == before
    monkeypatch.setattr(EWC, "version", 2)
    assert identify("mine:Mine", files) != before


def test_a_function_counts_from_the_versions_that_its_users_have_had_since_it_exists(
    identify, monkeypatch
):
    files = holder("from methods.parts.memory import Memory", "Memory")
    before = identify("mine:Mine", files)
    monkeypatch.setattr(METHODS["icarl"], "version", 1)
    assert identify("mine:Mine", files) == before
    monkeypatch.setattr(METHODS["icarl"], "version", 3)
    assert identify("mine:Mine", files) != before


def test_own_code_that_builds_a_built_in_network_has_its_version(identify, monkeypatch):
    for module in ("orchestrator.networks.networks", "orchestrator.networks.mlp"):
        files = holder(f"from {module} import MLP", "MLP")
        monkeypatch.setattr(MLP, "version", 1)
        before = identify("mine:Mine", files)
        monkeypatch.setattr(MLP, "version", 2)
        assert identify("mine:Mine", files) != before


@pytest.mark.parametrize(
    ("imports", "base"),
    [
        ("from methods.ewc import EWC", "EWC"),
        ("from methods.parts.anchoring import Penalty", "Penalty"),
        ("from methods.base import Method, TaskView", "Method"),
        ("from methods.losses import TaskLoss", "Method"),
        ("from methods.parts.ranges import require_count", "Method"),
    ],
)
def test_a_built_in_that_is_not_referred_to_is_no_part_of_an_identity(
    identify, monkeypatch, imports, base
):
    """Nor does one at version 1, or one that is extended and counts as a base, move a key."""
    text = f"from methods.base import Method\n{imports}\nclass Mine({base}):\n  a = 1\n"
    files = {"mine.py": text}
    before = identify("mine:Mine", files)
    for name, cls in METHODS.items():
        if not (base == "EWC" and name == "ewc"):
            monkeypatch.setattr(cls, "version", 7)
    assert identify("mine:Mine", files) == before


def test_libraries_are_no_part_of_an_identity(identify, monkeypatch):
    text = "import json\nimport numpy.linalg\nimport torch\n" + MINE
    read = []
    monkeypatch.setattr(skeleton, "skeleton", lambda module: read.append(module.path) or "")
    identify("mine:Mine", {"mine.py": text, "beside.py": BESIDE})
    assert sorted(Path(path).name for path in read) == ["beside.py", "mine.py"]


def test_a_source_file_is_read_as_python_reads_it_whatever_the_locale(identify, monkeypatch):
    monkeypatch.setattr("locale.getpreferredencoding", lambda do_setlocale=True: "ascii")
    text = MINE.replace("Do nothing", "Ne fait rien, à jamais").replace("ONE + 1", "len('é')")
    before = identify("mine:Mine", {"mine.py": text, "beside.py": BESIDE})
    changed = text.replace("'é'", "'e'")
    assert identify("mine:Mine", {"mine.py": changed, "beside.py": BESIDE}) != before


def test_a_class_without_source_cannot_be_part_of_a_key(monkeypatch):
    import types

    module = types.ModuleType("made_by_hand")
    module.Mine = type("Mine", (Finetune,), {})
    monkeypatch.setitem(sys.modules, "made_by_hand", module)
    with pytest.raises(RepertoireError, match="module 'made_by_hand' has no source file"):
        code_identity("method", "made_by_hand:Mine")


def test_of_many_names_a_message_lists_those_that_are_alike():
    names = [f"net_{number}" for number in range(1000)]
    text = str(UnknownName("network", "net_70x", names))
    assert "did you mean 'net_70'?" in text
    assert text.endswith(", and 970 more")
    assert len(text) < 600
