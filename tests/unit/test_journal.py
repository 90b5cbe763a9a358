"""The journal of a search: what was written stands, whatever became of who wrote it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.hashing import canonical_json
from orchestrator.search import journal as journals
from orchestrator.search.journal import Journal
from orchestrator.search.journal_entries import read_entry

POINT = {"group": "ewc", "number": 0, "point": {"method.lam": 1.5, "network.hidden": [4, 4]}}
STOP = {"group": "ewc", "number": 0, "after": 1, "decision": "stop", "values": [0.5]}
OTHER = {"group": "si", "number": 0, "point": {"method.c": 1}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "search.jsonl"


def begin_journal(path: Path, **groups: str) -> Journal:
    journal = Journal(path)
    for group, identity in groups.items():
        journal.entries(group, identity)
    return journal


def test_another_driver_reads_what_one_wrote_in_order_and_by_group(path: Path) -> None:
    first = begin_journal(path, ewc="1", si="2")
    for entry in (POINT, OTHER, STOP):
        first.append(entry)
    second = Journal(path)
    assert second.entries("ewc", "1") == [POINT, STOP]
    assert second.entries("si", "2") == [OTHER]


def test_an_entry_is_a_line_of_json_and_nothing_that_was_written_is_ever_changed(
    path: Path,
) -> None:
    study = begin_journal(path, ewc="1")
    study.append(POINT)
    before = path.read_bytes()
    again = Journal(path)
    again.entries("ewc", "1")
    again.append(STOP)
    assert path.read_bytes().startswith(before)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == [{"group": "ewc", "identity": "1"}, POINT, STOP]


def test_the_entries_of_a_block_are_known_at_once_and_written_with_one_call(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = begin_journal(path, ewc="1")
    calls: list[int] = []
    monkeypatch.setattr(journals.os, "fsync", calls.append)
    with made.batch_writes():
        made.append(POINT)
        made.append(STOP)
        assert made.entries("ewc", "1") == [POINT, STOP]
        assert len(path.read_text().splitlines()) == 1
    assert len(calls) == 1
    assert Journal(path).entries("ewc", "1") == [POINT, STOP]
    made.append(STOP)
    assert len(calls) == 2


def test_the_entries_of_a_block_that_fails_are_written_all_the_same(path: Path) -> None:
    made = begin_journal(path, ewc="1")

    def fail() -> None:
        with made.batch_writes():
            made.append(POINT)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert Journal(path).entries("ewc", "1") == [POINT]


def test_an_entry_is_on_the_disk_before_it_is_acted_upon(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bytes] = []
    monkeypatch.setattr(journals.os, "fsync", lambda file: synced.append(path.read_bytes()))
    begin_journal(path, ewc="1").append(POINT)
    assert synced[-1] == path.read_bytes()
    assert synced[-1].count(b"\n") == 2


def test_another_search_of_the_same_name_begins_anew_and_the_first_can_be_no_more_resumed(
    path: Path,
) -> None:
    begin_journal(path, ewc="1").append(POINT)
    other = Journal(path)
    assert other.entries("ewc", "2") == []
    other.append(POINT | {"point": {}})
    assert Journal(path).entries("ewc", "2") == [POINT | {"point": {}}]
    assert Journal(path).entries("ewc", "1") == []


def test_a_search_that_was_changed_leaves_those_beside_it_alone(path: Path) -> None:
    study = begin_journal(path, ewc="1", si="2")
    study.append(POINT)
    study.append(OTHER)
    again = begin_journal(path, ewc="changed")
    assert again.entries("si", "2") == [OTHER]


def test_who_only_reads_writes_nothing_and_knows_what_it_would_have_written(path: Path) -> None:
    reader = Journal(path, read_only=True)
    assert reader.entries("ewc", "1") == []
    reader.append(POINT)
    assert reader.entries("ewc", "1") == [POINT]
    assert not path.exists()

    begin_journal(path, ewc="1").append(POINT)
    path.write_bytes(path.read_bytes() + b'{"half')
    before = path.read_bytes()
    reader = Journal(path, read_only=True)
    reader.append(STOP)
    assert reader.entries("ewc", "1") == [POINT, STOP]
    assert path.read_bytes() == before


@given(cut=st.integers(0, 400), data=st.data())
def test_cut_anywhere_it_holds_the_whole_lines_before_and_goes_on_from_there(
    tmp_path_factory: pytest.TempPathFactory, cut: int, data: Any
) -> None:
    path = tmp_path_factory.mktemp("cut") / "search.jsonl"
    study = begin_journal(path, ewc="1")
    for entry in (POINT, STOP):
        study.append(entry)
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    kept = whole[:cut].count(b"\n")
    resumed = Journal(path)
    assert resumed.entries("ewc", "1") == [POINT, STOP][: max(kept - 1, 0)]
    more = OTHER | {"group": "ewc", "number": int(kept > 1)}
    resumed.append(more)
    again = Journal(path)
    assert again.entries("ewc", "1") == [
        *[POINT, STOP][: max(kept - 1, 0)],
        more,
    ]
    for line in path.read_text().splitlines():
        json.loads(line)


@pytest.mark.parametrize(
    "damage", [b"{half", b"\0" * 40, b"\xff\xfe", b"[1, 2]", b'{"number": 1}', b'{"group": 1}', b""]
)
def test_a_damaged_line_ends_what_is_read_and_is_kept_with_the_rest_beside_the_journal(
    damage: bytes, path: Path, logged: list[str]
) -> None:
    begin_journal(path, ewc="1").append(POINT)
    good = path.read_bytes()
    rest = damage + b"\n" + canonical_json(STOP).encode() + b"\n"
    path.write_bytes(good + rest)
    resumed = Journal(path)
    assert resumed.entries("ewc", "1") == [POINT]
    assert (path.read_bytes(), path.with_name("search.jsonl.damaged").read_bytes()) == (good, rest)
    assert "damaged from line 3 on" in logged[0]
    resumed.append(STOP)
    assert Journal(path).entries("ewc", "1") == [POINT, STOP]


ENTRIES = {
    "draw": POINT,
    "decision": STOP,
    "end": {
        "group": "ewc",
        "number": 0,
        "after": 2,
        "ended": "complete",
        "story": "",
        "values": [1],
    },
    "stop": {"group": "ewc", "number": 0, "stopped": True},
    "adoption": {"group": "ewc", "number": 0, "source": 0, "adopted": {"method.lam": 1.0}},
}
NO_VALUE = (-2, 0.5, float("nan"), "x", "\ud800", [], ["x"], [[1]], [float("inf")])
# What would be right in its place is no damage.
RIGHT = {"group": ("x",), "story": ("x",)}


@pytest.mark.parametrize("kind", ENTRIES)
def test_an_entry_without_a_field_or_with_one_of_another_type_is_a_damaged_line(kind: str) -> None:
    entry = ENTRIES[kind]
    assert read_entry(canonical_json(entry).encode() + b"\n") == entry
    for field in entry:
        assert read_entry(json.dumps(entry | {field: None}).encode()) is None or field == "values"
        assert read_entry(json.dumps({k: entry[k] for k in entry if k != field}).encode()) is None
        for value in NO_VALUE:
            read = read_entry(json.dumps(entry | {field: value}).encode())
            assert read is None or value in RIGHT.get(field, ()), (field, value)
    large = entry | {"number": 10**30}
    assert read_entry(json.dumps(large).encode()) is None


def test_a_step_of_a_candidate_that_was_not_drawn_ends_what_is_read(tmp_path: Path) -> None:
    for step in ({"number": 3, "stopped": True}, {"number": 0, "source": 3, "adopted": {}}):
        assert read_overlap(tmp_path, [*ALONE[:4], {"group": "g", **step}, *ALONE[4:]]) == POINTS


@pytest.mark.parametrize("next_line", [b"", canonical_json(STOP).encode() + b"\n"])
def test_nuls_where_writes_were_lost_cost_nothing_that_was_written(
    next_line: bytes, path: Path
) -> None:
    begin_journal(path, ewc="1").append(POINT)
    path.write_bytes(path.read_bytes() + b"\0" * 100 + next_line)
    assert Journal(path).entries("ewc", "1") == [POINT, STOP][: 1 + bool(next_line)]
    assert not path.with_name("search.jsonl.damaged").exists()


def test_who_only_reads_leaves_a_damaged_journal_as_it_is(path: Path) -> None:
    begin_journal(path, ewc="1").append(POINT)
    damaged = path.read_bytes() + b"{half\n"
    path.write_bytes(damaged)
    assert Journal(path, read_only=True).entries("ewc", "1") == [POINT]
    assert path.read_bytes() == damaged
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("text", ["größer", "a\nb", " ", '"'])
def test_text_of_any_kind_stays_on_its_line(path: Path, text: str) -> None:
    entry = POINT | {"story": text}
    begin_journal(path, ewc="1").append(entry)
    assert Journal(path).entries("ewc", "1") == [entry]


POINTS = [{"group": "g", "number": n, "point": {"x": n}} for n in range(3)]
STEPS = [
    {"group": "g", "number": n, "after": a, "decision": d, "values": [v]}
    for n, a, d, v in ((0, 1, "continue", 0.9), (1, 1, "continue", 0.8), (0, 2, "stop", 0.1))
]
END = {"group": "g", "number": 1, "after": 2, "ended": "complete", "values": [0.7], "story": ""}
ALONE = [{"group": "g", "identity": "i"}, *POINTS, *STEPS, END]


def read_overlap(tmp_path: Path, entries: list[dict[str, object]]) -> list[dict[str, object]]:
    """Return what a journal with these lines has of the group."""
    path = tmp_path / "search.jsonl"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return [dict(entry) for entry in Journal(path).entries("g", "i")]


def test_a_journal_that_two_drivers_wrote_at_once_is_read_as_that_of_one(tmp_path: Path) -> None:
    alone = read_overlap(tmp_path, ALONE)
    assert alone == ALONE[1:]
    twice = [entry for entry in ALONE for _ in range(2)]
    assert read_overlap(tmp_path, twice) == alone
    assert (tmp_path / "search.jsonl.overlapped").exists()
    assert (tmp_path / "search.jsonl").read_text().count("\n") == len(ALONE)
    assert read_overlap(tmp_path, ALONE) == alone
    # The second driver is behind, and begins with the identity and the draws once more.
    late = [*ALONE[:5], *ALONE[:4], *ALONE[5:7], ALONE[4], *ALONE[7:], *ALONE[5:]]
    assert read_overlap(tmp_path, late) == alone


def test_drivers_that_drew_or_decided_otherwise_leave_a_beginning_to_go_on_from(
    tmp_path: Path,
) -> None:
    other = {"group": "g", "number": 2, "point": {"x": 99}}
    assert read_overlap(tmp_path, [*ALONE[:5], other, *ALONE[5:]]) == ALONE[1:5]
    # The other driver went on with what the first one stopped: the stop stands.
    beyond = STEPS[2] | {"decision": "continue"}
    further = STEPS[2] | {"after": 3, "decision": "continue"}
    assert read_overlap(tmp_path, [*ALONE[:7], beyond, further, END]) == ALONE[1:]
