"""`repertoire reproduce`: compute the stages of a trial again and compare with the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from orchestrator.cli.replay import replay_chains
from orchestrator.errors import RepertoireError
from orchestrator.results.folder.kept_code import load_kept_code
from orchestrator.results.load import load
from orchestrator.results.lookup import find_configuration
from orchestrator.results.results import Results
from orchestrator.stages.reproduce import reproduce_chain
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
    wanted = find_configuration(load(dir), name)
    label, sweep_name, trial_id = (str(wanted[c]) for c in ("label", "sweep", "trial_id"))
    folder = dir if (dir / "sweep.yaml").is_file() else dir / sweep_name
    results = load(folder)  # its own seeds alone, where several sweeps hold the trial
    sweep = load_kept_code(folder)
    laid_out = {(c.trial_id, c.seed): (c, s) for c, s in replay_chains(sweep, check.store, folder)}
    seeds = sorted(set(results.trials[results.trials["trial_id"] == trial_id]["seed"]))
    if seed is not None and seed not in seeds:
        raise RepertoireError(f"{label} has no seed {seed}; it has {', '.join(map(str, seeds))}")
    verdicts = []
    for each in seeds if seed is None else [seed]:
        if (trial_id, each) not in laid_out:
            raise RepertoireError(f"{folder}/sweep.yaml no longer has {label} on seed {each}")
        check.say(f"{label} ({trial_id}), seed {each}")
        stages = laid_out[trial_id, each][1]
        require_same_code(stages, stored_keys(results, sweep_name, trial_id, each), check.store)
        verdicts.append(_compare_chain(stages, check, choose_device(sweep)))
    return int("different" in verdicts)


def stored_keys(results: Results, sweep: str, trial_id: str, seed: int) -> dict[int, str]:
    """Return tasks learned -> key of the stages in the tables."""
    table = results.stages
    rows = table[(table["sweep"] == sweep) & (table["trial_id"] == trial_id)]
    rows = rows[rows["seed"] == seed]
    return {int(after): str(key) for after, key in zip(rows["after"], rows["key"], strict=True)}


def require_same_code(
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
    """Report how each stage of a chain compares; return the worst verdict."""
    results = []
    for result in reproduce_chain(tuple(stages), check.store, check.tolerance, device):
        results.append(result)
        check.say(f"  after task {result.stage.after}: {describe_verdict(result, check.tolerance)}")
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
