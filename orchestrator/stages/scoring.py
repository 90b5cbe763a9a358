"""Scores of a method: accuracy and loss on the examples of a task, or of several tasks."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import partial, reduce

import torch
import torch.nn.functional as F
from torch import Tensor

from methods.base import Examples, Method
from orchestrator.networks.kept_inputs import KEPT_INPUTS
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.record import Score
from orchestrator.stages.stage import Stage

EVALUATION_BATCH = 1024  # never an option: the sums of losses, and so R's bits, depend on it


def pool_scores(scores: Sequence[Score]) -> Score:
    """Return the score on the examples of several scores together."""
    scores = [score for score in scores if score.n]
    n = sum(score.n for score in scores)
    if not n:
        return Score(accuracy=None, loss=None, n=0)
    accuracy = sum((score.accuracy or 0) * score.n for score in scores) / n
    losses = [score.loss * score.n for score in scores if score.loss is not None]
    loss = sum(losses) / n if len(losses) == len(scores) else None
    return Score(accuracy=accuracy, loss=loss, n=n)


def score_tasks(
    stage: Stage, method: Method, task_keys: tuple[str, ...], device: str, meter: FlopMeter
) -> dict[str, dict[str, Score]]:
    """Return the stage's scores on validation and test data of some tasks, by task key."""
    method.eval()
    scores: dict[str, dict[str, Score]] = {}
    # The keys of all tasks at once, since each by itself looks its data set up.
    for key, task in zip(stage.benchmark.task_keys(), stage.benchmark.tasks(), strict=True):
        if key not in task_keys:
            continue
        # Row 0 is the untrained network's, which has all outputs whatever the method.
        seen = stage.after == 0 or task.index <= stage.after or method.scores_unseen
        allowed = stage.benchmark.eval_allowed(stage.after, task.index)
        allowed = None if allowed is None else allowed.to(device)
        task_id = task.index if stage.benchmark.scenario == "task" else None
        score = partial(score_examples, meter=meter, kind=prediction_kind(method, task_id))
        scores[key] = {
            split: score(method.predict, examples.to(device), allowed, task_id)
            if seen
            else Score(accuracy=None, loss=None, n=len(examples))
            for split, examples in (("validation", task.validation), ("test", task.test))
        }
    return scores


def prediction_kind(method: Method, task: int | None) -> Hashable:
    """Return what predictions for a task share with others that have the same FLOPs."""
    # The network alone computes the same for all tasks.
    return "predict" if type(method).predict is Method.predict else ("predict", task)


@torch.no_grad()
def score_examples(
    predict: Callable[[Tensor, int | None], Tensor],
    examples: Examples,
    allowed: Tensor | None,
    task: int | None,
    meter: FlopMeter,
    kind: Hashable = "predict",
) -> Score:
    """Score a method on one split of one task.

    Args:
        predict: returns scores [B, C]; of a method in evaluation mode.
        examples: on the device of the method.
        allowed: bool [C], outputs that may be predicted; None: all.
        task: the task's index where the scenario reveals it, else None.
        meter: receives the FLOPs.
        kind: of the work for the meter: predictions of one kind have the same FLOPs on batches of
            one size.

    Returns:
        Accuracy over the allowed outputs and mean cross-entropy; the loss is None where no label is
        allowed (an unseen class under the mask of seen classes: accuracy is 0 by definition).
    """
    n = len(examples)
    if n == 0:
        return Score(accuracy=None, loss=None, n=0)
    if allowed is not None and not bool(allowed[examples.y].any()):
        return Score(accuracy=0.0, loss=None, n=n)
    correct, losses = list[Tensor](), list[Tensor]()
    for part in evaluation_batches(examples):
        with KEPT_INPUTS.keep_parts(examples.x):
            scores = meter.measure((kind, len(part)), predict, part.x, task)
        # By the mask of the scenario, not by the method: all methods answer among the same outputs.
        scores = scores if allowed is None else scores.masked_fill(~allowed, float("-inf"))
        correct.append((scores.argmax(dim=1) == part.y).sum())
        # In double precision, so that the sum over batches loses no digits.
        losses.append(F.cross_entropy(scores, part.y, reduction="sum").double())
    # Added on the device, since to read each batch would wait for it, and one after the other, as
    # the bits depend on the order.
    num_correct, loss = int(reduce(torch.add, correct)), float(reduce(torch.add, losses))
    # The loss is infinite where the mask excludes the label of an example.
    mean = loss / n
    return Score(accuracy=num_correct / n, loss=mean if mean < float("inf") else None, n=n)


def evaluation_batches(examples: Examples) -> Iterable[Examples]:
    """Return examples in batches of at most `EVALUATION_BATCH`."""
    # Of a long stream most splits are small, and a slice would cost 5 % of their scores.
    if len(examples) <= EVALUATION_BATCH:
        return (examples,)
    starts = range(0, len(examples), EVALUATION_BATCH)
    return (examples[start : start + EVALUATION_BATCH] for start in starts)
