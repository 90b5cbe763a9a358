"""`repertoire store audit`: compute a sample of stages again and compare with the store."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import torch

from orchestrator.benchmarks.sources.feature_set import FeatureSet
from orchestrator.cli.replay import list_sweep_folders, replay_chains
from orchestrator.cli.reproduce import Check
from orchestrator.errors import OtherRelease, RepertoireError
from orchestrator.hashing import digest
from orchestrator.results.folder.kept_code import load_kept_code
from orchestrator.stages.differences import tensor_difference
from orchestrator.stages.features.feature_inputs import feature_sets
from orchestrator.stages.features.feature_task import compute_shard
from orchestrator.stages.reproduce import reproduce_stage
from orchestrator.stages.stage import Chain, Stage
from orchestrator.stages.storage.mapped import map_state
from orchestrator.stages.storage.record_cache import ReadableRecords
from orchestrator.terminal.reproduction import (
    describe_environments,
    describe_verdict,
)


def audit(dir: Path, share: float, seed: int, check: Check) -> int:
    """Compute a sample of stages anew, each from its stored parent; return 1 if any is different.

    Args:
        dir: a results folder, or that of a sweep.
        share: of the stages, 0 to 1; at least one is taken.
        seed: of the choice of the sample.
        check: how they are compared.
    """
    stages = {
        stage.key: stage
        for folder in list_sweep_folders(dir)
        for _, steps in load_chains(folder, check)
        for stage in steps
    }
    stored = list_readable(stages, check)
    if not stored:
        raise RepertoireError(
            f"none of the {len(stages)} stages of {dir} can be read in {check.store.address}; "
            "nothing can be compared (another store: --store URI)"
        )
    keys = sample(stored, share, seed)
    counts = Counter[str]()
    for key in keys:
        counts[audit_stage(stages[key], check)] += 1
    check.say(
        f"{len(keys)} of {len(stored)} stages computed anew: {counts['same']} the same bits, "
        f"{counts['close']} equal within {check.tolerance:g}, {counts['different']} different"
        + (f", {counts['lost']} without a parent" if counts["lost"] else "")
    )
    features = {f.digest: f for stage in stages.values() for f in feature_sets(stage.benchmark)}
    same = [audit_features(each, check) for each in features.values()]
    return int(counts["different"] > 0 or not all(same))


def list_readable(keys: Iterable[str], check: Check) -> list[str]:
    """Return the keys whose records this release can read; print a line for each other one."""
    readable = ReadableRecords(check.store)
    records = readable.records((key, frozenset()) for key in keys)
    for message in readable.foreign.values():
        check.say(message)
    if others := len(readable.foreign):
        check.say(f"{others} of {len(records) + others} stages are of another release; not touched")
    return [key for key, _ in records]


def audit_features(features: FeatureSet, check: Check) -> bool:
    """Compute the first shard of features anew; return False if it differs from the stored one."""
    stored = map_state(features.digest, check.store)
    if stored is None:
        return True
    anew = compute_shard(features, 0)
    train = stored["train"][: len(anew)]
    rows = torch.cat((train, stored["test"][: len(anew) - len(train)]))
    difference = tensor_difference(rows, anew)
    verdict = "the same bits" if torch.equal(rows, anew) else f"a difference of {difference:.2g}"
    check.say(f"features {features.name}: {len(anew)} of them computed anew: {verdict}")
    return difference <= check.tolerance


def audit_stage(stage: Stage, check: Check) -> str:
    """Compute a stage anew; return the verdict, "lost" if there is no parent to start from."""
    try:
        result = reproduce_stage(stage, check.store, check.tolerance)
    except OtherRelease as error:  # only of the parent: the stage's own record was read
        check.say(f"stage {stage.key}: its parent cannot be read: {error}")
        return "lost"
    if result is None:
        check.say(f"stage {stage.key}: its parent's state is not in the store")
        return "lost"
    if result.verdict != "same":
        verdict = describe_verdict(result, check.tolerance)
        check.say(f"stage {stage.key}, {_describe(result.stage)}: {verdict}")
        check.say(f"  {describe_environments(result)}")
    return result.verdict


def sample(keys: Iterable[str], share: float, seed: int) -> list[str]:
    """Return a share of keys, the same ones for the same seed; at least one if there is any."""
    # By a digest, so that the sample does not depend on the order or on other keys.
    ranked = sorted(keys, key=lambda key: digest("audit", [seed, key]))
    return ranked[: math.ceil(share * len(ranked))]


def read_share(text: str) -> float:
    """Return a share given as 5% or 0.05.

    Raises:
        RepertoireError: it is neither, or not above 0 and at most 1.
    """
    number, percent = text.strip().removesuffix("%"), text.strip().endswith("%")
    try:
        share = float(number) / (100 if percent else 1)
    except ValueError:
        share = math.nan
    if not 0 < share <= 1:
        raise RepertoireError(f"--share: must be above 0 and at most 100%, given {text!r}")
    return share


def load_chains(folder: Path, check: Check) -> list[tuple[Chain, tuple[Stage, ...]]]:
    """Return the chains of a folder; none, with a message, if its sweep cannot be read here."""
    try:
        return list(replay_chains(load_kept_code(folder), check.store, folder))
    except RepertoireError as error:
        check.say(f"{folder.name} cannot be computed here: {error}")
        return []


def _describe(stage: Stage) -> str:
    return f"{stage.method.name} after task {stage.after}, seed {stage.seed}"
