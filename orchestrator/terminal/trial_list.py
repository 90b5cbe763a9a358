"""The trials of a plan as a table, with the hyperparameters in which they differ."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

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
from orchestrator.stages.outcomes import Key
from orchestrator.stages.stage import Chain
from orchestrator.terminal.trial_options import hyperparameter_texts

EMPTY = pd.DataFrame()


def trials_table(plan: Plan) -> Table:
    """Return a row for each trial: its label, setting, seeds, missing stages, hyperparameters.

    A setting that all trials have is the title of the table.
    """
    chains = _group_by_trial(plan.chains)
    own = [_row(seeds[0]) for seeds in chains.values()]
    rows = with_config_columns(pa.Table.from_pylist(own)).to_pandas() if own else EMPTY
    config = [name for name in map(str, rows) if name.startswith("config.")]
    names = labels(rows, "method", config, TABLE) if len(rows) else []
    table = Table(box=SIMPLE, pad_edge=False, collapse_padding=True)
    settings = [_setting(seeds[0]) for seeds in chains.values()]
    one_setting = len({*settings}) == 1
    if one_setting:
        table.title, table.title_justify = Text(settings[0]), "left"
    for header in ("trial",) if one_setting else ("trial", "setting"):
        table.add_column(header, overflow="fold")
    table.add_column("id", no_wrap=True)  # to be copied
    for header in ("seeds", "stages left"):
        table.add_column(header, justify="right", no_wrap=True)
    options = hyperparameter_texts(plan.sweep, [seeds[0] for seeds in chains.values()], rows)
    if any(options):
        table.add_column("hyperparameters", overflow="fold")
    left = {*plan.stages_to_run}
    for name, setting, seeds, text in zip(names, settings, chains.values(), options, strict=True):
        about = (name,) if one_setting else (name, setting)
        cells = (*about, seeds[0].trial_id, str(len(seeds)), _stages_left(seeds, left))
        cells += (text,) if any(options) else ()
        table.add_row(*map(Text, cells))
    unsolved = sum(bool(cell.prices) for cell in plan.sweep.cells)
    if unsolved:
        caption = f"cells whose trials follow once prices are counted: {unsolved}"
        table.caption, table.caption_justify = Text(caption), "left"
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
