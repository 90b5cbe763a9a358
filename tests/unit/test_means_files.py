"""The storage dial of memories of files: as many examples as fit whichever they are."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from methods.parts.codecs import encode
from orchestrator.stages.run_stage import State, run_stage
from orchestrator.sweep.means.files import file_sizes, largest_files
from orchestrator.sweep.means.storage import TooDear, carried_bytes, fit_storage, set_memory
from orchestrator.sweep.sweep import Sweep
from orchestrator.sweep.trial import Trial

pytestmark = pytest.mark.slow

MODEL = 4 * (64 * 8 + 8 + 8 * 10 + 10)  # bytes of the network of 64-8-10
COUNTER = 8  # of the reservoir
LABEL_AND_SIZE = 1 + 4


@pytest.fixture
def make_trial(load: Callable[[str], Sweep]) -> Callable[..., Trial]:
    def make(method: str, seeds: str = "[0]", more: str = "") -> Trial:
        (trial,) = load(
            f"name: lab\nmethods: [{method}]\nseeds: {seeds}\nnetwork: {{name: mlp, hidden: [8]}}\n"
            "benchmark: {name: split_digits, scenario: class, num_tasks: 2, samples_per_task: 20}\n"
            f"training: {{batch_size: 4}}\n{more}"
        ).trials
        return trial

    return make


@pytest.mark.parametrize("codec", ["png", "jpeg"])
def test_the_largest_files_with_their_labels_and_sizes_fill_the_bytes(
    make_trial: Callable[..., Trial], codec: str
) -> None:
    trial = make_trial(f"{{name: er, codec: {codec}}}")
    tasks = trial.stages(0)[0].benchmark.tasks()
    sizes = sorted(len(encode(x, trial.method.config.codec)) for t in tasks for x in t.train.x)
    assert len(set(sizes)) > 2, "files differ in size"
    for count in (1, 7, len(sizes)):
        budget = MODEL + COUNTER + count * LABEL_AND_SIZE + sum(sizes[-count:])
        assert fit_storage(trial, 0, budget) == count
        if count > 1:
            assert fit_storage(trial, 0, budget - 1) == count - 1
        assert sum(carried_bytes(set_memory(trial, count), 0).values()) == budget
    assert fit_storage(trial, 0, 10 * budget) == len(sizes), "no more than there are"
    more = sum(carried_bytes(set_memory(trial, 2 * len(sizes)), 0).values())
    assert more == budget, "nobody carries more than there is"


def test_a_file_that_does_not_fit_is_said_with_the_sum(make_trial: Callable[..., Trial]) -> None:
    trial = make_trial("{name: er, codec: png}")
    room = COUNTER + LABEL_AND_SIZE + largest_files(trial)[1] - 1
    with pytest.raises(TooDear) as caught:
        fit_storage(trial, 0, MODEL + room)
    assert str(caught.value) == (
        f"it carries model {MODEL:,} B, which leaves {room} B of {MODEL + room:,} B for its memory"
    )


def test_every_seed_has_room_for_its_largest_files(make_trial: Callable[..., Trial]) -> None:
    trial = make_trial("{name: er, codec: png}", seeds="[0, 1, 2]")
    sizes = [file_sizes(trial.stages(seed)[0], "png") for seed in trial.seeds]
    assert len({sum(each[:5]) for each in sizes}) > 1, "seeds have different images"
    assert largest_files(trial)[5] == max(sum(each[:5]) for each in sizes)


@pytest.mark.parametrize("name", ["er", "gem", "icarl", "bic", "der"])
def test_what_is_carried_is_never_above_the_budget(
    make_trial: Callable[..., Trial], name: str
) -> None:
    """All 40 examples fit the largest of the budgets, of which everything is then known."""
    options = ", held_out_share: 0.5, correction_epochs: 1" if name == "bic" else ""
    trial = make_trial(f"{{name: {name}, codec: png{options}}}")
    everything = sum(carried_bytes(set_memory(trial, 40), 0).values())
    for budget in (everything - 1500, everything):
        count = fit_storage(trial, 0, budget)
        assert count is not None
        state: State | None = None
        for stage in set_memory(trial, count).stages(0):
            state, record = run_stage(stage, state, ("lab", "t", 0))
            assert sum(record.costs.storage.values()) <= budget
    assert count == 40
    assert sum(record.costs.storage.values()) == everything


def test_a_file_that_is_stored_again_may_be_the_largest_each_time(
    make_trial: Callable[..., Trial],
) -> None:
    once, again = (
        make_trial(f"{{name: der, codec: png{more}}}") for more in ("", ", offered: every_epoch")
    )
    largest = file_sizes(once.stages(0)[0], "png")[0]
    assert largest_files(again) == [largest * count for count in range(41)]
    assert largest_files(once)[2] <= largest_files(again)[2]
