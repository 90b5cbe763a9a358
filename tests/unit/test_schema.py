"""`repertoire schema`: what it refuses, reading refuses; what is read, it lets pass."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from methods import METHODS
from orchestrator.cli.app import schema_command
from orchestrator.errors import SweepError
from orchestrator.hashing import to_json
from orchestrator.networks.networks import NETWORKS
from orchestrator.sweep.reading.yaml_file import parse_yaml
from orchestrator.sweep.schema.sweep_schema import schema_text
from orchestrator.sweep.sweep import Sweep

SWEEPS = Path(__file__).resolve().parents[2] / "sweeps"
COMMITTED = SWEEPS / "sweep.schema.json"
FIRST_LINE = f"# yaml-language-server: $schema={COMMITTED.name}"
RIGHT = """\
name: right
benchmark: {name: split, data: digits, scenario: {grid: [class, task]}, order: all, num_tasks: 2}
network: {name: cnn, channels: [4, 8], hidden: {grid: [8, 16]}}
training:
  optimizer: {name: sgd, momentum: 0.9}
  lr: {head: 0.1, body: {loguniform: [1.0e-4, 1.0e-1]}}
  schedule: {name: cosine, warmup: {uniform: [0, 0.5]}}
  augment: [{name: pad_crop, padding: 2}, flip]
methods:
  - finetune
  - {name: ewc, lam: {choice: [1, 10]}, training: {schedule: {warmup: 0.1}, epochs: 2}}
search: {algorithm: {name: optuna, startup: 4}, metric: [acc, storage_bytes], scheduler: fifo}
seeds: [0, 1]
"""
WRONG = {
    "benchmrk: {name: split_digits}": "",
    "name: a/b": "name",
    "seeds: [0, 0]": "seeds",
    "seeds: [zero]": "seeds/0",
    "benchmark: {name: split_digit}": "benchmark",
    "benchmark: {name: split, data: {npy: x.npy}}": "benchmark/data",
    "benchmark: {name: split_digits, num_tasks: five}": "benchmark/num_tasks",
    "benchmark: {name: split_digits, scenario: tasks}": "benchmark/scenario",
    "network: {name: mlp, hiden: [4]}": "network",
    "network: {name: mlp, hidden: {gird: [4]}}": "network",
    "network: {hidden: [4]}": "network",
    "training: {lr: fast}": "training/lr",
    "training: {epochs: 1.5}": "training/epochs",
    "training: {schedule: cosinus}": "training/schedule",
    "training: {schedule: {name: cosine, gamma: 1}}": "training/schedule",
    "training: {augment: [{name: flip, padding: 1}]}": "training/augment",
    "training: {precision: float64}": "training/precision",
    "training: {early_stopping: {patients: 3}}": "training/early_stopping",
    "methods: []": "methods",
    "methods: [finetun]": "methods/0",
    "methods: [{name: ewc, lmbda: 1}]": "methods/0",
    "methods: [{name: er, memory_size: many}]": "methods/0",
    "methods: [{name: er, training: {epoch: 1}}]": "methods/0",
    "search: {metric: acc}": "search",
    "search: {algorithm: optune}": "search/algorithm",
    "search: {algorithm: random, scheduler: {name: asha, grace: 1}}": "search/scheduler",
    "resources: {gpu: 1}": "resources",
    "budget: {stages: 1.5}": "budget/stages",
    "means: equal": "means",
    "mlflow: {uri: 5}": "mlflow/uri",
}


@pytest.fixture(scope="module")
def schema() -> Draft7Validator:
    content = json.loads(schema_text())
    Draft7Validator.check_schema(content)
    return Draft7Validator(content)


def find_refused(schema: Draft7Validator, content: Any) -> list[str]:
    return ["/".join(map(str, error.absolute_path)) for error in schema.iter_errors(content)]


def test_the_schema_that_sweeps_name_is_the_one_that_is_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    schema_command()
    printed = capsys.readouterr().out
    again = f"repertoire schema > sweeps/{COMMITTED.name}"
    assert COMMITTED.read_text(encoding="utf-8") == printed, again


def test_every_sweep_names_the_schema_and_passes_it(schema: Draft7Validator) -> None:
    paths = sorted(SWEEPS.glob("*.yaml"))
    assert paths
    for path in paths:
        text = path.read_text(encoding="utf-8")
        assert text.splitlines()[0] == FIRST_LINE, path
        assert find_refused(schema, parse_yaml(text)) == [], path


def test_what_is_read_passes(schema: Draft7Validator, tmp_path: Path) -> None:
    content = parse_yaml(RIGHT)
    assert Sweep.read(content, RIGHT, "right", tmp_path).groups
    assert find_refused(schema, content) == []
    own = {"methods": ["mine:Mine", {"name": "mine:Mine", "any": 1}], "network": "timm:resnet10t"}
    own |= {"search": {"algorithm": {"name": "mine:Searcher", "any": 1}}}
    assert find_refused(schema, content | own) == []


def test_every_method_and_network_passes_with_all_its_defaults(schema: Draft7Validator) -> None:
    content = parse_yaml(RIGHT)
    methods = [{"name": name, **to_json(cls.Config())} for name, cls in METHODS.items()]
    assert find_refused(schema, content | {"methods": methods}) == []
    for name, cls in NETWORKS.items():
        assert (
            find_refused(schema, content | {"network": {"name": name, **to_json(cls.Config())}})
            == []
        )


@pytest.mark.parametrize("line", WRONG)
def test_what_it_refuses_is_refused_when_it_is_read(
    schema: Draft7Validator, line: str, tmp_path: Path
) -> None:
    content = parse_yaml(RIGHT) | parse_yaml(line)
    places = find_refused(schema, content)
    assert places
    assert all(place.startswith(WRONG[line]) for place in places)
    with pytest.raises(SweepError):
        Sweep.read(content, "", "wrong", tmp_path)
