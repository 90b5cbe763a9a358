"""CONTRIBUTING.md's table of what to touch: one of each is added to a copy of the packages."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from forked import run_forked

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("orchestrator", "methods", "dashboards")
MOST_FILES = 3

# What is added, by row of the table: for each file the text of a new one, or (after, insertion).
ADDITIONS: dict[str, dict[str, str | list[tuple[str, str]]]] = {
    "method": {
        "methods/mine.py": (
            "from methods.finetune import Finetune\n\n\nclass Plain(Finetune):\n"
            '    """Fine-tuning by another name."""\n\n    version = 1\n'
        ),
        "methods/__init__.py": [
            ("from methods.mas import MAS\n", "from methods.mine import Plain\n"),
            ("] = {\n", '    "plain": Plain,\n'),
        ],
    },
    "network": {
        "networks/mine.py": (
            "from orchestrator.networks.mlp import MLP\n\n\nclass Wide(MLP):\n"
            '    """A network by another name."""\n'
        ),
        "networks/networks.py": [
            ("mlp import MLP\n", "from orchestrator.networks.mine import Wide\n"),
            ("Network]] = {\n", '    "wide": Wide,\n'),
        ],
    },
    "data set": {
        "benchmarks/datasets/dataset_table.py": [
            (
                "layouts import LabelledPaths\n",
                "\n\ndef read_stripes(folder):\n"
                "    import numpy as np\n"
                "    y = np.arange(40) % 4\n"
                "    x = (np.arange(64).reshape(1, 8, 8) + 17 * y[:, None, None])\n"
                "    return x.astype(np.uint8), y, x.astype(np.uint8), y\n\n\n",
            ),
            (
                "DATASETS: dict[str, DatasetInfo] = {\n",
                '    "stripes": DatasetInfo(\n'
                "        num_classes=4, input_shape=(1, 8, 8), mean=(0.2,), std=(0.1,),\n"
                "        read=read_stripes,\n    ),\n",
            ),
        ],
        "benchmarks/stream_data.py": [('("permuted", (', '"stripes", ')],
    },
    "metric": {
        "columns.py": [
            (
                "METRIC_COLUMNS = (\n",
                '    Column("worst", "WORST", "worst: lowest accuracy at the end (test)"),\n',
            )
        ],
        "results/metrics.py": [
            (
                "float]] = {\n",
                '    "worst": lambda r, scenario: float(r[-1].min() if r.size else "nan"),\n',
            )
        ],
    },
    "schedule of the learning rate": {
        "stages/learning/decays.py": [
            (
                "OneCycle)\n}\n",
                "\n\n@dataclass(frozen=True, kw_only=True)\nclass Halved(Schedule):\n"
                '    """Half the rate."""\n\n    name: ClassVar[str] = "halved"\n\n'
                "    def decay(self, step: int, warm: float, span: Span) -> float:\n"
                '        """Return one half."""\n        return 0.5\n\n\n'
                'SCHEDULES["halved"] = Halved\n',
            )
        ],
    },
    "algorithm of a search": {
        "sweep/search_section/algorithms.py": [
            (
                '    """Independent draws."""\n',
                "\n\n@dataclass(frozen=True, kw_only=True)\nclass Dice(Options):\n"
                '    """Independent draws by another name."""\n',
            ),
            ("= dict(\n", "    dice=Dice,\n"),
        ],
        "backends/factory.py": [
            ("search_section.algorithms import ", "Dice, "),
            (
                "        return GridSampler(group.space)\n",
                "    if isinstance(algorithm, Dice):\n"
                "        return RandomSampler(group.space, seed)\n",
            ),
        ],
    },
    "scheduler of a search": {
        "sweep/search_section/schedulers.py": [
            (
                '    """Every candidate runs to the end."""\n',
                "\n\n@dataclass(frozen=True, kw_only=True)\nclass Patient(Options):\n"
                '    """Every candidate runs to the end, as well."""\n',
            ),
            ("= dict(\n", "    patient=Patient,\n"),
        ],
        "backends/tune_objects.py": [
            ("search_section.schedulers import Asha, HyperBand, Median, ", "Patient, "),
            ("ray.tune.schedulers import (\n", "    FIFOScheduler,\n"),
            (
                '''    """Return Tune's scheduler with the options of a sweep."""\n''',
                "    if isinstance(options, Patient):\n        return FIFOScheduler()\n",
            ),
        ],
    },
    "tracker": {
        "tracking/mine.py": (
            "from pathlib import Path\n\n\nclass FileTracker:\n"
            '    """Writes what happens into a file."""\n\n'
            "    def __init__(self, folder: Path) -> None:\n"
            '        self._file = folder / "calls.txt"\n\n'
            "    def notify(self) -> None:\n        self._note('notify')\n\n"
            "    def close(self, timeout_seconds: float = 1.0) -> None:\n"
            "        self._note('close')\n\n"
            "    def _note(self, call: str) -> None:\n"
            '        with self._file.open("a") as file:\n            print(call, file=file)\n'
        ),
        "tracking/own_trackers.py": [
            ("import RepertoireError\n", "from orchestrator.tracking.mine import FileTracker\n"),
            ("TRACKERS: dict[str, type] = {", '"calls": FileTracker'),
        ],
    },
    "backend": {
        "backends/mine.py": (
            "from orchestrator.backends.inline import Inline\n\n\nclass Loud(Inline):\n"
            '    """This process, with a line."""\n\n'
            "    def compute(self, *args) -> None:\n"
            '        self._say("loud")\n        super().compute(*args)\n'
        ),
        "backends/factory.py": [
            ("import Inline\n", "from orchestrator.backends.mine import Loud\n"),
            (
                "BackendEntry] = {\n",
                '    "loud": BackendEntry(lambda place, say: nullcontext(Loud(say)), '
                "FirstInFirstOut),\n",
            ),
        ],
        "cli/app.py": [('    inline = "inline"\n', '    loud = "loud"\n')],
    },
}
SWEEP = """
name: extended
seeds: [0]
benchmark: {name: permuted_stripes, scenario: task, num_tasks: 2}
network: {name: wide, hidden: [4]}
training: {iterations: 2, lr: {loguniform: [1.0e-3, 1.0e-1]}, schedule: halved}
methods: [plain]
search: {algorithm: dice, num_trials: 2, metric: worst, seeds: [100], scheduler: patient}
"""
RESULTS = """
import json
import orchestrator
from orchestrator.stages.learning.decays import SCHEDULES
from orchestrator.stages.learning.schedules import Span
results = orchestrator.load("out/extended")
trial = results.trials[results.trials.phase == "evaluation"].iloc[0]
print(json.dumps({
    "names": [trial.method, trial["config.network.name"], trial.benchmark],
    "schedule": "halved" in json.dumps(json.loads(trial.config)["training"]["schedule"]),
    "factor": SCHEDULES["halved"]().factor(3, Span(lr=0.1, steps=10, unit=5)),
    "metric": bool(trial.worst == results.r_matrix(trial.trial_id, trial.seed)[-1].min()),
    "candidates": int((results.trials.phase == "search").sum()),
    "status": trial.status,
    "imported from": orchestrator.__file__,
}))
"""


