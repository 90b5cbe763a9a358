"""The steps that tasks really took, where these follow from the state of a method.

Under equal means a method that grows by what it learns has a budget for each task in place of a
number of steps (`stages.learning.step_budget`). The records of its stages have the number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.hashing import canonical_json, parse_json, to_json
from orchestrator.stages.learning.step_budget import STEP_BUDGET
from orchestrator.stages.record import Record
from orchestrator.sweep.means.dials import ITERATIONS

if TYPE_CHECKING:
    from orchestrator.stages.stage import Chain


def dial_text(chain: Chain, records: Sequence[Record]) -> str | None:
    """Return what was solved for as JSON, with the steps of the tasks that were learned."""
    if chain.means_dial is None or not any(STEP_BUDGET in each for each in chain.hyperparameters):
        return chain.means_dial
    steps = [record.costs.num_batches for record in records if record.after]
    return canonical_json({**parse_json(chain.means_dial), ITERATIONS: steps})


def hyperparameter_json(chain: Chain, record: Record) -> str:
    """Return the hyperparameters that change from task to task, at that of a record, as JSON."""
    values: dict[str, Any] = dict(chain.hyperparameters[record.after])
    if values.pop(STEP_BUDGET, None) is not None:
        values[ITERATIONS] = record.costs.num_batches
    return canonical_json(to_json(values))
