"""The JSON Schema of the benchmark of a sweep file, and of its data."""

from __future__ import annotations

from orchestrator.benchmarks.benchmark_options import BenchmarkOptions
from orchestrator.benchmarks.datasets.dataset import DATASETS
from orchestrator.benchmarks.stream_data import BENCHMARKS, SEQUENCE, TRANSFORMATIONS
from orchestrator.sweep.data_section import FORMS
from orchestrator.sweep.schema.dataclass_schema import Schema, combine_schemas, fields_schema
from orchestrator.sweep.schema.named_schema import DOTTED

NAMES = (*BENCHMARKS, *TRANSFORMATIONS, SEQUENCE)
DATA: Schema = {"$ref": "#/$defs/data"}
ALL_ORDERS = "all"


def benchmark_schema() -> Schema:
    """Return the schema of the section `benchmark`."""
    of_task = {"type": "object", "properties": {"data": DATA}, "required": ["data"]}
    special: dict[str, Schema] = {
        "name": {"enum": [*NAMES]},
        "data": DATA,
        "sequence": {"type": "array", "items": {**of_task, "additionalProperties": False}},
    }
    schema = fields_schema(BenchmarkOptions, special, searchable=True)
    schema["properties"]["seed"].pop("default")  # in a file it is the trial's, if left out
    order = schema["properties"]["order"]
    order["anyOf"] = [
        {"const": ALL_ORDERS, "description": "every order, compared"},
        *order["anyOf"],
    ]
    return schema


def data_schema() -> Schema:
    """Return the schema of the data of a benchmark: a name, or a form of the user's own."""
    forms = [fields_schema(form) for form in FORMS.values()]
    return combine_schemas({"enum": [*DATASETS]}, DOTTED, *forms)
