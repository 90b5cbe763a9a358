"""The order in which candidates are drawn, and in which their sampler hears of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator.search.candidate import Candidate
from orchestrator.search.ports import Sampler
from orchestrator.sweep.spaces import Point

FAILED = ("diverged", "failed", "infeasible")


@dataclass
class Draws:
    """Candidates in the order they are drawn, which never depends on the order they end in.

    Candidate i is drawn once all up to i - `parallel` are over, and its sampler has then been told
    of exactly these, in order. One that learns nothing need not wait.

    Attributes:
        sampler: draws.
        limit: how many at most; None is all there are.
        parallel: how many may be on their way when the sampler learns.
        candidates: those drawn so far, by number.
    """

    sampler: Sampler
    limit: int | None
    parallel: int
    candidates: list[Candidate] = field(default_factory=list)
    _told: int = 0
    _dry: bool = False

    def next(self) -> Point | None:
        """Return the next point, or None if there is none, or none yet."""
        number = len(self.candidates)
        if self._dry or (self.limit is not None and number >= self.limit):
            return None
        if not self._tell_up_to(number - self.parallel) and self.sampler.learns:
            return None
        point = self.sampler.ask(number)
        self._dry = point is None
        return point

    def repeat(self) -> None:
        """Let the sampler draw what was drawn before, so that it stands where it stood."""
        self._tell_up_to(len(self.candidates) - self.parallel)
        self.sampler.ask(len(self.candidates))

    def close(self) -> None:
        """Draw no more."""
        self._dry = True

    @property
    def over(self) -> bool:
        """Whether all is drawn."""
        return self._dry or len(self.candidates) == self.limit

    def original(self, candidate: Candidate) -> Candidate:
        """Return the candidate that stands for one: itself, or the earlier one that is the same."""
        return candidate if candidate.twin is None else self.candidates[candidate.twin]

    def _tell_up_to(self, last: int) -> bool:
        """Tell the sampler of candidates up to `last`, in order; False if one is not over yet."""
        while self._told <= last:
            candidate = self.original(self.candidates[self._told])
            if not candidate.over:
                return False
            self.sampler.tell(self._told, candidate.values, candidate.status in FAILED)
            self._told += 1
        return True
