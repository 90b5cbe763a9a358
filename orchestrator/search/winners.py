"""Who won: of each group, and of each benchmark in it, the best of those that came to the end."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.search.candidate import Candidate
from orchestrator.sweep.objective import Objective


def winners(candidates: Iterable[Candidate], objective: Objective) -> list[Candidate]:
    """Return the winners, by number.

    Only candidates that learned all tasks on all seeds and have a value are ranked: accuracy falls
    as tasks are learned, so one that was stopped early would look better than it is. Of several
    metrics the Pareto front wins; of equals, with one metric, the first.
    """
    ranked = [c for c in candidates if c.status == "complete" and c.values is not None]
    strata = dict.fromkeys(c.stratum for c in ranked)
    found = [best([c for c in ranked if c.stratum == stratum], objective) for stratum in strata]
    return sorted((winner for won in found for winner in won), key=lambda c: c.number)


def best(ranked: list[Candidate], objective: Objective) -> list[Candidate]:
    """Return the best of candidates that may be compared."""
    values = [c.values for c in ranked]
    if len(objective.metrics) > 1:
        return [ranked[i] for i in objective.front(values)]
    return [max(ranked, key=lambda c: (objective.key(c.values or ()), -c.number))]
