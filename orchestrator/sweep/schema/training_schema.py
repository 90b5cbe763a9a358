"""The JSON Schema of the training of a sweep file."""

from __future__ import annotations

from orchestrator.stages.code.optimizer_table import OPTIMIZERS
from orchestrator.stages.learning.augmentation.augmentation import CHANGES
from orchestrator.stages.learning.decays import SCHEDULES
from orchestrator.stages.learning.forward_pass import PRECISIONS
from orchestrator.stages.learning.parameter_groups import GROUPS
from orchestrator.stages.learning.stopping_options import STOPPING_METRICS, StoppingOptions
from orchestrator.stages.learning.training_options import TrainingOptions
from orchestrator.sweep.schema.dataclass_schema import SPACE, Schema, combine_schemas, fields_schema
from orchestrator.sweep.schema.named_schema import any_fields, named_schema, options_schema

NUMBER: Schema = {"type": "number"}


def training_schema() -> Schema:
    """Return the schema of the section `training`, of a file or of an entry of `methods`."""
    special = {
        "optimizer": named_schema({name: {} for name in OPTIMIZERS}, nameless={}),
        "lr": combine_schemas(NUMBER, rates_schema()),
        "schedule": named_schema(
            {name: options_schema(kind) for name, kind in SCHEDULES.items()},
            nameless=any_fields(SCHEDULES),
        ),
        "early_stopping": combine_schemas(
            fields_schema(
                StoppingOptions, {"metric": {"enum": [*STOPPING_METRICS]}}, searchable=True
            ),
            {"type": "null"},
        ),
        "precision": {"enum": [*PRECISIONS]},
        "augment": {"type": "array", "items": change_schema()},
    }
    return fields_schema(TrainingOptions, special, searchable=True)


def rates_schema() -> Schema:
    """Return the schema of a learning rate for each group of parameters."""
    rate = combine_schemas(NUMBER, SPACE)
    properties = dict.fromkeys(GROUPS, rate)
    return {"type": "object", "properties": properties, "additionalProperties": False}


def change_schema() -> Schema:
    """Return the schema of one entry of the augmentation."""
    kinds = {name: options_schema(kind, searchable=False) for name, kind in CHANGES.items()}
    return named_schema(kinds, dotted=False)
