"""Two releases on one store: neither moves, deletes or misreads what the other wrote."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from orchestrator.columns import LATE_COSTS
from orchestrator.errors import OtherRelease
from orchestrator.hashing import digest, digest_bytes
from orchestrator.stages.record import Costs, Record, Score
from orchestrator.stages.storage import record_format
from orchestrator.stages.storage.record_format import pack_record, unpack_record
from orchestrator.stages.storage.stage_files import STAGE_FORMAT, release, seal, unseal
from orchestrator.stages.storage.store import StageStore

KEY = "ab" * 20
STATE = {"network.weight": torch.arange(6.0).reshape(2, 3)}
RECORD = Record(
    key=KEY,
    parent="cd" * 20,
    after=1,
    status="complete",
    costs=Costs(storage={"model": 24}, train_flops=7, device="cpu"),
    evaluation={"t1": {"test": Score(accuracy=0.5, loss=0.25, n=4)}},
    computed_for=("sweep", "trial", 0),
    spec={"lam": 1.0},
    environment={"node": "here"},
)

# The fields of release 0.1, which builds its records by `Record(**plain)`, `Costs(**...)` and
# `Score(**...)` and sets a stage aside if that raises.
FIELDS_0_1 = {
    "record": {
        "key",
        "parent",
        "after",
        "status",
        "costs",
        "evaluation",
        "computed_for",
        "story",
        "spec",
        "environment",
    },
    "costs": {
        "storage",
        "train_flops",
        "consolidate_flops",
        "eval_flops",
        "samples",
        "train_seconds",
        "consolidate_seconds",
        "eval_seconds",
        "cpu_seconds",
        "gpu_seconds",
        "peak_memory_bytes",
        "device",
    },
    "score": {"accuracy", "loss", "n"},
}


@pytest.fixture
def store(tmp_path: Path) -> StageStore:
    return StageStore(str(tmp_path / "stages"))


def file_of(store: StageStore, name: str = "record.json") -> Path:
    return Path(store.uri) / KEY[:2] / KEY / name


def files_of(store: StageStore) -> dict[str, bytes]:
    root = Path(store.uri)
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def read_as_0_1(folder: Path) -> tuple[dict[str, Any], bytes]:
    """Return the record and the state as release 0.1 reads them; raises where it sets aside."""
    envelope = json.loads((folder / "record.json").read_bytes())
    content = envelope["content"]
    assert envelope["digest"] == digest("record.json", content)
    record = content["record"]
    assert record.keys() <= FIELDS_0_1["record"]
    assert record["costs"].keys() <= FIELDS_0_1["costs"]
    for splits in record["evaluation"].values():
        assert all(score.keys() == FIELDS_0_1["score"] for score in splits.values())
    state = (folder / "state.safetensors").read_bytes()
    assert digest_bytes(state) == content["state"]
    return record, state


def rewrite(store: StageStore, change: Any) -> None:
    """Put a stage, and write its record as another release would have."""
    store.put(STATE, RECORD)
    path = file_of(store)
    content = unseal("record.json", path.read_bytes())
    assert content is not None
    change(content)
    path.write_bytes(seal("record.json", content))


@dataclass(frozen=True, kw_only=True)
class LaterCosts(Costs):
    further_bytes: int = field(default=0, metadata={"since": "9.9"})


def test_release_0_1_reads_what_is_written_now(store: StageStore) -> None:
    store.put(STATE, RECORD)
    record, _ = read_as_0_1(file_of(store).parent)
    expected = json.loads(json.dumps(asdict(RECORD)))
    later_fields = ("epochs", "gpu_utilisation", "gpu_memory_share", "batch_flops", *LATE_COSTS)
    for later in (
        *later_fields,
        "interval_flops",
        "rising_steps",
    ):  # which that release does not look for
        del expected["costs"][later]
    assert record == expected


def test_a_field_that_came_later_stands_where_release_0_1_does_not_look(
    store: StageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_format, "Costs", LaterCosts)
    later = replace(RECORD, costs=LaterCosts(**{**vars(RECORD.costs), "further_bytes": 99}))
    store.put(STATE, later)
    read_as_0_1(file_of(store).parent)
    assert store.record(KEY) == later
    monkeypatch.undo()
    assert store.record(KEY) == RECORD
    assert store.damaged == []


def test_every_field_since_release_0_1_says_so() -> None:
    for cls, name in ((Record, "record"), (Costs, "costs"), (Score, "score")):
        fields = cls.__dataclass_fields__
        unmarked = {field for field in fields if "since" not in fields[field].metadata}
        assert unmarked == FIELDS_0_1[name]


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["record"].update(invented_later=1),
        lambda content: content["record"]["costs"].update(invented_later={"a": [1]}),
        lambda content: content["record"]["evaluation"]["t1"]["test"].update(top5=0.9),
        lambda content: content.update(more={"invented_later": 1, "costs": {"carbon": 2.0}}),
        lambda content: content.update(signature="x"),
    ],
)
def test_a_field_more_is_read_past_and_kept(store: StageStore, change: Any) -> None:
    rewrite(store, change)
    before = files_of(store)
    assert store.record(KEY) == RECORD
    assert torch.equal(store.state(KEY)["network.weight"], STATE["network.weight"])
    store.put(STATE, RECORD)
    assert (store.verify(KEY), files_of(store), store.damaged) == (None, before, [])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: c["record"].pop("story"), RECORD),
        (lambda c: c["record"].pop("environment"), replace(RECORD, environment={})),
        (
            lambda c: c["record"]["costs"].pop("train_flops"),
            replace(RECORD, costs=replace(RECORD.costs, train_flops=0)),
        ),
        (lambda c: (c.pop("format"), c.pop("release")), RECORD),
    ],
)
def test_a_field_less_has_its_neutral_value(
    store: StageStore, change: Any, expected: Record
) -> None:
    rewrite(store, change)
    assert (store.record(KEY), store.damaged) == (expected, [])


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.update(format=STAGE_FORMAT + 1, release="9.9"),
        lambda content: content.update(format="two", release="9.9"),
        lambda content: (content.pop("record"), content.update(release="9.9")),
        lambda content: (content["record"].pop("key"), content.update(release="9.9")),
        lambda content: (content["record"].update(status="paused"), content.update(release="9.9")),
        lambda content: (content["record"].update(costs=3), content.update(release="9.9")),
    ],
)
def test_a_format_that_is_not_known_is_named_and_not_touched(
    store: StageStore, change: Any
) -> None:
    rewrite(store, change)
    before = files_of(store)
    for act in (
        lambda: store.record(KEY),
        lambda: store.state(KEY),
        lambda: store.verify(KEY),
        lambda: store.put(STATE, RECORD),
        lambda: store.records([(KEY, frozenset())]),
    ):
        with pytest.raises(
            OtherRelease, match=rf"{KEY}.*made by release 9\.9.*not touched"
        ) as error_info:
            act()
        assert error_info.value.exit_code == 2
    assert (files_of(store), store.damaged) == (before, [])


@pytest.mark.parametrize(
    ("change", "lacks"),
    [
        (lambda content: content.pop("record"), "'record'"),
        (
            lambda content: [content["record"].pop(name) for name in ("key", "after")],
            "'key', 'after'",
        ),
        (lambda content: content["record"]["evaluation"]["t1"]["test"].pop("n"), "'n'"),
    ],
)
def test_a_record_without_a_field_is_said_to_lack_it(
    store: StageStore, change: Any, lacks: str
) -> None:
    rewrite(store, lambda content: (change(content), content.update(release="9.9")))
    with pytest.raises(OtherRelease) as error_info:
        store.record(KEY)
    made_by = f"made by release 9.9, without {lacks}, which release {release()} cannot read;"
    assert made_by in str(error_info.value)


def test_a_record_that_names_this_release_is_not_said_to_be_of_another(store: StageStore) -> None:
    rewrite(store, lambda content: content.update(format=99, release=release()))
    with pytest.raises(OtherRelease) as error_info:
        store.record(KEY)
    made_by = f"was made by release {release()}, in format 99, which this copy of that release"
    assert made_by in str(error_info.value)
    assert "Use the copy that made it" in str(error_info.value)


def test_a_state_in_a_file_of_another_name_is_not_touched_and_no_path_is_followed(
    store: StageStore,
) -> None:
    secret = Path(store.uri).parent / "secret"
    secret.write_bytes(b"x")
    rewrite(store, lambda content: content.update(file="../../../secret"))
    before = files_of(store)
    with pytest.raises(OtherRelease, match="secret"):
        store.state(KEY)
    assert (files_of(store), secret.read_bytes()) == (before, b"x")


def test_scores_of_another_release_are_read_past_or_not_touched(store: StageStore) -> None:
    store.put(STATE, RECORD)
    store.put_evaluation(KEY, {"t2": {"test": Score(accuracy=1.0, loss=0.0, n=1)}})
    (path,) = file_of(store).parent.glob("evaluation-*.json")
    content = unseal(path.name, path.read_bytes())
    assert content is not None
    content["t2"]["test"]["top5"] = 1.0
    path.write_bytes(seal(path.name, content))
    record = store.record(KEY, ["t2"])
    assert record is not None
    assert record.evaluation["t2"]["test"].accuracy == 1.0
    content["t2"]["test"].pop("n")
    path.write_bytes(seal(path.name, content))
    with pytest.raises(OtherRelease):
        store.record(KEY, ["t2"])
    assert (path.exists(), store.damaged) == (True, [])


def test_a_record_says_its_format_and_who_wrote_it() -> None:
    content = pack_record(RECORD)
    assert (content["format"], content["release"]) == (STAGE_FORMAT, release())
    assert unpack_record(json.loads(json.dumps(content)), "x") == RECORD


def test_an_envelope_is_known_in_any_spelling_and_any_flipped_bit_is_found() -> None:
    content = {"a": [1, 0.1, 'é,"digest":"'], "digest": "b"}
    data = seal("x.json", content)
    assert unseal("x.json", data) == content
    assert unseal("x.json", json.dumps(json.loads(data), indent=2).encode()) == content
    assert unseal("y.json", data) is None
    for place in range(len(data)):
        flipped = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        assert unseal("x.json", flipped) is None
