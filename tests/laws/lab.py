"""A lab: a folder with a small real sweep, computed in this process."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator.backends.inline import Inline
from orchestrator.graph.driver import Backend
from orchestrator.graph.plan import Plan, plan
from orchestrator.graph.progress import Progress
from orchestrator.results.folder.places import open_store, results_folder
from orchestrator.results.folder.tabulator import Tabulator
from orchestrator.search.evaluate import evaluate
from orchestrator.stages import run_stage, worker
from orchestrator.stages.storage.store import StageStore
from orchestrator.sweep.sweep import Sweep

NUMBERS = itertools.count()
INLINE = Inline()


@contextmanager
def count_computed() -> Iterator[list[str]]:
    """Return a context that gives the keys that were really computed in it, in order."""
    keys: list[str] = []

    def note_and_run(stage, *args):  # type: ignore[no-untyped-def]
        keys.append(stage.key)
        return run_stage.run_stage(stage, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "run_stage", note_and_run)
        yield keys


@dataclass
class Lab:
    """A folder with a sweep, its results and, under `modules`, methods of a user's own."""

    folder: Path
    sweep: Path = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.sweep = self.folder / "sweep.yaml"

    @property
    def out(self) -> Path:
        return self.folder / "results"

    @property
    def store(self) -> StageStore:
        return open_store(self.out, None)

    @property
    def tables(self) -> dict[str, bytes]:
        """The three tables of the sweep named lab, as bytes."""
        return {path.stem: path.read_bytes() for path in sorted(self.out.glob("lab/*.parquet"))}

    def ask(self, methods: str = "[finetune]", **parts: str) -> Lab:
        """Write the sweep."""
        whole = {
            "name": "lab",
            "benchmark": "{name: split_digits, num_tasks: 2, samples_per_task: 32}",
            "network": "{name: mlp, hidden: [8]}",
            "training": "{batch_size: 16}",
            "methods": methods,
            "seeds": "[0]",
        } | parts
        self.sweep.write_text("".join(f"{name}: {text}\n" for name, text in whole.items()))
        return self

    def plan(self) -> Plan:
        return plan(Sweep.load(self.sweep), self.store)

    def run(self, backend: Backend = INLINE) -> Progress:
        """Run the sweep as it stands now."""
        sweep_plan = self.plan()
        return evaluate(sweep_plan, self.tables_of(sweep_plan), backend)

    def tables_of(self, sweep_plan: Plan) -> Tabulator:
        return Tabulator(sweep_plan.chains, self.store, results_folder(sweep_plan.sweep, self.out))

    def files(self, name: str) -> dict[str, bytes]:
        """Return key -> content of the stages' files of a name."""
        return {
            path.parent.name: path.read_bytes() for path in self.out.glob(f"stages/??/*/{name}")
        }

    def method(self, source: str) -> str:
        """Write a module with a method called Mine; return its dotted name, new every time."""
        module = f"own_method_{next(NUMBERS)}"
        head = "from __future__ import annotations\nfrom pathlib import Path\n"
        head += "from methods.finetune import Finetune\n"
        (self.folder / f"{module}.py").write_text(head + textwrap.dedent(source))
        return f"'{module}:Mine'"
