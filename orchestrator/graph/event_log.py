"""The last events of a run in words that a dashboard can show."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from orchestrator.graph.events import ChainAdvanced, ChainEnded, Event, Instruction

KEPT = 40


@dataclass
class EventLog:
    """The last events of trials: tasks learned, and ends."""

    _rows: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=KEPT))

    def note(self, news: Event | Instruction) -> None:
        """Note an event of a trial; others, and the initialisation of a network, are left out."""
        match news:
            case ChainAdvanced((trial_id, seed), after) if after > 0:
                self._add(trial_id, seed, "learned", after=after)
            case ChainEnded((trial_id, seed), status, story):
                self._add(trial_id, seed, status, story=story.partition("\n")[0])

    def to_json(self) -> list[dict[str, Any]]:
        """Return the events, oldest first.

        Each has `at` (seconds since 1970), `trial_id`, `seed`, `what` ("learned" or the status of
        an end), and `after`, the number of tasks learned, or `story`, a line.
        """
        return list(self._rows)

    def _add(self, trial_id: str, seed: int, what: str, **more: Any) -> None:
        at = time.time_ns() / 1e9
        self._rows.append({"at": at, "trial_id": trial_id, "seed": seed, "what": what, **more})
