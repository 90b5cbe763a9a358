"""The trials of a plan as tables, with the hyperparameters in which they differ."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from orchestrator.columns import METHOD_LABEL
from orchestrator.graph.plan import Plan
from orchestrator.hashing import canonical_json
from orchestrator.results.names.naming import labels
from orchestrator.results.pooling import TABLE
from orchestrator.results.protocol import setting_title
from orchestrator.results.tables.config_columns import with_config_columns
from orchestrator.stages.outcomes import Key
from orchestrator.stages.stage import Chain
from orchestrator.terminal.broken_text import break_name
from orchestrator.terminal.trial_options import hyperparameter_texts

EMPTY = pd.DataFrame()
SHORT_ID = 32  # characters that leave room for the other columns in a line of 80


@dataclass(frozen=True)
class ListedTrial:
    """The cells of a trial, and the setting that is the title of its table."""

    setting: str
    name: str
    trial_id: str
    seeds: int
    stages_left: str
    hyperparameters: str


def trials_tables(plan: Plan) -> Group:
    """Return a table for each setting: a trial's label, id, seeds, missing stages, hyperparameters.

    The setting is the title of its table.
    """
    trials = _describe_trials(plan)
    pieces: list[RenderableType] = []
    for setting in dict.fromkeys(trial.setting for trial in trials):
        pieces.append(_table(setting, [trial for trial in trials if trial.setting == setting]))
    unsolved = sum(bool(cell.prices) for cell in plan.sweep.cells)
    if unsolved:
        pieces.append(Text(f"cells whose trials follow once prices are counted: {unsolved}"))
    return Group(*pieces)


def _describe_trials(plan: Plan) -> list[ListedTrial]:
    chains = _group_by_trial(plan.chains)
    first = [seeds[0] for seeds in chains.values()]
    rows = (
        with_config_columns(pa.Table.from_pylist(list(map(_row, first)))).to_pandas()
        if first
        else EMPTY
    )
    config = [name for name in map(str, rows) if name.startswith("config.")]
    names = labels(rows, "method", config, TABLE) if first else []
    options = hyperparameter_texts(plan.sweep, first, rows)
    left = {*plan.stages_to_run}
    return [
        ListedTrial(
            _setting(seeds[0]), name, seeds[0].trial_id, len(seeds), _stages_left(seeds, left), text
        )
        for name, seeds, text in zip(names, chains.values(), options, strict=True)
    ]


def _table(setting: str, trials: Sequence[ListedTrial]) -> Table:
    table = Table(box=SIMPLE, pad_edge=False, collapse_padding=True)
    table.title, table.title_justify = Text(setting), "left"
    table.add_column("trial")
    short = max(len(trial.trial_id) for trial in trials) <= SHORT_ID
    table.add_column("id", no_wrap=short, overflow="fold")  # to be copied
    for header in ("seeds", "stages\nleft"):
        table.add_column(header, justify="right", no_wrap=True)
    has_options = any(trial.hyperparameters for trial in trials)
    if has_options:
        table.add_column("hyperparameters")
    for trial in trials:
        cells = (Text(trial.trial_id), Text(str(trial.seeds)), Text(trial.stages_left))
        options = (break_name(trial.hyperparameters),) if has_options else ()
        table.add_row(break_name(trial.name), *cells, *options)
    return table


def _stages_left(seeds: Sequence[Chain], left: Container[Key]) -> str:
    """Return the number of a trial's stages that are missing, or why it is not run."""
    if seeds[0].outcome is not None:
        return seeds[0].outcome[0]
    return str(sum(key in left for key in {key for chain in seeds for key in chain.keys}))


def _group_by_trial(chains: Iterable[Chain]) -> dict[str, list[Chain]]:
    groups: dict[str, list[Chain]] = {}
    for chain in chains:
        groups.setdefault(chain.trial_id, []).append(chain)
    return groups


def _setting(chain: Chain) -> str:
    return setting_title(chain.benchmark, chain.scenario, chain.num_tasks)


def _row(chain: Chain) -> dict[str, object]:
    """Return the columns of a chain that names are made of."""
    own = {name: getattr(chain, name) for name in ("sweep", "trial_id", "method", *TABLE)}
    return {**own, METHOD_LABEL: chain.method_label, "config": canonical_json(chain.config)}
