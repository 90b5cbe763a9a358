"""The algorithm and the scheduler of a search: a name of the tables, or a class by dotted name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from orchestrator.errors import RepertoireError, suggest
from orchestrator.stages.code.classes import import_class, is_dotted
from orchestrator.stages.code.source import Source
from orchestrator.sweep.reading.decoding import decode_fields
from orchestrator.sweep.reading.mistakes import abbreviate
from orchestrator.sweep.search_section.algorithms import ALGORITHMS
from orchestrator.sweep.search_section.schedulers import SCHEDULERS
from orchestrator.sweep.search_section.search import CustomClass

OptionKind = Literal["algorithm", "scheduler"]
TABLES: Mapping[OptionKind, Mapping[str, type[Any]]] = {
    "algorithm": ALGORITHMS,
    "scheduler": SCHEDULERS,
}
# The methods that a class by dotted name must have.
REQUIRED_METHODS = {
    "algorithm": ("suggest", "on_trial_complete", "set_search_properties"),
    "scheduler": ("on_trial_result", "choose_trial_to_run", "set_search_properties"),
}
# Classes of Tune's that cannot work here.
UNFIT_CLASSES = {
    "ResourceChangingScheduler": "changes the resources of trials, and those of a sweep are fixed",
}


def read_options(
    what: OptionKind, given: str | dict[str, Any], source: Source, mistakes: list[str]
) -> Any | None:
    """Return the options of an algorithm or a scheduler, or None after noting the mistakes.

    Args:
        what: "algorithm" or "scheduler".
        given: a name, or `{name: ..., option: ...}`.
        source: the user's own code.
        mistakes: receives the mistakes, each in a line.
    """
    where, table = f"search.{what}", TABLES[what]
    options = dict(given) if isinstance(given, dict) else {"name": given}
    name = options.pop("name", None)
    if not isinstance(name, str):
        mistakes.append(
            f"{where}: a name is needed, given {abbreviate(given)}; {suggest('', table)}"
        )
        return None
    if name in table:
        return decode_fields(table[name], options, where, mistakes)
    if not is_dotted(name):
        valid = suggest(name, [*table, "a_module:AClass"])
        mistakes.append(f"{where}: unknown {what} {name!r}; {valid}")
        return None
    try:
        cls = import_class(f"{what} {name!r}", name, source=source)
    except RepertoireError as error:
        mistakes.append(f"{where}: {error}")
        return None
    objection = _class_objection(what, cls)
    if objection is not None:
        mistakes.append(f"{where}: {name} {objection}")
        return None
    return CustomClass(name, options, source)


def _class_objection(what: OptionKind, cls: type[Any]) -> str | None:
    """Return an objection to a class as an algorithm or a scheduler, or None."""
    bases = {base.__name__ for base in cls.__mro__}
    for base, why in UNFIT_CLASSES.items():
        if base in bases:
            return f"{why}; valid: {', '.join(TABLES[what])}"
    # By its methods, since only the backends import the base classes of Tune.
    missing = [method for method in REQUIRED_METHODS[what] if not hasattr(cls, method)]
    if not missing:
        return None
    kind = "Searcher" if what == "algorithm" else "TrialScheduler"
    return f"is no {kind} of Ray Tune: it has no {missing[0]}()"
