"""The bytes that a trial never exceeds, however many tasks it learns, by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_means import MODEL, finish, load_means

from orchestrator.sweep.means.bound import bound_bytes

pytestmark = pytest.mark.slow

THREE_TASKS = (
    "{name: split_digits, scenario: class, classes_per_task: [2, 4, 4], samples_per_task: 12}"
)
FULL = MODEL + 20 * 65  # 20 images of 64 pixels with their labels
# Beside the network: a counter; the importances of the layer below the head; a base of 65 x 65, for
# its inputs and offset. Data are kept for good; memories of files or of each class have no size.
BOUNDS = {
    "finetune": MODEL,
    "{name: er, memory_size: 20}": FULL + 8,
    "{name: gdumb, memory_size: 20}": FULL,
    "ewc": MODEL + 4 * (64 + 1) * 8,
    "gpm": MODEL + 4 * 65**2,
    "joint": None,
    "{name: er, memory_size: 20, codec: png}": None,
    "{name: gdumb, memory_per_class: 2}": None,
}


@pytest.mark.parametrize("method", BOUNDS)
def test_what_is_bounded_is_so_by_a_full_memory_or_the_widest_state(
    tmp_path: Path, method: str
) -> None:
    sweep = load_means(tmp_path, f"[{method}]", "{compute: 1}", benchmark=THREE_TASKS)
    assert bound_bytes(sweep.trials[0]) == BOUNDS[method]


def test_two_tasks_do_not_show_whether_a_state_grows(tmp_path: Path) -> None:
    two = THREE_TASKS.replace("[2, 4, 4]", "[5, 5]")
    sweep = load_means(tmp_path, "[finetune]", "{compute: 1}", benchmark=two)
    assert bound_bytes(sweep.trials[0]) is None


def test_the_tables_have_the_bound_where_no_memory_is_solved_for(tmp_path: Path) -> None:
    """12 images are shown of each task, so that a memory of 20 is full after two; 400 never is."""
    methods = "[finetune, {name: er, memory_size: 20}, {name: gdumb, memory_size: 400}]"
    for name in ("free", "solved"):
        (tmp_path / name).mkdir()
    free = finish(tmp_path / "free", methods, "{compute: 2}", benchmark=THREE_TASKS)
    bounds = free.groupby("method")["storage_bound_bytes"].unique().map(list)
    assert bounds.to_dict() == {
        "finetune": [MODEL],
        "er": [FULL + 8],
        "gdumb": [MODEL + 400 * 65],
    }
    assert (free["peak_storage_bytes"] <= free["storage_bound_bytes"]).all()
    solved = finish(tmp_path / "solved", "[finetune, er]", "{storage: 9 kB}", benchmark=THREE_TASKS)
    known = solved.groupby("method")["storage_bound_bytes"].count()
    assert (known["er"], known["finetune"] > 0) == (0, True)


def test_a_method_that_cannot_be_built_has_no_bound_and_a_plan_goes_on(tmp_path: Path) -> None:
    (tmp_path / "unbuilt.py").write_text(
        "from methods.finetune import Finetune\n\n\n"
        "class Unbuilt(Finetune):\n"
        "    def __init__(self, network, config, outlook):\n"
        "        super().__init__(network, config, outlook)\n"
        "        if outlook.num_learned > 1:\n"
        "            raise ZeroDivisionError\n"
    )
    sweep = load_means(tmp_path, '["unbuilt:Unbuilt"]', "{compute: 1}", benchmark=THREE_TASKS)
    assert bound_bytes(sweep.trials[0]) is None
