"""A world in which any method meets its means in seconds: tiny images, stages in memory.

The images have 4x4 pixels, 17 bytes with a label, in two tasks of two classes, of 72 examples each
unless a test says otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from alike import NEED_TOKENS, SMALL, VIT_IN_A_SWEEP

from methods import METHODS
from orchestrator.stages.record import Record, RecordRequest
from orchestrator.stages.run_stage import State, run_stage
from orchestrator.sweep.means.cells import Cell, solve_cell
from orchestrator.sweep.means.chain_prices import ChainPrices, TaskPrices
from orchestrator.sweep.means.prices import chain_prices, price_trial, read_prices, unit_trial
from orchestrator.sweep.solve_means import price_list
from orchestrator.sweep.sweep import Sweep
from orchestrator.sweep.trial import Trial

FILLED = 60  # examples of a memory, of the 144 that there are to train on
PER_TASK = 72
MakeTrial = Callable[..., Trial]
# Phases and prompts that no dial changes.
SHORT: dict[str, dict[str, object]] = {
    **SMALL,
    "der_expand": {"classifier_epochs": 2},
    "podnet": {"balanced_epochs": 2},
    "coda_prompt": {"components": 2, "length": 2},
    "l2p": {"pool": 2, "top": 1, "length": 1},
}


@dataclass
class Stages:
    """The stages that were run, in memory."""

    done: dict[str, tuple[State | None, Record]] = field(default_factory=dict)

    def run(self, trial: Trial, seed: int = 0) -> list[Record]:
        """Return the records of the tasks 1..T."""
        stages = trial.stages(seed)
        for stage in stages:
            if stage.key not in self.done:
                parent = self.done[stage.parent][0] if stage.parent else None
                self.done[stage.key] = run_stage(stage, parent, ("lab", trial.trial_id, seed))
        return [self.done[stage.key][1] for stage in stages[1:]]

    def records(self, wanted: Iterable[RecordRequest]) -> dict[RecordRequest, Record]:
        return {each: self.done[each[0]][1] for each in wanted if each[0] in self.done}

    def failure(self, key: str) -> str | None:
        return None

    def solve(self, trial: Trial, storage: int | None, compute: float) -> Cell:
        """Return the cell of a trial, its prices counted."""
        for price in solve_cell(trial, storage, compute, price_list(self)).prices:
            for seed in price.seeds:
                self.run(price, seed)
        return solve_cell(trial, storage, compute, price_list(self))

    def prices(self, trial: Trial) -> tuple[TaskPrices, TaskPrices]:
        """Return the prices of fine-tuning, and of a trial with its memory set."""
        (unit,), (own,) = (read_prices(each(trial), self) for each in (unit_trial, price_trial))
        return unit, own

    def chain(self, trial: Trial) -> ChainPrices:
        """Return the prices of a trial by the tasks before, once they are counted."""
        self.solve(trial, None, 1000)
        unit, own = self.prices(trial)
        (chain,) = chain_prices(trial, (unit,), (own,))
        return chain


def trial_maker(folder: Path) -> MakeTrial:
    """Return a function from the name of a method, and examples of a batch, to its trial.

    A memory has FILLED examples. A training takes further options, and tasks another size.
    """

    def make(
        name: str,
        batch_size: int = 8,
        hidden: str = "[8]",
        per_task: int = PER_TASK,
        **training: object,
    ) -> Trial:
        write_images(folder / f"tiny{per_task}.npz", per_task)
        given_training = {"batch_size": batch_size, **training}
        scenarios, options = METHODS[name].scenarios, dict(SHORT.get(name, {}))
        scenario = "class" if "class" in scenarios else min(scenarios)
        network = VIT_IN_A_SWEEP if name in NEED_TOKENS else f"{{name: mlp, hidden: {hidden}}}"
        if hasattr(METHODS[name].Config, "memory_size"):
            options["memory_size"] = FILLED
        given = "".join(
            f", {option}: {list(value) if isinstance(value, tuple) else value}"
            for option, value in options.items()
        )
        (folder / "lab.yaml").write_text(
            f"name: lab\nmethods: [{{name: {name}{given}}}]\nnetwork: {network}\nseeds: [0]\n"
            f"benchmark: {{name: split, data: {{npz: tiny{per_task}.npz}}, num_tasks: 2, "
            f"scenario: {scenario}, validation: 0}}\ntraining: {json.dumps(given_training)}\n"
        )
        (trial,) = Sweep.load(folder / "lab.yaml").trials
        return trial

    return make


def write_images(path: Path, per_task: int) -> None:
    """Write two tasks of two classes, and 8 images to test on."""
    number = 2 * per_task
    images = np.random.default_rng(0).integers(0, 256, (number + 8, 4, 4), dtype=np.uint8)
    places = np.arange(number)
    labels = 2 * (places // per_task) + places % per_task % 2
    train = {"train_x": images[:number], "train_y": labels}
    np.savez(path, **train, test_x=images[number:], test_y=np.arange(8) % 4)


def spent(records: list[Record]) -> np.ndarray:
    """Return the FLOPs that were counted in each task."""
    return np.array([r.costs.train_flops + r.costs.consolidate_flops for r in records])


def most_of_one_step(chain: ChainPrices) -> float:
    """Return the computation, in epochs of fine-tuning, that allows one step on each task."""
    flops = [*chain.flops([1] * len(chain.units))]
    return max(each / chain.budget(task, 1) for task, each in enumerate(flops)) * (1 + 1e-9)
