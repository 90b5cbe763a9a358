"""FLOPs of predictions: those multiplied by kind are those counted, whatever predicts."""

from __future__ import annotations

import pytest
from counting_meter import CountingMeter

from methods.base import Method
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.scoring import score_tasks
from orchestrator.stages.stage import Stage
from orchestrator.stages.stage_method import build_method
from perf.gpu.cases import Case, run_states, split_digits

pytestmark = pytest.mark.slow


def learn_three_tasks(name: str) -> tuple[Stage, Method]:
    """Return the third stage of a method on digits, in the task scenario, and what it learned."""
    benchmark = split_digits(samples_per_task=24)
    case = Case("", benchmark, ("mlp", {"hidden": (6,)}), {"batch_size": 16, "epochs": 1})
    chain = case.chain(name)[:4]
    return chain[-1], build_method(chain[-1], run_states(chain, "cpu")[-1], learned=3)


@pytest.mark.parametrize("name", ["finetune", "ewc", "hat", "independent", "packnet", "pnn"])
def test_flops_of_scores_multiplied_by_kind_are_those_counted(name: str) -> None:
    stage, method = learn_three_tasks(name)
    totals = []
    for meter in (FlopMeter(), CountingMeter()):
        score_tasks(stage, method, stage.task_keys, "cpu", meter)
        totals.append(meter.total)
    assert totals[0] == totals[1] > 0


@pytest.mark.parametrize(("name", "by_task"), [("finetune", False), ("packnet", True)])
def test_predictions_are_watched_once_for_each_size_and_for_each_task_if_they_depend_on_it(
    name: str, by_task: bool
) -> None:
    stage, method = learn_three_tasks(name)
    meter, tasks = FlopMeter(), stage.benchmark.tasks()
    scores = score_tasks(stage, method, stage.task_keys, "cpu", meter)
    # Some methods have no score on a task that they have not learned.
    scored = [task for task in tasks if scores[task.key]["test"].accuracy is not None]
    parts = [(task, part) for task in scored for part in (task.validation, task.test)]
    watched = {(len(part), task.index if by_task else None) for task, part in parts}
    assert len(meter.known) == len(watched) < len(parts) + by_task
