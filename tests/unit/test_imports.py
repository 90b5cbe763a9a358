"""Law 6: importing a package loads neither Ray nor MLflow, prints nothing and changes nothing."""

import ast
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import methods
import orchestrator

pytestmark = pytest.mark.slow

# Modules that need Ray are imported when a stage is to be computed there.
ON_RAY = (
    "orchestrator.backends.tune_",
    "orchestrator.backends.ray_notes",
    "orchestrator.backends.ray_tasks",
    "orchestrator.backends.ray_workers",
)

IMPORT_ALL = """
import importlib, os, random, sys, threading
# Not ours to judge: what libraries do when they are imported (rich draws from random).
import numpy, pandas, pyarrow, rich.console, torch

def surroundings():
    return {
        "Ray or MLflow": [name for name in ("ray", "mlflow") if name in sys.modules],
        "random": hash(random.getstate()),
        "numpy": numpy.random.get_state()[1].tobytes(),
        "torch": torch.random.get_rng_state().numpy().tobytes(),
        "threads of torch": torch.get_num_threads(),
        "types": (torch.get_default_dtype(), torch.is_grad_enabled()),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "path": list(sys.path),
        "folder": os.getcwd(),
        "environment": dict(os.environ),
        "threads": threading.active_count(),
    }

before = surroundings()
for name in sys.argv[1:]:
    importlib.import_module(name)
    after = surroundings()
    changed = [what for what in before if after[what] != before[what]]
    assert not changed, f"importing {name} changes: {changed}"

from orchestrator.stages.flops import FlopCounter
from orchestrator.stages.without_compiler import spare_optimizers

spare_optimizers()
weights = torch.nn.Parameter(torch.ones(2, 2))
for cls in (torch.optim.SGD, torch.optim.AdamW, torch.optim.RMSprop):
    optimizer = cls([weights], lr=0.1)
    with FlopCounter() as counter:
        (weights @ weights).sum().backward()
    assert counter.total == 3 * 16, counter.total
    optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())
    optimizer.zero_grad()
assert "sympy" not in sys.modules, "a step of an optimiser imports sympy"

from orchestrator.networks.zoo import TorchvisionNetwork
from methods.parts.sensitivity.example_gradients import sum_by_example

rows = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
one_direction = lambda logits: [(torch.ones(2), torch.ones_like(logits))]
sizes = sum_by_example(torch.nn.Linear(2, 2), rows, one_direction, torch.square)
# The gradient of the sum of outputs by a weight is its input.
assert sizes["weight"].tolist() == [[10.0, 20.0]] * 2, sizes
assert "resnet18" in TorchvisionNetwork.architectures()
assert "torch._dynamo" not in sys.modules
"""

IMPORT_ONE = """
import importlib, sys
importlib.import_module(sys.argv[1])
loaded = [name for name in sys.argv[2:] if name in sys.modules]
assert not loaded, f"importing {sys.argv[1]} loads: {loaded}"
"""


def modules() -> list[str]:
    """Return every module of the packages but those of Ray's processes."""
    actual = ["orchestrator", "methods"]
    for package in (orchestrator, methods):
        walked = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        actual += [module.name for module in walked]
    return [name for name in actual if not name.startswith(ON_RAY)]


def run(script: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *words],
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_importing_every_module_changes_nothing_and_no_work_needs_the_compiler():
    names = modules()
    assert {
        "orchestrator.results.folder.tabulator",
        "orchestrator.backends.ray_backend",
        "orchestrator.tracking.experiment",
        "methods.ewc",
    } <= set(names)
    result = run(IMPORT_ALL, *names)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_the_command_line_is_imported_without_torch_pandas_and_pyarrow():
    heavy = [
        "torch",
        "numpy",
        "pandas",
        "pyarrow",
        "pydantic",
        "sklearn",
        "torchvision",
        "ray",
        "mlflow",
    ]
    for name in ("orchestrator.cli.app", "orchestrator", "orchestrator.graph.trial_graph"):
        result = run(IMPORT_ONE, name, *heavy)
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_a_module_that_is_run_has_defined_all_it_calls() -> None:
    """What follows `if __name__ == "__main__"` is not there yet when the module is run."""
    root = Path(__file__).parents[2]
    for package in ("orchestrator", "methods", "dashboards", "perf"):
        for path in (root / package).rglob("*.py"):
            if "__main__" not in (text := path.read_text(encoding="utf-8")):
                continue
            body = ast.parse(text).body
            runs = [n for n in body if isinstance(n, ast.If) and "__main__" in ast.unparse(n.test)]
            assert runs in ([], body[-1:]), path
