"""The order in which candidates are drawn and reported."""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator.search.candidate import Candidate
from orchestrator.search.ports import Sampler
from orchestrator.sweep.spaces.domains import Point

FAILED = ("diverged", "failed", "infeasible")


@dataclass
class Draws:
    """The candidates in the order they are drawn, which does not depend on the order they end in.

    Candidate i is drawn once all candidates up to i - `parallel` are over and were reported to the
    sampler, in order. A sampler that does not learn need not wait.

    Attributes:
        sampler: draws the points.
        limit: number of candidates at most; None is all there are.
        parallel: number of candidates on their way at most, if the sampler learns.
        candidates: the candidates drawn so far, by number.
    """

    sampler: Sampler
    limit: int | None
    parallel: int
    candidates: list[Candidate] = field(default_factory=list)
    _num_reported: int = 0
    _exhausted: bool = False

    def next(self) -> Point | None:
        """Return the next point, or None if there is none, or none yet."""
        number = len(self.candidates)
        if self._exhausted or (self.limit is not None and number >= self.limit):
            return None
        # A sampler that does not learn may run ahead of what is reported to it.
        if not self._report_up_to(number - self.parallel) and self.sampler.learns:
            return None
        point = self.sampler.ask(number)
        self._exhausted = point is None
        return point

    def repeat(self) -> None:
        """Let the sampler draw the next point again, to restore its state."""
        self._report_up_to(len(self.candidates) - self.parallel)
        self.sampler.ask(len(self.candidates))

    def close(self) -> None:
        """Stop: no further candidate is drawn."""
        self._exhausted = True

    @property
    def is_over(self) -> bool:
        """Whether no more candidates will be drawn."""
        return self._exhausted or len(self.candidates) == self.limit

    def find_original(self, candidate: Candidate) -> Candidate:
        """Return the candidate, or an earlier candidate with the same trial."""
        return candidate if candidate.twin is None else self.candidates[candidate.twin]

    def _report_up_to(self, last: int) -> bool:
        """Report candidates up to `last`, in order; return False if one is not over yet."""
        while self._num_reported <= last:
            candidate = self.find_original(self.candidates[self._num_reported])
            if not candidate.is_over:
                return False
            self.sampler.tell(self._num_reported, candidate.values, candidate.status in FAILED)
            self._num_reported += 1
        return True
