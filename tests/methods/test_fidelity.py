"""The 23 points on which implementations differ: each has tests that exist, and the last few."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from alike import small_network

from methods import METHODS
from methods.base import Config, Setting
from methods.finetune import Finetune
from methods.testing.blobs import Blobs
from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.stages.build_stages import build_stages
from orchestrator.stages.code.components import create_component
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.learning.learner import Training, train_task
from orchestrator.stages.stage_method import build_method, task_view

TESTS = Path(__file__).resolve().parents[1]
PAGE = TESTS.parent / "docs" / "methods" / "README.md"
ROWS = re.findall(r"^\| (\d+) \|.*\| ([^|]+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


def test_every_point_has_its_row():
    assert [int(number) for number, _ in ROWS] == list(range(1, 24))


@pytest.mark.parametrize(("number", "tests"), ROWS)
def test_the_tests_of_a_point_are_there(number, tests):
    files = [part.split(": ", 1) for part in tests.split("; ")]
    assert files
    for file, names in files:
        path = file.strip("`")
        text = (TESTS / (path if "/" in path else f"methods/{path}")).read_text(encoding="utf-8")
        for name in re.findall(r"`(test_\w+)`", names):
            assert f"def {name}(" in text, f"{path} has no {name}"


def test_defaults_are_those_recommended():
    for name in ("ewc", "si", "mas", "rwalk", "l2"):
        cls = METHODS[name]
        for scenario, values in (("task", False), ("domain", True), ("class", False)):
            setting = Setting(scenario, 10, (1, 8, 8), "mlp")
            assert cls.with_defaults(cls.Config(), setting).penalise_head is values
            for given in (False, True):
                explicit = cls.Config(penalise_head=given)
                assert cls.with_defaults(explicit, setting) == explicit
    assert METHODS["ewc"].Config().labels == "all"
    assert METHODS["si"].Config().xi == 0.1
    assert METHODS["lwf"].Config().temperature == 2
    assert METHODS["generative_replay"].Config(labels="soft").temperature == 2
    assert 0.1 <= METHODS["derpp"].Config().alpha <= 1
    assert 0.5 <= METHODS["derpp"].Config().beta <= 1


class LearnsTheFirstTask(Finetune):
    """Has no gradient in later tasks."""

    def begin_task(self, task):
        self.weight = float(task.index == 1)

    def loss(self, batch):
        return self.weight * self.task_loss(batch)


def test_every_task_has_an_optimiser_of_its_own():
    """Adam's moments do not live on: without a gradient the next task moves nothing."""
    blobs = Blobs(LearnsTheFirstTask, Config(), "class")
    method, training = blobs.create_method(), Training(batch_size=20, lr=0.1)
    states = [[p.detach().clone() for p in method.network.parameters()]]
    for index in (1, 2):
        train_task(method, blobs.view(index), training, FlopMeter())
        states.append([p.detach().clone() for p in method.network.parameters()])
    assert not any(map(torch.equal, states[0], states[1]))
    assert all(map(torch.equal, states[1], states[2]))


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_shown_training_images_alone(name):
    cls = METHODS[name]
    scenario = "class" if "class" in cls.scenarios else "task"
    benchmark = Benchmark(name="split_digits", scenario=scenario, num_tasks=5)
    method = create_component("method", name, cls.Config())
    chain = build_stages(benchmark, small_network(name, 9), Training(), method, 0)
    shown = task_view(chain[2], build_method(chain[2], None, learned=0), "cpu").examples.x
    tasks = benchmark.tasks()
    trained_on = tasks[:2] if cls.trains_on == "seen" else tasks[1:2]
    training = torch.cat([task.train.x for task in trained_on])
    assert sorted(shown.flatten(1).tolist()) == sorted(training.flatten(1).tolist())
    assert len(shown) < sum(len(t.train) + len(t.validation) for t in trained_on)
