"""A meter of FLOPs that multiplies nothing: what others give is compared with it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from orchestrator.stages.costs import FlopMeter


class CountingMeter(FlopMeter):
    """Counts every piece of work anew."""

    def measure(self, kind: Hashable, work: Callable[..., Any], *given: Any, **named: Any) -> Any:
        """Call `work`, count its FLOPs and return its result."""
        self.known.clear()
        return super().measure(kind, work, *given, **named)
