"""`reproduce` and `store audit`: the same bits, close, or different, and from where on."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from lab import Lab

from orchestrator.cli.app import main
from orchestrator.cli.audit import audit, read_share, sample
from orchestrator.cli.reproduce import Check, reproduce, require_same_keys
from orchestrator.cli.run import RunOptions, run
from orchestrator.errors import RepertoireError
from orchestrator.results.load import load
from orchestrator.stages import reproduce as module
from orchestrator.stages.differences import have_same_bits, tensor_difference
from orchestrator.stages.record import Record
from orchestrator.stages.run_stage import State
from orchestrator.stages.stage import Stage
from orchestrator.stages.storage.stage_files import seal, unseal
from orchestrator.stages.storage.store import StageStore


@pytest.fixture
def lines() -> list[str]:
    return []


def check(lab: Lab, lines: list[str], tolerance: float = 1e-5) -> Check:
    return Check(lab.store, tolerance, lines.append)


def drift(monkeypatch: pytest.MonkeyPatch, gap: float, only_after: int = 1) -> None:
    """Have this machine compute otherwise than the one that stored, by as much as `gap`."""
    run = module.run_stage

    def run_otherwise(stage: Stage, *rest: Any) -> tuple[State | None, Record]:
        state, record = run(stage, *rest)
        if stage.after >= only_after and state is not None:
            name = next(name for name in state if state[name].is_floating_point())
            changed = state[name].clone()
            changed.view(-1)[0] += gap
            state = {**state, name: changed}
            record = replace(record, environment={**record.environment, "torch": "9.9"})
        return state, record

    monkeypatch.setattr(module, "run_stage", run_otherwise)


def test_a_trial_computed_anew_has_the_same_bits(lab: Lab, lines: list[str]) -> None:
    lab.ask("[finetune, {name: joint}]", seeds="[0, 1]").run()
    assert reproduce(lab.out, "finetune", None, check(lab, lines)) == 0
    assert lines[-1] == "the same bits, 3 stages"
    assert [line.rpartition(", ")[2] for line in lines if "seed" in line] == ["seed 0", "seed 1"]
    # A method that starts afresh builds each stage on the first one.
    assert reproduce(lab.out / "lab", "joint", 1, check(lab, lines)) == 0
    assert lines[-1] == "the same bits, 3 stages"


def test_equal_within_a_tolerance_says_how_much_and_what_is_another_version(
    lab: Lab, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.ask("[finetune]").run()
    drift(monkeypatch, 1e-7, only_after=2)
    assert reproduce(lab.out, "finetune", 0, check(lab, lines)) == 0
    assert lines[1:3] == ["  after task 0: the same bits", "  after task 1: the same bits"]
    assert lines[3].startswith("  after task 2: equal within 1e-05: at most 1e-07, in network.")
    assert lines[-1].startswith(f"equal within 1e-05; torch was {torch.__version__}, is 9.9")


def test_different_says_from_which_stage_on(
    lab: Lab, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.ask("[finetune]").run()
    drift(monkeypatch, 0.5)
    assert reproduce(lab.out, "finetune", 0, check(lab, lines)) == 1
    assert lines[1] == "  after task 0: the same bits"
    assert lines[2].startswith("  after task 1: different: at most 0.5, in network.")
    assert lines[-1].startswith("different from task 1 on; torch was ")
    assert reproduce(lab.out, "finetune", 0, check(lab, lines, tolerance=10.0)) == 0


def test_nothing_of_the_store_or_the_folder_is_written(lab: Lab, lines: list[str]) -> None:
    lab.ask("[finetune]").run()
    before = {path: path.read_bytes() for path in lab.out.rglob("*") if path.is_file()}
    reproduce(lab.out, "finetune", 0, check(lab, lines))
    audit(lab.out, 1.0, 0, check(lab, lines))
    assert {path: path.read_bytes() for path in lab.out.rglob("*") if path.is_file()} == before


def test_scores_are_compared_where_a_state_is_gone(lab: Lab, lines: list[str]) -> None:
    lab.ask("[finetune]").run()
    for path in lab.out.glob("stages/??/*/state.safetensors"):
        path.unlink()
    reader = Check(type(lab.store)(lab.store.uri, read_only=True), 1e-5, lines.append)
    assert reproduce(lab.out, "finetune", 0, reader) == 0
    assert "scores compared alone" in lines[1]


def test_nothing_in_the_store_is_no_verdict(lab: Lab, lines: list[str]) -> None:
    lab.ask("[finetune]").run()
    keys = lab.store.keys()
    for key in keys:
        lab.store.delete(key)
    with pytest.raises(RepertoireError, match="nothing can be compared"):
        reproduce(lab.out, "finetune", 0, check(lab, lines))
    with pytest.raises(RepertoireError, match=r"none of the 3 stages of .* can be read in"):
        audit(lab.out, 1.0, 0, check(lab, lines))


def test_a_trial_of_two_sweeps_is_reproduced_on_the_seeds_of_both(
    lab: Lab, lines: list[str]
) -> None:
    lab.ask("[finetune]", seeds="[0]").run()
    lab.ask("[finetune]", name="another", seeds="[7]").run()
    assert reproduce(lab.out, "finetune", None, check(lab, lines)) == 0
    assert sum(", seed 0" in line or ", seed 7" in line for line in lines) == 2
    assert reproduce(lab.out, "finetune", 0, check(lab, lines)) == 0
    with pytest.raises(RepertoireError, match="has no seed 3; it has 0, 7"):
        reproduce(lab.out, "finetune", 3, check(lab, lines))


# The stored stages are of another machine, whose processor may round otherwise.
AGREEMENT = re.compile("the same bits, 3 stages|equal within 1e-05")


def test_a_trial_of_release_0_1_is_reproduced(tmp_path: Path, lines: list[str]) -> None:
    old = Path(__file__).parents[1] / "golden" / "release-0.1" / "folder"
    shutil.copytree(old, tmp_path / "out")
    folder = tmp_path / "out" / "told_the_task"
    check_copy = Check(
        StageStore(str(tmp_path / "out" / "stages"), read_only=True), 1e-5, lines.append
    )
    assert reproduce(folder, "packnet", 1, check_copy) == 0
    assert AGREEMENT.match(lines[-1])
    # Beside a sweep of today `load` calls the trial by its longer id.
    sweep = (folder / "sweep.yaml").read_text().replace("name: told_the_task", "name: ztoday")
    file = tmp_path / "today.yaml"
    file.write_text(re.sub(r"^methods: .*$", "methods: [packnet]", sweep, flags=re.MULTILINE))
    assert run(file, tmp_path / "out", options=RunOptions("inline")) == 0
    assert reproduce(tmp_path / "out", "packnet task", 1, check_copy) == 0
    assert AGREEMENT.match(lines[-1])


def test_a_trial_that_diverged_is_reproduced_up_to_there(lab: Lab, lines: list[str]) -> None:
    lab.ask("[finetune]", training="{batch_size: 16, optimizer: sgd, lr: 1.0e+30}").run()
    assert reproduce(lab.out, "finetune", 0, check(lab, lines)) == 0
    assert lines[-1] == "the same bits, 2 stages"


def test_code_that_changed_is_named_with_its_digests(lab: Lab, make_lab: Any) -> None:
    """The stages of one class are held against those stored for another, as after an edit."""
    before = lab.method("class Mine(Finetune):\n    pass\n").strip("'")
    lab.ask(f"['{before}']").run()
    edited = make_lab()
    after = edited.method("class Mine(Finetune):\n    limit = 3\n").strip("'")
    ((_, stages),) = edited.ask(f"['{after}']").plan().sweep.chains()
    ((chain, same),) = lab.plan().sweep.chains()
    stored = dict(enumerate(chain.keys))
    require_same_keys(same, stored, lab.store)
    with pytest.raises(RepertoireError, match="cannot be repeated here") as error_info:
        require_same_keys(stages, stored, lab.store)
    assert f"code.method was {same[1].method.identity}, is {stages[1].method.identity}" in str(
        error_info.value
    )
    assert f"key {same[1].key} and has key {stages[1].key} today" in str(error_info.value)
    with pytest.raises(RepertoireError, match="nothing can be compared"):
        require_same_keys(stages, {}, lab.store)


def test_a_search_s_candidates_and_winners_are_reproduced(
    tmp_path: Path, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "unit"))
    import search_lab

    search_lab.run(tmp_path)
    lab = Lab(tmp_path)
    trials = search_lab.trials(tmp_path)
    for trial_id in trials["trial_id"]:
        assert reproduce(lab.out, trial_id, None, check(lab, lines)) == 0
    assert audit(lab.out, 1.0, 0, check(lab, lines)) == 0
    assert ", 0 different" in lines[-1]


def test_an_audit_takes_a_share_and_finds_what_is_different(
    lab: Lab, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.ask("[finetune]", seeds="[0, 1]").run()
    assert audit(lab.out, 0.5, 0, check(lab, lines)) == 0
    assert lines == [
        "3 of 6 stages computed anew: 3 the same bits, 0 equal within 1e-05, 0 different"
    ]
    drift(monkeypatch, 0.5, only_after=2)
    assert audit(lab.out, 1.0, 0, check(lab, lines)) == 1
    assert lines[-1].endswith("4 the same bits, 0 equal within 1e-05, 2 different")
    assert sum("finetune after task 2, seed" in line for line in lines) == 2


def test_an_audit_says_which_stages_have_no_parent_to_start_from(
    lab: Lab, lines: list[str]
) -> None:
    lab.ask("[finetune]").run()
    first = next(stage.key for _, stages in lab.plan().sweep.chains() for stage in stages)
    (lab.out / "stages" / first[:2] / first / "state.safetensors").unlink()
    reader = Check(type(lab.store)(lab.store.uri, read_only=True), 1e-5, lines.append)
    assert audit(lab.out, 1.0, 0, reader) == 0
    assert lines[-1].endswith("0 different, 1 without a parent")


def test_a_sample_is_the_same_for_a_seed_and_another_for_another() -> None:
    keys = [f"{number:040x}" for number in range(200)]
    assert len(sample(keys, 0.05, 0)) == 10
    assert sample(keys, 0.05, 0) == sample(keys[::-1], 0.05, 0) != sample(keys, 0.05, 1)
    assert len(sample(keys[:3], 0.001, 0)) == 1
    assert sample([], 0.5, 0) == []


@pytest.mark.parametrize(("text", "share"), [("5%", 0.05), ("0.05", 0.05), (" 100% ", 1.0)])
def test_a_share_is_a_percentage_or_a_fraction(text: str, share: float) -> None:
    assert read_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["0", "101%", "2", "-1%", "some", "", "nan"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(RepertoireError, match="--share"):
        read_share(text)


def test_differences_are_relative_to_the_largest_value_and_nan_equals_itself() -> None:
    nan, inf = float("nan"), float("inf")
    assert tensor_difference(torch.tensor([0.0, 0.5]), torch.tensor([0.25, 0.5])) == 0.25
    assert tensor_difference(torch.tensor([100.0, 1.0]), torch.tensor([100.0, 2.0])) == 0.01
    assert tensor_difference(torch.tensor([nan, inf]), torch.tensor([nan, inf])) == 0.0
    assert tensor_difference(torch.tensor([nan]), torch.tensor([1.0])) == inf
    assert tensor_difference(torch.tensor([inf]), torch.tensor([1.0])) == inf
    assert tensor_difference(torch.zeros(0), torch.zeros(0)) == 0.0
    assert not have_same_bits({"a": torch.tensor([0.0])}, {"a": torch.tensor([-0.0])})
    assert have_same_bits({"a": torch.tensor(nan)}, {"a": torch.tensor(nan)})


def test_own_code_is_kept_with_the_tables_and_is_what_is_reproduced(
    lab: Lab, lines: list[str]
) -> None:
    """The user's file is edited, then deleted; what ran is computed again all the same."""
    name = lab.method("from helper import SIZE\nclass Mine(Finetune):\n    size = SIZE\n")
    (lab.folder / "helper.py").write_text("SIZE = 3\n")
    lab.ask(f"[{name}]").run()
    code = lab.out / "lab" / "code"
    module_name = name.strip("'").partition(":")[0]
    kept = {path.name for path in code.iterdir()}
    assert kept == {"sweep.yaml", f"{module_name}.py", "helper.py"}
    (lab.folder / f"{module_name}.py").write_text("raise ValueError('edited')\n")
    (lab.folder / "helper.py").unlink()
    trial_id = lab_trials(lab)[0]
    assert reproduce(lab.out, trial_id, 0, check(lab, lines)) == 0
    assert lines[-1] == "the same bits, 3 stages"
    lab.ask("[finetune]").run()
    assert not any(path.is_file() for path in code.rglob("*"))


