"""The trials of a plan as a table, with the hyperparameters in which they differ."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from orchestrator.columns import METHOD_LABEL
from orchestrator.graph.plan import Plan
from orchestrator.hashing import canonical_json
from orchestrator.results.names.naming import labels
from orchestrator.results.pooling import TABLE
from orchestrator.results.protocol import setting_title
from orchestrator.results.tables.config_columns import with_config_columns
from orchestrator.stages.stage import Chain

EMPTY = pd.DataFrame()


def trials_table(plan: Plan) -> Table:
    """Return a row for each trial: its label, setting, seeds, and the stages that it lacks."""
    chains: dict[str, list[Chain]] = {}
    for chain in plan.chains:
        chains.setdefault(chain.trial_id, []).append(chain)
    own = [_row(seeds[0]) for seeds in chains.values()]
    rows = with_config_columns(pa.Table.from_pylist(own)).to_pandas() if own else EMPTY
    config = [name for name in map(str, rows) if name.startswith("config.")]
    names = labels(rows, "method", config, TABLE) if len(rows) else []
    table = Table(box=SIMPLE, pad_edge=False, collapse_padding=True)
    for header in ("trial", "id", "setting"):
        table.add_column(header, overflow="fold")
    for header in ("seeds", "stages left"):
        table.add_column(header, justify="right", no_wrap=True)
    left = {*plan.to_run}
    for name, seeds in zip(names, chains.values(), strict=True):
        first, keys = seeds[0], {key for chain in seeds for key in chain.keys}
        title = setting_title(first.benchmark, first.scenario, first.num_tasks)
        cells = (name, first.trial_id, title, str(len(seeds)), str(len(keys & left)))
        table.add_row(*map(Text, cells))
    return table


def _row(chain: Chain) -> dict[str, object]:
    """Return the columns of a chain that names are made of."""
    own = {name: getattr(chain, name) for name in ("sweep", "trial_id", "method", *TABLE)}
    return {**own, METHOD_LABEL: chain.method_label, "config": canonical_json(chain.config)}
