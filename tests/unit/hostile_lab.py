"""Results that somebody made to do harm: what their texts hold, and folders full of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from random_tables import random_tables

from orchestrator.results.tables.config_columns import with_config_columns
from orchestrator.results.tables.tables import Tables, write_tables

PICTURE = "http://evil.example/x.png"
# Escape sequences (window title, colour, C1), a bell, a return, a mark of direction; HTML;
# Markdown; streamlit's directives; TeX; Rich's markup; Plotly's HTML.
HOSTILE = (
    "\x1b]0;owned\x07\x1b[31mred\x9b2J\r\u202egnp"
    "<img src=x onerror=alert(1)><script>alert(2)</script>"
    f"![p]({PICTURE})[l](javascript:alert(3)) $x^2$ :material/bolt: :red[r] `c`"
    "\n% \\input{/etc/passwd} \\\\ & [red]r[/] [/x] <a href='http://evil.example'>a</a>|<b>b</b>%{x}"
)
ACTED_UPON = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def aliases(levels: int, first: str = "x") -> str:
    """Return YAML of a value, and of lists of ten aliases each of the former one."""
    lines = [f"a0: &a0 {first}"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, levels + 1)]
    return "\n".join(lines)


def write_hostile(folder: Path, seed: int = 0, **options: Any) -> Path:
    """Write the tables of a sweep whose every text is hostile, where it can be; return the folder.

    Methods, hyperparameters, benchmark, network, stories, names of nodes and devices hold HOSTILE.
    """
    tables = random_tables(np.random.default_rng(seed), folder.name, **options)
    write_tables(Tables(_spoil_trials(tables.trials), *_others(tables)), folder)
    return folder


def replace_column(table: pa.Table, name: str, values: list[Any]) -> pa.Table:
    """Return a table with other values, of the same type, in a column."""
    at = table.schema.get_field_index(name)
    return table.set_column(at, name, pa.array(values, table.schema.field(at).type))


def _spoil_trials(trials: pa.Table) -> pa.Table:
    columns = [name for name in trials.column_names if not name.startswith("config.")]
    trials = trials.select(columns)
    configs = [json.loads(text) for text in trials["config"].to_pylist()]
    for config in configs:
        config["method"] = {HOSTILE: HOSTILE, **config["method"], "name": config["method"]["name"]}
        config["network"] = {"name": HOSTILE}
    trials = replace_column(trials, "config", [json.dumps(config) for config in configs])
    for name in ("method", "benchmark", "network", "device", "story"):
        former = trials[name].to_pylist()
        trials = replace_column(trials, name, [f"{HOSTILE}{text or ''}" for text in former])
    return with_config_columns(trials)


def _others(tables: Tables) -> tuple[pa.Table, pa.Table]:
    hostile = [HOSTILE] * len(tables.stages)
    return tables.accuracy, replace_column(
        replace_column(tables.stages, "node", hostile), "device", hostile
    )
