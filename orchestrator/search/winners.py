"""The winners of a search, and how they are chosen among the candidates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.search.candidate import Candidate
from orchestrator.stages.stage import Chain, Stage
from orchestrator.sweep.objective.objective import Objective
from orchestrator.sweep.trial import Trial

ChainStages = tuple[Chain, tuple[Stage, ...]]


@dataclass(frozen=True)
class Winner:
    """A trial that won, and further columns of its rows in the tables."""

    trial: Trial
    columns: Mapping[str, Any]


def select_winners(candidates: Iterable[Candidate], objective: Objective) -> list[Candidate]:
    """Return the winners of each stratum, by number.

    Only candidates that learned all tasks on all seeds and have a value are ranked: accuracy falls
    as tasks are learned, so a candidate that was stopped early would look better than it is. With
    several metrics the Pareto front wins; with one metric the first of equals.
    """
    ranked = [c for c in candidates if c.status == "complete" and c.values is not None]
    strata = dict.fromkeys(c.stratum for c in ranked)
    winners = [
        winner
        for stratum in strata
        for winner in select_best([c for c in ranked if c.stratum == stratum], objective)
    ]
    return sorted(winners, key=lambda c: c.number)


def select_best(ranked: list[Candidate], objective: Objective) -> list[Candidate]:
    """Return the best of candidates that may be compared."""
    values = [c.values for c in ranked]
    if len(objective.metrics) > 1:
        return [ranked[i] for i in objective.front(values)]
    # Of equals the one that was drawn first.
    return [max(ranked, key=lambda c: (objective.key(c.values or ()), -c.number))]
