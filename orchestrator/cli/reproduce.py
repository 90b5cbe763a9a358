"""`repertoire reproduce`: compute the stages of a trial again and compare with the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from orchestrator.cli.replay import replay_chains
from orchestrator.errors import RepertoireError
from orchestrator.results.folder.kept_code import load_kept_code
from orchestrator.results.folder.places import is_sweep_folder
from orchestrator.results.load import load
from orchestrator.results.lookup import find_configuration
from orchestrator.results.names.trial_ids import former_id, match_id, unnumbered_id
from orchestrator.results.results import Results
from orchestrator.stages.reproduce import Reproduction, reproduce_chain
from orchestrator.stages.stage import Stage
from orchestrator.stages.storage.store import StageStore
from orchestrator.sweep.sweep import Sweep
from orchestrator.terminal.reproduction import (
    describe_changes,
    describe_environments,
    describe_verdict,
)

Say = Callable[[str], object]


@dataclass(frozen=True)
class Check:
    """How recomputed stages are compared with the stored ones.

    Attributes:
        store: the stage store.
        tolerance: the largest relative difference that counts as equal.
        say: prints a line.
    """

    store: StageStore
    tolerance: float
    say: Say


def reproduce(dir: Path, name: str, seed: int | None, check: Check) -> int:
    """Compute a trial anew and compare; return 1 if it is different, else 0.

    Raises:
        RepertoireError: the trial or its seed is not in the folder, or the sweep's code, data or
            configuration are no longer what its stages were computed with.
    """
    results = load(dir)
    wanted = find_configuration(results, name)
    label, trial_id = str(wanted["label"]), str(wanted["trial_id"])
    rows = results.trials[results.trials["trial_id"] == trial_id]
    seeds = sorted(set(rows["seed"]))
    if seed is not None and seed not in seeds:
        raise RepertoireError(f"{label} has no seed {seed}; it has {', '.join(map(str, seeds))}")
    rows = rows if seed is None else rows[rows["seed"] == seed]
    verdicts = []
    for sweep_name, part in rows.groupby(
        "sweep", sort=False
    ):  # the seeds of a trial may be in several sweeps
        folder = dir if is_sweep_folder(dir) else dir / str(sweep_name)
        own_id, own_seeds = unnumbered_id(trial_id), sorted(set(part["seed"]))
        verdicts += _reproduce_seeds(folder, own_id, label, own_seeds, check)
    return int("different" in verdicts)


def _reproduce_seeds(
    folder: Path, trial_id: str, label: str, seeds: Iterable[int], check: Check
) -> list[str]:
    results, sweep = load(folder), load_kept_code(folder)
    # The tables may be of release 0.1, whose ids are shorter than those of today and of `load`.
    kept_id = str(
        results.trials[match_id(results.trials["trial_id"], trial_id)]["trial_id"].iloc[0]
    )
    chains = {
        chain.seed: stages
        for chain, stages in replay_chains(sweep, check.store, folder)
        if kept_id in (chain.trial_id, former_id(chain.trial_id))
    }
    verdicts = []
    for seed in seeds:
        if seed not in chains:
            raise RepertoireError(f"{folder}/sweep.yaml no longer has {label} on seed {seed}")
        check.say(f"{label} ({trial_id}), seed {seed}")
        require_same_keys(chains[seed], keys_in_tables(results, kept_id, seed), check.store)
        verdicts.append(_compare_chain(chains[seed], check, choose_device(sweep)))
    return verdicts


def keys_in_tables(results: Results, trial_id: str, seed: int) -> dict[int, str]:
    """Return tasks learned -> key of the stages in the tables of one sweep."""
    table = results.stages
    rows = table[(table["trial_id"] == trial_id) & (table["seed"] == seed)]
    return {int(after): str(key) for after, key in zip(rows["after"], rows["key"], strict=True)}


def require_same_keys(
    stages: Iterable[Stage], stored: Mapping[int, str], store: StageStore
) -> None:
    """Raise, naming the differences, unless stages have the keys of the tables.

    Raises:
        RepertoireError: they have others, or nothing was stored.
    """
    if not stored:
        raise RepertoireError("none of its stages is in the tables; nothing can be compared")
    for stage in stages:
        # A stage beyond those stored counts as equal: it has nothing to differ from.
        if stored.get(stage.after, stage.key) != stage.key:
            record = store.record(stored[stage.after])
            raise RepertoireError(
                f"stage {stage.after} was computed under key {stored[stage.after]} and has key "
                f"{stage.key} today, so the same computation cannot be repeated here: "
                + "; ".join(describe_changes(record, stage))
            )


def choose_device(sweep: Sweep) -> str:
    """Return the device on which this process computes a sweep's stages."""
    return "cuda" if sweep.resources.gpus and torch.cuda.is_available() else "cpu"


def _compare_chain(stages: Iterable[Stage], check: Check, device: str) -> str:
    """Print how each stage of a chain compares; return the worst verdict."""
    results = []
    for result in reproduce_chain(tuple(stages), check.store, check.tolerance, device):
        results.append(result)
        check.say(f"  after task {result.stage.after}: {describe_verdict(result, check.tolerance)}")
    if not results:
        raise RepertoireError(
            f"none of its stages is in {check.store.address}; nothing can be compared (another "
            "store: --store URI)"
        )
    return _print_worst(results, check)


def _print_worst(results: Sequence[Reproduction], check: Check) -> str:
    different = [one for one in results if one.verdict == "different"]
    if different:
        first = different[0]
        check.say(f"different from task {first.stage.after} on; {describe_environments(first)}")
        return "different"
    close = [one for one in results if one.verdict == "close"]
    if close:
        worst = max(close, key=lambda one: one.difference)
        check.say(f"equal within {check.tolerance:g}; {describe_environments(worst)}")
        return "close"
    check.say(f"the same bits, {len(results)} stages")
    return "same"
