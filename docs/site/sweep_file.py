"""The reference of the sweep file, from the classes that read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from docs.site.entry_rows import entry_rows
from docs.site.fields import fields_table, read_fields, table
from docs.site.key_effects import NONE, REMARKS, key_effects
from docs.site.nested_fields import nested_table, tried_fields
from methods import METHODS
from orchestrator.benchmarks.benchmark_options import BenchmarkOptions
from orchestrator.networks.networks import NETWORKS
from orchestrator.networks.pretrained.pretrained import NAME as PRETRAINED
from orchestrator.networks.pretrained.pretrained import Pretrained
from orchestrator.stages.learning.augmentation.augmentation import CHANGES
from orchestrator.stages.learning.decays import SCHEDULES
from orchestrator.stages.learning.stopping_options import StoppingOptions
from orchestrator.stages.learning.training_options import TrainingOptions
from orchestrator.sweep.data_section import FORMS
from orchestrator.sweep.means.means import PRESETS, MeansSection
from orchestrator.sweep.measured_rows import Every
from orchestrator.sweep.options import Mlflow, Resources, RunBudget
from orchestrator.sweep.schema.dataclass_schema import fields_schema
from orchestrator.sweep.schema.sweep_schema import sweep_schema
from orchestrator.sweep.search_section.algorithms import ALGORITHMS
from orchestrator.sweep.search_section.read_search import SearchSection
from orchestrator.sweep.search_section.schedulers import SCHEDULERS
from orchestrator.sweep.spaces.domain_kinds import KINDS
from orchestrator.sweep.sweep import TopLevel

INTRODUCTION = """\
# The sweep file

