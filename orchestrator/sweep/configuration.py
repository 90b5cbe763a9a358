"""A trial of a sweep file whose hyperparameters are given by their paths in the file.

`{"method.name": "ewc", "method.lam": 10.0, "training.lr": 0.01, "seed": 1}` names a trial, as a
`config` of Ray Tune does. Other fields are as in the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.errors import RepertoireError, SweepError, suggest
from orchestrator.hashing import to_json
from orchestrator.stages.code.capture import capture_source
from orchestrator.stages.code.classes import find_class
from orchestrator.stages.code.source import Source
from orchestrator.stages.learning.training_options import TrainingOptions
from orchestrator.sweep.common_training import merge_training
from orchestrator.sweep.dotted_names import find_dotted_names
from orchestrator.sweep.entries import read_entries
from orchestrator.sweep.group import Group
from orchestrator.sweep.method_entries import drop_entry_keys
from orchestrator.sweep.reading.mistakes import abbreviate
from orchestrator.sweep.reading.yaml_file import parse_yaml
from orchestrator.sweep.spaces.nesting import canonical_place, is_known_place, with_values
from orchestrator.sweep.sweep import Sweep
from orchestrator.sweep.trial import Trial

Content = Mapping[str, Any]
NestedValues = Mapping[str, Any]


@dataclass(frozen=True)
class Configurations:
    """The trials of a sweep file, looked up by configuration.

    Attributes:
        name: of the sweep.
        content: the data of the sweep file.
        source: the user's own code that the file names.
        folder: of the file.
    """

    name: str
    content: Content
    source: Source
    folder: Path = Path()

    @staticmethod
    def from_sweep(sweep: Sweep) -> Configurations:
        """Return the configurations of a sweep.

        Raises:
            RepertoireError: the sweep has means, whose dials follow from cells, not from a path.
        """
        if sweep.means is not None:
            raise RepertoireError(
                f"{sweep.name}: means: a single configuration has no cell; leave means out, or run "
                "the sweep with repertoire run"
            )
        content = parse_yaml(sweep.text)
        source = capture_source(find_dotted_names(content), sweep.folder)
        return Configurations(sweep.name, content, source, sweep.folder)

    def values(self, config: NestedValues) -> dict[str, Any]:
        """Return a configuration by paths, in JSON types: {"method": {"lam": 1}} is "method.lam".

        A path that only another method of the sweep has is left out, so that one space can serve
        all methods.

        Raises:
            RepertoireError: a path is not one of the sweep's.
        """
        given = {canonical_place(path): value for path, value in _flatten(config).items()}
        known = {path for each in self._methods() for path in self._paths(each)}
        for path in given:
            if not is_known_place(path, known):
                raise RepertoireError(f"{self.name}: unknown path {path!r}; {suggest(path, known)}")
        method = self._method(given.get("method.name"))
        paths = self._paths(method)
        return {path: value for path, value in given.items() if is_known_place(path, paths)}

    def trial(self, config: NestedValues) -> Trial:
        """Return the trial of a configuration, on one seed.

        Raises:
            RepertoireError: an unknown path, a value that is not valid, or a space or grid of the
                file for which the configuration gives no value.
        """
        values = self.values(config)
        seed = values.pop("seed", self.content["seeds"][0])
        sections = self._sections(values)
        # Read like a file with one method and one seed, so that all its checks apply.
        methods = [sections.pop("method")]
        mistakes: list[str] = []
        if type(seed) is not int or not 0 <= seed < 2**63:
            mistakes.append(f"seed: must be a whole number of at least 0, given {abbreviate(seed)}")
            seed = 0
        # With a search, a space that is left open is a group, not a mistake of the file.
        content = {**self.content, **sections, "methods": methods, "seeds": [seed], "search": None}
        trials, groups = read_entries(content, None, self.source, mistakes, self.folder)
        mistakes += [
            f"{place}: is a space in the file; give a value" for place in _open_places(groups)
        ]
        if len(trials) > 1:
            mistakes.append("the file compares a grid of values; give each field of it a value")
        if mistakes:
            raise SweepError(f"{self.name} at {dict(config)}", dict.fromkeys(mistakes))
        return trials[0]

    def _sections(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the sections of the file, with the values of a configuration in their places."""
        method = self._method(values.get("method.name"))
        own_training = method.get("training") or {}
        sections: dict[str, Any] = {
            "benchmark": dict(self.content["benchmark"]),
            "network": _to_entry(self.content.get("network", "mlp")),
            "training": merge_training(self.content.get("training", {}), own_training),
            "method": dict(drop_entry_keys(method)),
        }
        for path, value in values.items():
            section, _, field = path.partition(".")
            if path != "method.name":
                sections[section] = with_values(sections[section], {field: value})
        return sections

    def _methods(self) -> list[dict[str, Any]]:
        return [_to_entry(method) for method in self.content["methods"]]

    def _method(self, name: str | None) -> dict[str, Any]:
        """Return the entry of a method, the only one if no name is given."""
        entries_of = {entry["name"]: entry for entry in self._methods()}
        if name is None and len(entries_of) > 1:
            raise RepertoireError(
                f"{self.name} has several methods; choose one by method.name: "
                f"{', '.join(sorted(entries_of))}"
            )
        name = next(iter(entries_of)) if name is None else name
        if name not in entries_of:
            raise RepertoireError(
                f"{self.name}: method.name: {name!r} is no method of the sweep; "
                f"{suggest(str(name), entries_of)}"
            )
        if sum(entry["name"] == name for entry in self._methods()) > 1:
            raise RepertoireError(f"{self.name} lists {name} more than once; keep one entry of it")
        return entries_of[name]

    def _paths(self, method: Mapping[str, Any]) -> set[str]:
        network = _to_entry(self.content.get("network", "mlp"))["name"]
        kinds = {
            "benchmark": Benchmark,
            "network": find_class("network", network, self.source).Config,
            "training": TrainingOptions,
            "method": find_class("method", method["name"], self.source).Config,
        }
        paths = {f"{section}.{f.name}" for section, kind in kinds.items() for f in fields(kind)}
        return paths | {"seed", "method.name"}


def _open_places(groups: Iterable[Group]) -> Iterator[str]:
    return (place for group in groups for place in group.space)


def _to_entry(entry: Any) -> dict[str, Any]:
    return {"name": entry} if isinstance(entry, str) else dict(entry)


def _flatten(config: NestedValues) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in config.items():
        nested = value if isinstance(value, Mapping) and "." not in name else None
        by_path = {f"{name}.{field}": v for field, v in (nested or {}).items()}
        entries = by_path or {name: value}
        flat |= {path: _to_json(v) for path, v in entries.items()}
    return flat


def _to_json(value: Any) -> Any:
    # Searchers of Tune draw NumPy's scalars, which have `item`.
    return to_json(value.item() if hasattr(value, "item") else value)
