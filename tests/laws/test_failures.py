"""A failure stays local, is reported, and is mended by running the same command again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable

import pandas as pd
import pytest
from lab import Lab

from orchestrator.backends.inline import Inline
from orchestrator.graph.trial_graph import ChainEnded, Event, Instruction
from orchestrator.results.load import load
from orchestrator.search.evaluate import evaluate


def trials(lab: Lab) -> pd.DataFrame:
    return load(lab.out / "lab").trials.set_index(["method", "seed"])


def on_second_task(lab: Lab, body: str) -> str:
    """Return the name of a method that does something whenever it begins task 2."""
    return lab.method(f"""
        class Mine(Finetune):
            def begin_task(self, task):
                if task.index == 2:
                    {body}
    """)


def test_a_diverging_trial_is_recorded_with_its_rows_so_far_and_is_not_trained_again(
    lab: Lab, computed: list[str]
) -> None:
    name = lab.method("""
        class Mine(Finetune):
            def begin_task(self, task):
                self.scale = float("inf") if task.index == 2 else 1.0

            def loss(self, batch):
                return self.scale * self.task_loss(batch)
    """)
    three = "{name: permuted_digits, scenario: domain, num_tasks: 3, samples_per_task: 32}"
    progress = lab.ask(f"[{name}, finetune]", benchmark=three).run()
    assert progress.failed == 1
    # Task 3 cannot follow: no time is foreseen for it, and the run is not complete.
    assert (progress.to_go, progress.unreachable) == (0, 1)
    file = json.loads((lab.out / "lab" / "progress.json").read_text())
    assert (file["to_go"], file["unreachable"], file["complete"]) == (0, 1, False)
    table = trials(lab)
    row = table.loc[(name.strip("'"), 0)]
    assert (row["status"], row["tasks_done"]) == ("diverged", 1)
    assert row["story"] == "the loss of task 2 is not finite after 32 examples"
    assert pd.isna(row["acc"])
    assert table.loc[("finetune", 0), "status"] == "complete"
    r = load(lab.out / "lab").r_matrix(row["trial_id"], 0)
    assert not pd.isna(r[:2]).any()
    assert pd.isna(r[2:]).all()
    tables, before = lab.tables, list(computed)
    assert lab.run().executed == 0
    assert computed == before
    assert lab.tables == tables


def test_a_learning_rate_that_explodes_ends_as_diverged(lab: Lab) -> None:
    training = "{batch_size: 16, optimizer: sgd, lr: {grid: [1.0e+30, 0.1]}}"
    lab.ask("[finetune]", training=training).run()
    assert sorted(trials(lab)["status"]) == ["complete", "diverged"]


def test_a_failing_stage_is_reported_and_others_finish(lab: Lab, computed: list[str]) -> None:
    mark = lab.folder / "mended"
    name = on_second_task(lab, f"if not Path({str(mark)!r}).exists(): raise ValueError('too shy')")
    lab.ask(f"[{name}, finetune]", seeds="[0, 1]").run()
    rows, method = trials(lab), name.strip("'")
    module = method.partition(":")[0]
    for seed in (0, 1):
        row = rows.loc[(method, seed)]
        assert (row["status"], row["tasks_done"]) == ("failed", 1)
        assert row["story"].startswith(f"ValueError: too shy ({module}.py:")
        assert "begin_task" in row["story"]
        assert rows.loc[("finetune", seed), "status"] == "complete"
    before = list(computed)
    mark.touch()
    assert lab.run().executed == 2
    assert sorted(computed[len(before) :]) == sorted(
        {k for k in computed if computed.count(k) == 2}
    )
    assert (trials(lab)["status"] == "complete").all()
    assert (trials(lab)["story"] == "").all()


def test_a_seed_that_fails_leaves_the_other_seeds_alone(lab: Lab) -> None:
    mark = f"Path({str(lab.folder / 'once')!r})"
    name = on_second_task(lab, f"if not {mark}.exists(): {mark}.touch(); raise ValueError('first')")
    lab.ask(f"[{name}]", seeds="[0, 1, 2]").run()
    assert list(trials(lab)["status"]) == ["failed", "complete", "complete"]


def test_an_interrupted_run_keeps_what_is_done_and_the_same_command_continues(
    lab: Lab, make_lab: Callable[[], Lab], computed: list[str]
) -> None:
    mark = f"Path({str(lab.folder / 'interrupted')!r})"
    name = on_second_task(lab, f"if not {mark}.exists(): {mark}.touch(); raise KeyboardInterrupt")
    lab.ask(f"[{name}]")
    with pytest.raises(KeyboardInterrupt):
        lab.run()
    assert trials(lab)[["status", "tasks_done"]].values.tolist() == [["stopped", 1]]
    assert lab.run().executed == 1
    whole = make_lab().ask(f"[{name}]")
    for module in lab.folder.glob("own_method_*.py"):
        shutil.copy(module, whole.folder)
    whole.run()
    assert lab.tables["accuracy"] == whole.tables["accuracy"]


def test_a_table_that_cannot_be_written_does_not_lose_a_stage(lab: Lab) -> None:
    lab.ask("[finetune]")
    lab_plan = lab.plan()

    class DiskFull(Inline):
        def compute(self, client, sweep, store, observe, brake):  # type: ignore[no-untyped-def]
            def watch(news: Event | Instruction) -> None:
                observe(news)
                if isinstance(news, ChainEnded):
                    raise OSError("disk full")

            super().compute(client, sweep, store, watch, brake)

    with pytest.raises(OSError, match="disk full"):
        evaluate(lab_plan, lab.tables_of(lab_plan), DiskFull())
    assert lab.run().executed == 0
    assert list(trials(lab)["status"]) == ["complete"]