def rows() -> Iterator[tuple[str, list[str]]]:
    """Yield the name and the files of a built-in of each row of the table."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text.partition("| To add | Yours | Built-in |")[2].partition("\n\n")[0]
    for line in table.splitlines()[2:]:
        _, name, _, files, *_ = (cell.strip() for cell in line.split("|"))
        yield name, re.findall(r"`([^`]+\.py)`", files)


def place(file: str) -> str:
    return file if file.startswith("methods/") else f"orchestrator/{file}"


def test_the_table_has_the_files_that_an_addition_touches() -> None:
    assert dict(rows()) == {name: [*files] for name, files in ADDITIONS.items()}
    assert max(len(files) for files in ADDITIONS.values()) <= MOST_FILES


@pytest.fixture
def extension_folder(tmp_path: Path) -> Path:
    """A folder with the packages, to which one of everything was added, and a sweep."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package)
    for files in ADDITIONS.values():
        for file, change in files.items():
            path = tmp_path / place(file)
            if isinstance(change, str):
                assert not path.exists()
                path.write_text(change)
                continue
            for after, insertion in change:
                text = path.read_text()
                assert after in text, (file, after)
                path.write_text(text.replace(after, after + insertion, 1))
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    return tmp_path


def test_one_of_each_is_used_by_a_sweep_that_names_it(extension_folder: Path) -> None:
    def run() -> None:
        for name in [name for name in sys.modules if name.partition(".")[0] in PACKAGES]:
            del sys.modules[name]
        from typer.testing import CliRunner

        from orchestrator.cli.app import app

        words = ["run", "sweep.yaml", "--out", "out", "--backend", "loud", "--tracker", "calls"]
        ran = CliRunner().invoke(app, words, catch_exceptions=False)
        assert ran.exit_code == 0, ran.output
        assert "loud\n" in ran.output
        exec(RESULTS, {})

    result = run_forked(run, extension_folder)
    assert result.code == 0, result.stderr
    output = json.loads(result.stdout.splitlines()[-1])
    assert output == {
        "names": ["plain", "wide", "permuted_stripes"],
        "schedule": True,
        "factor": 0.5,
        "metric": True,
        "candidates": 2,
        "status": "complete",
        "imported from": str(extension_folder / "orchestrator" / "__init__.py"),
    }
    calls = (extension_folder / "out" / "extended" / "calls.txt").read_text().split()
    assert calls[-1] == "close"
    assert "notify" in calls
