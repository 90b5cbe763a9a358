"""What grows by what is learned meets each budget too, with the steps that its state allows.

How wide the bases of gpm and lora become depends on the steps, the rates and the seed, so that the
number of steps on a task is settled when it begins.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from means_lab import MakeTrial, Stages, spent

from orchestrator.errors import RepertoireError
from orchestrator.stages.learning.step_budget import create_step_budget
from orchestrator.stages.learning.task_price import TaskPrice
from orchestrator.stages.record import Record
from orchestrator.sweep.sweep import Sweep
from orchestrator.sweep.trial import Trial

pytestmark = pytest.mark.slow

SEEDS = (0, 1)
VIT = "{name: vit_tiny, patch: 4, width: 16, depth: 2, heads: 2}"
# Method, network, scenario and training; epochs of fine-tuning that allow 100 steps everywhere.
WORLDS = {
    "layers": ("gpm", "{name: mlp, hidden: [12, 8]}", "domain", "{batch_size: 8}", 46),
    "convolutions": (
        "gpm",
        "{name: cnn, channels: [4], hidden: 8}",
        "class",
        "{batch_size: 16}",
        17,
    ),
    "gradients alone": (
        "{name: gpm, project_steps: false, threshold_growth: 0.003}",
        "{name: mlp, hidden: [12]}",
        "class",
        "{batch_size: 8, optimizer: sgd, schedule: cosine}",
        28,
    ),
    "branches": ("lora", VIT, "class", "{batch_size: 8, schedule: cosine}", 6.5),
}


def digits(folder: Path, world: str) -> Trial:
    """Return a trial on four tasks of digits, whose sizes differ from seed to seed."""
    method, network, scenario, training, _ = WORLDS[world]
    (folder / "growth.yaml").write_text(
        f"name: growth\nmethods: [{method}]\nnetwork: {network}\nseeds: {list(SEEDS)}\n"
        f"benchmark: {{name: split_digits, classes_per_task: [2, 3, 3, 2], "
        f"imbalance: 0.4, order: seeded, scenario: {scenario}}}\ntraining: {training}\n"
    )
    (trial,) = Sweep.load(folder / "growth.yaml").trials
    return trial


def steps(records: list[Record]) -> list[int]:
    return [record.costs.num_batches for record in records]


@pytest.mark.parametrize("world", WORLDS)
def test_what_grows_is_within_a_hundredth_of_the_budget_of_each_task_and_not_above(
    world: str, stages: Stages, tmp_path: Path
) -> None:
    trial = digits(tmp_path, world)
    cell = stages.solve(trial, None, WORLDS[world][-1])
    assert cell.outcome is None, cell.outcome
    for seed in SEEDS:
        records = stages.run(cell.trial, seed)
        share = spent(records) / cell.budgets[seed]
        story = f"{world}, seed {seed}: {share} of the budgets in {steps(records)} steps"
        assert min(steps(records)) >= 100, story
        assert ((share <= 1) & (share > 0.99)).all(), story
        most = zip(steps(records), cell.steps[seed], strict=True)
        assert all(taken >= least for taken, least in most), "feasibility is that of the fewest"


def test_steps_of_gpm_follow_from_its_bases_by_hand(stages: Stages, make_trial: MakeTrial) -> None:
    """Layers of 8 x 17 and 6 x 9 weights, biases included, project gradient and step.

    Each takes two products with a basis of K directions, 4 O D K FLOPs, and extending a basis
    8 D^2 K.
    """
    trial = make_trial("gpm", hidden="[8, 6]")
    cell = stages.solve(trial, None, 20)
    (first, second), chain = stages.run(cell.trial), stages.chain(trial)
    state, _ = stages.done[first.key]
    assert state is not None
    widths = [state[f"bases.body/{name}"].shape[1] for name in (1, 3)]
    assert 0 < widths[0] < 17
    assert 0 < widths[1] < 9
    step = chain.units[1].batches[0] + 8 * (8 * 17 * widths[0] + 6 * 9 * widths[1])
    extension = 8 * (17**2 * widths[0] + 9**2 * widths[1])
    consolidation = chain.counted[1].consolidation + extension
    assert second.costs.consolidate_flops == consolidation
    taken = int((chain.budget(1, 20) - consolidation) // step)  # all batches have 8 examples
    assert steps([second]) == [taken]
    assert second.costs.train_flops == taken * step


def test_a_plan_counts_bases_as_wide_as_they_can_be(stages: Stages, make_trial: MakeTrial) -> None:
    trial = make_trial("gpm", hidden="[8, 6]")
    cell = stages.solve(trial, None, 20)
    chain = stages.chain(trial)
    first, second = chain.next_price(()), chain.next_price(cell.steps[0][:1])
    assert first.batches == chain.units[0].batches
    assert second.batches[0] - chain.units[1].batches[0] == 8 * (8 * 17 * 17 + 6 * 9 * 9)
    assert second.consolidation - first.consolidation == 8 * (17**3 + 9**3)
    least = second.flops(1) / chain.budget(1, 1)
    fits, does_not = (stages.solve(trial, None, least * by) for by in (1 + 1e-9, 1 - 1e-6))
    assert fits.outcome is None
    assert does_not.outcome is not None
    assert "at most, which is" in does_not.outcome[1]


def test_a_sum_names_the_bases_that_need_the_bytes(stages: Stages, make_trial: MakeTrial) -> None:
    """Layers have 16 and 8 inputs, and one for a bias: 4 * 17^2 and 4 * 9^2 bytes."""
    cell = stages.solve(make_trial("gpm", hidden="[8, 6]"), 100, 20)
    assert cell.outcome is not None
    assert cell.outcome[1].endswith(
        "; at their widest bases.body.1 has 1,156 B, bases.body.3 has 324 B"
    )


def test_a_step_budget_says_what_its_price_does() -> None:
    price = TaskPrice(epoch=1300, batches=(400, 400, 100), consolidation=70, sizes=(8, 8, 2))
    budget = create_step_budget(5000, price)
    assert budget.batches == ((2, 8, 400), (1, 2, 100))
    assert budget.price == price
    for growth in ((0, 0, 0), (30, 0, 5), (0, 25, 100)):
        number = budget.iterations(growth)
        grown = price.add(*growth)
        assert grown.flops(number) <= 5000 < grown.flops(number + 1)
    with pytest.raises(RepertoireError, match="one step and consolidation take 5,570 FLOP"):
        budget.iterations((0, 0, 4700))
