"""A sweep of the same name with other content replaces no tables silently."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from orchestrator.cli.app import app
from orchestrator.errors import RepertoireError
from orchestrator.results.load import load

pytestmark = pytest.mark.slow

SWEEP = """name: cl
benchmark: {benchmark}
network: {{name: mlp, hidden: [4]}}
training: {{epochs: 1, batch_size: 256, lr: {lr}}}
methods: {methods}
seeds: {seeds}
"""
SEARCH = "search: {{algorithm: random, num_trials: {}}}"
INLINE = {"run": ["--backend", "inline"], "plan": []}
DEFAULTS: dict[str, object] = {
    "benchmark": "{name: split_digits, scenario: class, num_tasks: 2}",
    "lr": 0.1,
    "methods": "[finetune]",
    "seeds": [0],
}


def run(tmp_path: Path, *words: str, **content: object) -> Result:
    return command(tmp_path, "run", *INLINE["run"], *words, **content)


def command(tmp_path: Path, name: str, *words: str, **content: object) -> Result:
    file = tmp_path / "sweep.yaml"
    file.write_text(SWEEP.format(**DEFAULTS | content))
    line = [name, str(file), "--out", str(tmp_path / "o"), *words]
    return CliRunner().invoke(app, line, catch_exceptions=True)


def test_what_is_no_longer_asked_for_is_kept_aside_and_a_stranger_refused(tmp_path: Path) -> None:
    folder = tmp_path / "o" / "cl"
    assert run(tmp_path).exit_code == 0
    # One seed more: nothing is lost, so nothing is put aside.
    assert run(tmp_path, seeds=[0, 1]).exit_code == 0
    assert not (folder / "former").exists()
    before = load(folder).trials
    text = "changed since its tables were written: methods, seeds; 1 of 2 (trial, seed)"
    planned = command(tmp_path, "plan", seeds=[1], methods="[finetune, l2]")
    assert text in " ".join(planned.output.split())
    assert not (folder / "former").exists()
    changed = run(tmp_path, seeds=[1], methods="[finetune, l2]")
    words = " ".join(changed.output.split())
    assert text in words
    assert load(folder / "former" / "1").trials["acc"].tolist() == before["acc"].tolist()
    now = load(folder).trials["trial_id"].tolist()
    # Nothing in common: refused, as the plan says, and the tables are as they were.
    planned = command(tmp_path, "plan", lr=0.5)
    assert planned.exit_code == 0
    assert "run will refuse: " in planned.output
    assert "--replace" in planned.output
    stranger = run(tmp_path, lr=0.5)
    assert isinstance(stranger.exception, RepertoireError)
    assert "changed: training, methods, seeds" in str(stranger.exception)
    assert "--replace" in str(stranger.exception)
    assert load(folder).trials["trial_id"].tolist() == now
    assert run(tmp_path, "--replace", lr=0.5).exit_code == 0
    assert load(folder / "former" / "2").trials["trial_id"].tolist() == now
    assert list(load(tmp_path / "o").trials["config.training.lr"]) == [0.5]


def test_a_task_more_goes_on_from_the_stages_there_and_is_not_refused(tmp_path: Path) -> None:
    stream = "{{name: permuted_digits, samples_per_task: 16, scenario: domain, num_tasks: {}}}"
    assert run(tmp_path, benchmark=stream.format(2)).exit_code == 0
    planned = command(tmp_path, "plan", benchmark=stream.format(3)).output
    assert "run will keep the former tables aside" in planned
    longer = run(tmp_path, benchmark=stream.format(3))
    assert longer.exit_code == 0
    assert "1 stages computed, 3 scored on further tasks" in longer.output
    assert (tmp_path / "o" / "cl" / "former" / "1").is_dir()


def test_tables_of_a_search_are_replaced_only_by_a_search_that_continues(tmp_path: Path) -> None:
    folder = tmp_path / "o" / "cl"

    def search(name: str, space: str, num_trials: int = 2, **content: object) -> Result:
        methods = f"[{{name: l2, lam: {space}}}]\n{SEARCH.format(num_trials)}"
        return command(tmp_path, name, *INLINE[name], methods=methods, **content)

    assert search("run", "{choice: [1, 2, 3, 4]}").exit_code == 0
    candidates, total = load(folder).trials.query("phase == 'search'"), len(load(folder).trials)
    # A longer search, or one of which only the writing changed, continues.
    for planned in (
        search("plan", "{choice: [1, 2, 3, 4]}", 3),
        search("plan", "{choice: [1, 2, 3, 4]}", lr="1.0e-1"),
    ):
        assert planned.exit_code == 0
        assert "former" not in planned.output
    text = f"changed since its tables were written: methods; {total} of {total} (trial, seed)"
    assert text in " ".join(search("plan", "{choice: [5, 6, 7]}").output.split())
    assert text in " ".join(search("run", "{choice: [5, 6, 7]}").output.split())
    kept = load(folder / "former" / "1").trials
    assert set(candidates["trial_id"]) <= set(kept["trial_id"])
    longer = "{name: split_digits, scenario: class, num_tasks: 5}"
    refused = search("run", "{choice: [5, 6, 7]}", benchmark=longer)
    assert isinstance(refused.exception, RepertoireError)
    assert "changed: benchmark" in str(refused.exception)


def test_an_edit_of_the_user_s_code_keeps_the_former_tables_aside(tmp_path: Path) -> None:
    own, folder = tmp_path / "former_mine.py", tmp_path / "o" / "cl"
    code = "from methods.base import Method\n\n\nclass Mine(Method):\n    SCALE = {}\n"
    loss = "    def loss(self, batch):\n        return self.SCALE * super().loss(batch)\n"
    methods = "[finetune, 'former_mine:Mine']"
    own.write_text(code.format(1.0) + loss)
    assert run(tmp_path, methods=methods).exit_code == 0
    before = load(folder).stages["key"].tolist()
    own.write_text("# A comment changes nothing.\n" + code.format(1.0) + loss)
    assert run(tmp_path, methods=methods).exit_code == 0
    assert not (folder / "former").exists()
    own.write_text(code.format(0.5) + loss)
    words = " ".join(run(tmp_path, methods=methods).output.split())
    assert "changed since its tables were written: its code; 1 of 2 (trial, seed)" in words
    assert load(folder / "former" / "1").stages["key"].tolist() == before
    # If all of it was the user's own, it is no stranger either.
    own.write_text(code.format(0.25) + loss)
    assert run(tmp_path, methods="['former_mine:Mine']").exit_code == 0
    assert (folder / "former" / "2").is_dir()
