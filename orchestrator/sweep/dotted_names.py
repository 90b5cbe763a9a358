"""The names of the user's own code in a sweep file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orchestrator.stages.code.classes import is_dotted


def find_dotted_names(content: dict[str, Any]) -> list[str]:
    """Return the names of the form `module:Class` in a file."""
    methods, search = content.get("methods"), content.get("search")
    entries = methods if isinstance(methods, list) else []
    # Nothing has been checked yet, so each of these may be of any type.
    places = [content.get("network"), *entries]
    if isinstance(search, dict):
        places += [search.get("algorithm"), search.get("scheduler")]
    names = [place.get("name") if isinstance(place, dict) else place for place in places]
    network = content.get("network")
    names += find_texts(network.get("backbone") if isinstance(network, dict) else None)
    benchmark = content.get("benchmark")
    given = benchmark if isinstance(benchmark, dict) else {}
    names += find_texts([given.get("data"), given.get("sequence")])
    for section in (content, *entries):
        training = section.get("training") if isinstance(section, dict) else None
        given = training if isinstance(training, dict) else {}
        names += find_texts([given.get("optimizer"), given.get("schedule")])
    return [name for name in names if isinstance(name, str) and is_dotted(name)]


def find_texts(value: Any) -> Iterator[str]:
    """Yield all text in a value, including the values of its grids and spaces."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from find_texts(each)
