"""Trackers of the user's own, beside MLflow's: classes by dotted name.

Such a class takes the folder of a sweep's tables, and has two methods: `notify()` is called when
the tables have changed, `close(timeout_seconds)` when they are final. Both run in the process of
the sweep, between its stages, so that they should return at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from orchestrator.errors import RepertoireError
from orchestrator.results.folder.tabulator import Tracker
from orchestrator.stages.code.capture import capture_source
from orchestrator.stages.code.classes import import_class, is_dotted

REQUIRED_METHODS = ("notify", "close")
# Built-in trackers beside MLflow's, by the name for `--tracker`.
TRACKERS: dict[str, type] = {}


class OwnTracker:
    """A tracker of the user's own, which cannot stop the sweep.

    An exception is reported once; from then on the tracker is not called.

    Args:
        name: `module:Class`.
        tracker: an object of the class.
        say: called with the message of the exception.
    """

    def __init__(self, name: str, tracker: Any, say: Callable[[str], object]) -> None:
        self._name, self._tracker, self._say = name, tracker, say

    def notify(self) -> None:
        """Tell the tracker that the tables have changed."""
        self._call("notify")

    def close(self, timeout_seconds: float) -> None:
        """Tell the tracker that the tables are final."""
        self._call("close", timeout_seconds)

    def _call(self, method: str, *arguments: float) -> None:
        if self._tracker is None:
            return
        try:
            getattr(self._tracker, method)(*arguments)
        except Exception as error:  # the user's code may raise anything
            self._tracker = None
            self._say(
                f"tracker {self._name!r}: {method}() raised {type(error).__name__}: {error}; it is "
                "not called any more, and the tables are complete without it"
            )


class FurtherTracker(Protocol):
    """A tracker whose runs, if it has any, no table names."""

    def notify(self) -> None:
        """Note that the tables have changed."""

    def close(self, timeout_seconds: float) -> None:
        """Note that the tables are final."""


class TrackerGroup:
    """MLflow's tracker and others, as one.

    Args:
        first: has the ids of runs that the tables name.
        others: the user's own, and what publishes the tables.
    """

    def __init__(self, first: Tracker, others: Sequence[FurtherTracker]) -> None:
        self._first, self._others = first, others

    def notify(self) -> None:
        """Tell each tracker that the tables have changed."""
        self._first.notify()
        for tracker in self._others:
            tracker.notify()

    def close(self, timeout_seconds: float) -> object:
        """Close each tracker; return the report of the first."""
        for tracker in self._others:
            tracker.close(timeout_seconds)
        return self._first.close(timeout_seconds)

    def run_ids(self) -> Mapping[str, str]:
        """Return `run_name` of a chain -> id of its run at the first tracker."""
        return self._first.run_ids()


def create_trackers(
    names: Iterable[str], beside: Path, folder: Path, say: Callable[[str], object]
) -> list[OwnTracker]:
    """Return the user's own trackers of a run.

    Args:
        names: `module:Class`, or of TRACKERS.
        beside: the folder of the sweep file, where modules are searched first.
        folder: of the sweep's tables; the argument of the classes.
        say: called with the message of the first exception of each.

    Raises:
        RepertoireError: a name is not dotted, or has no such class; the class lacks a method or
            cannot be created.
    """
    return [OwnTracker(name, _create_tracker(name, beside, folder), say) for name in names]


def _create_tracker(name: str, beside: Path, folder: Path) -> Any:
    what = f"tracker {name!r}"
    if name not in TRACKERS and not is_dotted(name):
        raise RepertoireError(f"{what}: must be module:Class, as in --tracker my_tracker:MyTracker")
    cls = TRACKERS.get(name) or import_class(what, name, source=capture_source([name], beside))
    for method in REQUIRED_METHODS:
        if not callable(getattr(cls, method, None)):
            raise RepertoireError(
                f"{what} has no {method}(); a tracker takes the folder of the tables, and has "
                "notify() and close(timeout_seconds)"
            )
    try:
        return cls(folder)
    except Exception as error:  # the user's code may raise anything
        raise RepertoireError(
            f"{what} cannot be created: {type(error).__name__}: {error}"
        ) from error
