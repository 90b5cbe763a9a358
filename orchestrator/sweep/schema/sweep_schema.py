"""The JSON Schema of a sweep file: its sections, each of the class that reads it."""

from __future__ import annotations

import json
from typing import Any

from methods import METHODS
from orchestrator.networks.networks import NETWORKS
from orchestrator.networks.pretrained.pretrained import NAME as PRETRAINED
from orchestrator.networks.pretrained.pretrained import Pretrained
from orchestrator.networks.zoo import ZOOS
from orchestrator.sweep.means.anchors import ANCHORS
from orchestrator.sweep.means.means import PRESETS, MeansSection
from orchestrator.sweep.measured_rows import Every
from orchestrator.sweep.method_entries import MAX_LABEL
from orchestrator.sweep.options import Mlflow, Resources, RunBudget
from orchestrator.sweep.schema.benchmark_schema import benchmark_schema, data_schema
from orchestrator.sweep.schema.dataclass_schema import (
    Schema,
    combine_schemas,
    fields_schema,
    space_schema,
)
from orchestrator.sweep.schema.named_schema import named_schema, options_schema
from orchestrator.sweep.schema.training_schema import training_schema
from orchestrator.sweep.search_section.algorithms import ALGORITHMS
from orchestrator.sweep.search_section.read_search import SearchSection
from orchestrator.sweep.search_section.schedulers import SCHEDULERS
from orchestrator.sweep.sweep import SAFE_NAME, TopLevel

DIALECT = "http://json-schema.org/draft-07/schema#"
SEED: Schema = {"type": "integer", "minimum": 0}
COUNT: Schema = {"type": "integer", "minimum": 1}
TEXT: Schema = {"type": "string"}
TRAINING_SCHEMA: Schema = {"$ref": "#/$defs/training"}
LABEL: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_LABEL,
    "description": "Names the entry in tables and charts, instead of the method's name.",
}


def sweep_schema() -> Schema:
    """Return the JSON Schema of a sweep file, in draft 7, which most editors support."""
    special = {
        "name": {**TEXT, "pattern": f"^{SAFE_NAME.pattern}$"},
        "benchmark": {"$ref": "#/$defs/benchmark"},
        "methods": {"type": "array", "items": {"$ref": "#/$defs/method"}, "minItems": 1},
        "seeds": {"type": "array", "items": SEED, "minItems": 1, "uniqueItems": True},
        "network": {"$ref": "#/$defs/network"},
        "means": {"$ref": "#/$defs/means"},
        "training": TRAINING_SCHEMA,
        "search": {"$ref": "#/$defs/search"},
        "budget": fields_schema(RunBudget),
        "resources": fields_schema(Resources),
        "mlflow": fields_schema(Mlflow),
        "evaluate": combine_schemas(
            {"enum": ["all", "last"]}, fields_schema(Every, {"every": COUNT})
        ),
    }
    top = fields_schema(TopLevel, special)
    definitions = {
        "benchmark": benchmark_schema(),
        "data": data_schema(),
        "method": method_schema(),
        "network": network_schema(),
        "training": training_schema(),
        "means": means_schema(),
        "search": search_schema(),
        "space": space_schema(),
        "label": LABEL,
    }
    return {"$schema": DIALECT, "title": "A sweep of Repertoire", **top, "$defs": definitions}


def schema_text() -> str:
    """Return the JSON Schema of a sweep file as text."""
    return json.dumps(sweep_schema(), indent=1, ensure_ascii=False) + "\n"


def method_schema() -> Schema:
    """Return the schema of an entry of `methods`."""
    return named_schema(
        {
            name: options_schema(
                cls.Config, more={"training": TRAINING_SCHEMA, "label": {"$ref": "#/$defs/label"}}
            )
            for name, cls in METHODS.items()
        }
    )


def network_schema() -> Schema:
    """Return the schema of the section `network`."""
    kinds = {name: options_schema(cls.Config) for name, cls in NETWORKS.items()}
    kinds[PRETRAINED] = options_schema(Pretrained.Config, pretrained_fields())
    return named_schema(kinds)


def pretrained_fields() -> dict[str, Schema]:
    """Return the schemas of the backbone and the weights of a pretrained network."""
    package = {"package": TEXT, "file": TEXT}
    named = {"type": "object", "properties": {"name": {"enum": [*NETWORKS]}}, "required": ["name"]}
    return {
        "backbone": combine_schemas(
            {"enum": [*NETWORKS]}, named, *map(single_key_schema, (*ZOOS, "module"))
        ),
        "weights": combine_schemas(
            TEXT, {"type": "object", "properties": package, "required": [*package]}
        ),
    }


def single_key_schema(name: str) -> Schema:
    """Return the schema of a mapping with one key, of text."""
    key: dict[str, Any] = {"properties": {name: TEXT}, "required": [name]}
    return {"type": "object", **key, "additionalProperties": False}


def search_schema() -> Schema:
    """Return the schema of the section `search`."""
    special = {
        kind: named_schema({name: options_schema(c, searchable=False) for name, c in table.items()})
        for kind, table in (("algorithm", ALGORITHMS), ("scheduler", SCHEDULERS))
    }
    return {**fields_schema(SearchSection, special), "required": ["algorithm"]}


def means_schema() -> Schema:
    """Return the schema of the section `means`."""
    preset: Schema = {"enum": [*PRESETS]}
    names: Schema = {"type": "array", "items": {"enum": [*ANCHORS]}, "uniqueItems": True}
    special = {"preset": preset, "anchors": combine_schemas({"type": "boolean"}, names)}
    return combine_schemas(preset, {"type": "null"}, fields_schema(MeansSection, special))