def lab_trials(lab: Lab) -> list[str]:
    return list(load(lab.out / "lab").trials["trial_id"])


def enter(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """Type a command; return its exit code."""
    monkeypatch.setattr("sys.argv", ["repertoire", *words])
    with pytest.raises(SystemExit) as left:
        main()
    assert isinstance(left.value.code, int)
    return left.value.code


def test_the_commands_answer_with_their_exit_codes(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lab.ask("[finetune]").run()
    out = str(lab.out)
    assert enter(monkeypatch, "reproduce", out, "finetune", "--seed", "0") == 0
    assert enter(monkeypatch, "store", "audit", out, "--share", "100%") == 0
    assert "3 of 3 stages computed anew: 3 the same bits" in capsys.readouterr().out
    drift(monkeypatch, 0.5)
    assert enter(monkeypatch, "reproduce", f"{out}/lab", "finetune") == 1
    assert enter(monkeypatch, "store", "audit", out, "--share", "100%", "--tolerance", "9") == 0
    for wrong in (
        ("reproduce", out, "nothing"),
        ("reproduce", out, "finetune", "--seed", "7"),
        ("store", "audit", out, "--share", "0"),
        ("store", "audit", f"{out}/stages"),
    ):
        assert enter(monkeypatch, *wrong) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("repertoire: ")


def make_foreign(path: Path) -> None:
    """Have a record look as a later release, with a format of its own, would write it."""
    content = unseal("record.json", path.read_bytes())
    assert content is not None
    path.write_bytes(seal("record.json", content | {"format": 99, "release": "9.9"}))


def test_an_audit_names_a_record_of_another_release_and_goes_on(lab: Lab, lines: list[str]) -> None:
    lab.ask("[finetune]", seeds="[0, 1]").run()
    ((_, first), (_, second)) = lab.plan().sweep.chains()
    for key in (first[1].key, second[2].key):
        make_foreign(lab.out / "stages" / key[:2] / key / "record.json")
    stages = {p: p.read_bytes() for p in lab.out.glob("stages/??/*/*")}
    assert audit(lab.out, 1.0, 0, check(lab, lines)) == 0
    assert sum("made by release 9.9" in line and "not touched" in line for line in lines) == 3
    assert "2 of 6 stages are of another release; not touched" in lines
    assert lines[-1] == (
        "4 of 4 stages computed anew: 3 the same bits, 0 equal within 1e-05, 0 different, "
        "1 without a parent"
    )
    assert {p: p.read_bytes() for p in lab.out.glob("stages/??/*/*")} == stages


def test_an_audit_of_a_search_goes_on_past_a_record_of_another_release(
    tmp_path: Path, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "unit"))
    import search_lab

    search_lab.run(tmp_path, budget="{stages: 4}")  # candidates are left half-way
    lab = Lab(tmp_path)
    for path in lab.out.glob("stages/??/*/record.json"):
        content = unseal("record.json", path.read_bytes())
        if content is not None and content["record"]["after"] == 2:
            make_foreign(path)
    assert audit(lab.out, 1.0, 0, check(lab, lines)) == 0
    assert not any("cannot be computed here" in line for line in lines)
    assert "stages are of another release" in " ".join(lines)
    assert ", 0 different" in lines[-1]


def test_a_store_with_a_stage_of_a_later_release_is_one_line_and_nothing_is_touched(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lab.ask("[finetune]").run()
    make_foreign(next(lab.out.glob("stages/??/*/record.json")))
    stages = {p: p.read_bytes() for p in lab.out.glob("stages/??/*/*")}
    capsys.readouterr()
    for command in ("plan", "run"):
        backend = ("--backend", "inline") if command == "run" else ()
        code = enter(monkeypatch, command, str(lab.sweep), "--out", str(lab.out), *backend)
        messages = [line for line in capsys.readouterr().err.splitlines() if "made by" in line]
        assert (code, len(messages)) == (2, 1)
        assert "made by release 9.9" in messages[0]
    assert enter(monkeypatch, "store", "verify", str(lab.out)) == 0
    assert "1 of 3 stages have files of another release; not touched" in capsys.readouterr().out
    assert {p: p.read_bytes() for p in lab.out.glob("stages/??/*/*")} == stages
    assert not (lab.out / "stages" / "damaged").exists()