Made of the classes that read it, as `repertoire schema` is. Of *Values*, what comes after a
semicolon is what their checks say of a wrong one. A grid or a space (see [Spaces](#spaces)) may
stand for a value of `benchmark`, `network`, `training` and an entry of `methods`.

*Keys it changes* says from which stage on the [key of a stage](../architecture.md#keys) is another
one when the value changes: it is computed, with and without the change, for a small sweep. Stages
before it are shared, and what is in no key recomputes nothing. A search, means and data say it in
one rule for all of their keys: a search or means choose hyperparameters, which are in the keys, and
data is in them by content, not by path.
"""
# Arguments that are wrong for one kind of space or another.
WRONG: tuple[list[Any], ...] = (["x"], [2, 1], [-1, 1], [0.0, 1.0, 2.0])
WHEN = (
    "stands beside one of these, `{uniform: [0.5, 1], when: {mode: online}}`: keys of the same"
    " section with a value, or a list of values, where the space holds; elsewhere the default does"
)
OF_DATA = "from the first task on, if it changes the data; every stage, if the form of its inputs"
OF_SEARCH = f"{NONE}; {REMARKS['search']}"
# Beside the keys of a search that are tried.
SEARCH = {"algorithm": "grid"}
INERT, TRAINED = "from the second task on", "from the first task on"


def sweep_file_page() -> str:
    """Return the page on all sections of a sweep file."""
    return INTRODUCTION + "".join(
        f"\n{'#' * level} {title}\n\n{text}" for level, title, text in sections()
    )


def sections() -> Iterator[tuple[int, str, str]]:
    """Yield the level, the title and the text of each part of the page."""
    schema = sweep_schema()
    parts, top = schema["$defs"], schema["properties"]
    yield 2, "Top level", keyed("", TopLevel, schema)
    yield 2, "`benchmark`", keyed("benchmark", BenchmarkOptions, parts["benchmark"])
    yield from named("`data: {%s: ...}`", FORMS, OF_DATA)
    yield 2, "`network`", "Each is described on [Networks](../networks.md).\n"
    networks = {name: cls.Config for name, cls in NETWORKS.items()} | {
        PRETRAINED: Pretrained.Config
    }
    yield from named("`network: {name: %s}`", networks, "every stage")
    yield 2, "`training`", keyed("training", TrainingOptions, parts["training"])
    for name, cls in SCHEDULES.items():
        yield 3, f"`schedule: {{name: {name}}}`", nested_table("schedule", cls, name)
    for name, change in CHANGES.items():
        yield 3, f"`augment: [{{name: {name}}}]`", nested_table("augment", change, name)
    yield 3, "`early_stopping`", nested_table("early_stopping", StoppingOptions)
    yield 2, "`methods`", entries_text()
    yield 2, "`search`", search_text(parts["search"])
    yield from named("`algorithm: {name: %s}`", ALGORITHMS, OF_SEARCH)
    yield from named("`scheduler: {name: %s}`", SCHEDULERS, OF_SEARCH)
    yield 2, "Spaces", table(["Space", "Values"], space_rows())
    yield 2, "`means`", means_text()
    for name, cls in (("budget", RunBudget), ("resources", Resources), ("mlflow", Mlflow)):
        rows, schemas = read_fields(cls, top[name]), top[name]["properties"]
        yield 2, f"`{name}`", fields_table(rows, key_effects(name, schemas))
    rows = [replace(row, valid="at least 1") for row in read_fields(Every)]
    effects = key_effects("evaluate", fields_schema(Every)["properties"])
    yield 2, "`evaluate`", fields_table(rows, effects)


def means_text() -> str:
    """Return the text on `means`."""
    presets = ", ".join(f"`{name}`" for name in PRESETS)
    rows = read_fields(MeansSection, sweep_schema()["$defs"]["means"]["anyOf"][-1])
    effects = dict.fromkeys([row.name for row in rows], f"{NONE}; {REMARKS['means']}")
    return f"A preset ({presets}), or:\n\n{fields_table(rows, effects)}"


def search_text(schema: Mapping[str, Any]) -> str:
    """Return the table of `search`."""
    rows = tried_fields("search", read_fields(SearchSection, schema), schema["properties"], SEARCH)
    return fields_table(rows, dict.fromkeys([row.name for row in rows], OF_SEARCH))


def entries_text() -> str:
    """Return the table of an entry of `methods`."""
    return table(["Key", "Values", "Default", "Meaning", "Keys it changes"], entry_rows())


def keyed(section: str, cls: type[Any], schema: Mapping[str, Any]) -> str:
    """Return the table of a section, with what each key changes in keys of stages."""
    required = {"name": "split_digits"} if cls is BenchmarkOptions else {}
    rows = read_fields(cls, schema, required)
    return fields_table(rows, key_effects(section, schema["properties"]))


def named(
    title: str, kinds: Mapping[str, type[Any]], effect: str
) -> Iterator[tuple[int, str, str]]:
    """Yield a part for each class that a name stands for and that has options."""
    for name, cls in kinds.items():
        if rows := read_fields(cls):
            effects = dict.fromkeys([row.name for row in rows], effect)
            yield 3, title % name, fields_table(rows, effects)


def method_options_page() -> str:
    """Return the page on the options of all methods."""
    text = (
        "# Options of the methods\n\nMade of the classes. An entry of `methods` may also have a"
        " `training` of its own, and a `label`. *Keys it changes*: see"
        " [The sweep file](sweep-file.md).\n"
    )
    for name, cls in sorted(METHODS.items()):
        rows = read_fields(cls.Config)
        effects = {r.name: INERT if r.name in cls.inert_on_first_task else TRAINED for r in rows}
        options = fields_table(rows, effects) if rows else "No options.\n"
        serves = ", ".join(sorted(cls.scenarios))
        text += f"\n## {name}\n\n[{name}](../methods/{name}.md); scenarios: {serves}.\n\n{options}"
    return text


def space_rows() -> Iterator[tuple[str, str]]:
    """Yield each kind of space with the values that it takes."""
    for name, kind in KINDS.items():
        objections = filter(None, map(kind.objection, [[]] if kind.finite else WRONG))
        yield f"`{name}`", "; ".join(dict.fromkeys(objections))
    yield "`when`", WHEN
