"""The code of a trial: what its keys hold of code, by part, for the tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from orchestrator.benchmarks.sources.own_data import OwnData
from orchestrator.stages.learning import learner
from orchestrator.stages.stage import Stage
from orchestrator.sweep.trial import Trial

DIGITS = 16  # of a digest in the tables


def trial_code(trial: Trial, steps: Sequence[Stage]) -> dict[str, str]:
    """Return part -> `name/version` of a built-in, `module:Class/digest` of the user's own code.

    The parts are method, network, learner and benchmark, and optimizer, schedule and data if they
    are the user's own.

    Args:
        trial: the trial.
        steps: its stages on a seed.
    """
    code = {
        "method": shorten_identity(trial.method.identity),
        "network": shorten_identity(trial.network.identity),
        "learner": str(learner.VERSION),
        "benchmark": str(trial.benchmark.version),
    }
    # What differs between seeds, such as a selection at each task, is no part of a trial.
    trainings = [trial.training] if trial.schedules else [step.training for step in steps]
    own: defaultdict[str, set[str]] = defaultdict(set)
    for training in {id(training): training for training in trainings}.values():
        for part, identity in training.own_code.items():
            own[part].add(identity)
    for data in trial.benchmark.data_sets:
        if isinstance(data, OwnData) and data.form.code:
            own["data"].add(data.form.code)
    for part, identities in sorted(own.items()):
        code[part] = ", ".join(sorted(map(shorten_identity, identities)))
    return code


def shorten_identity(identity: str) -> str:
    """Return the identity of code with the first digits of its digest."""
    name, slash, version = identity.rpartition("/")
    return f"{name}{slash}{version[:DIGITS]}"
