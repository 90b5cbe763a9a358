"""The trial graph against an oracle: sets and searches, plain and slow, must say the same."""

from __future__ import annotations

import time

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from orchestrator.errors import RepertoireError
from orchestrator.graph.trial_graph import (
    ChainAdvanced,
    ChainEnded,
    ChainStopped,
    ChainWanted,
    ParentLost,
    RunStage,
    SlotsChanged,
    StageDiverged,
    StageDone,
    StageFailed,
    TrialGraph,
)

# A chain takes a branch at each stage; equal beginnings are shared. Afresh: all hang below stage 0.
ROOTS = st.sampled_from(["r", "s"])
BRANCHES = st.lists(st.sampled_from("ab"), min_size=0, max_size=4)


def line(root: str, branches: list[str], afresh: bool = False) -> list[tuple[str, str | None]]:
    """Return (key, parent) of a chain, in order."""
    steps: list[tuple[str, str | None]] = [(root, None)]
    for depth in range(1, len(branches) + 1):
        path = root + "".join(branches[:depth])
        steps.append((f"{path}!", root) if afresh else (path, steps[-1][0]))
    return steps


class GraphAgainstOracle(RuleBasedStateMachine):
    """Any order of wanting, finishing, failing, losing, stopping; the oracle foretells dispatch."""

    @initialize(slots=st.integers(0, 2), stored=st.booleans())
    def begin(self, slots: int, stored: bool) -> None:
        self.stored = frozenset({"r", "ra"} if stored else ())
        self.first_slots = self.slots = slots
        self.graph = TrialGraph(slots, self.stored)
        self.parents: dict[str, str | None] = {}
        self.wanted_at: dict[str, int] = {}
        self.done: set[str] = set()
        self.known_stored = set(self.stored)
        self.running: list[str] = []
        self.keys: dict[tuple[str, int], list[str]] = {}
        self.coming: dict[tuple[str, int], list[tuple[str, str | None]]] = {}
        self.ended: dict[tuple[str, int], tuple[str, str]] = {}
        self.advanced: dict[tuple[str, int], int] = {}
        self.history: list[tuple[object, list[object]]] = []
        self.expected_end: tuple[str, str] = ("", "")
        self.may_end: set[tuple[str, int]] = set()

    # --- the oracle ------------------------------------------------------------------------------

    def active(self, key: str) -> bool:
        return any(key in keys and chain not in self.ended for chain, keys in self.keys.items())

    def unfinished(self) -> set[str]:
        return {
            k for k in self.parents if k in self.running or (k not in self.done and self.active(k))
        }

    def unblocks(self, key: str) -> int:
        count = 0
        for other in self.unfinished() - {key}:
            above = self.parents[other]
            while above not in (None, key):
                above = self.parents[above]
            count += above == key
        return count

    def ready(self) -> list[str]:
        free = [
            key
            for key in self.unfinished() - set(self.running)
            if self.parents[key] is None or self.parents[key] in self.done
        ]
        return sorted(free, key=lambda key: (-self.unblocks(key), self.wanted_at[key]))

    # --- events ----------------------------------------------------------------------------------

    def tell(self, event: object) -> None:
        out = self.graph.handle(event)  # type: ignore[arg-type]
        self.history.append((event, list(out)))
        for step in out:
            match step:
                case ChainAdvanced(chain, after):
                    assert after > self.advanced.get(chain, -1)
                    assert chain not in self.ended
                    assert set(self.keys[chain][: after + 1]) <= self.done | self.recomputed
                    self.advanced[chain] = after
                case ChainEnded(chain, status, story):
                    assert chain not in self.ended
                    self.ended[chain] = (status, story)
                case RunStage(key):
                    assert key == self.ready()[0], "what unblocks most goes first"
                    assert key not in self.done
                    self.running.append(key)
                    assert len(self.running) <= self.slots
        assert len(self.running) >= self.slots or not self.ready(), (
            "no slot is idle while a stage is ready"
        )

    @property
    def recomputed(self) -> set[str]:
        """Stages done once whose state was lost: those past them have had them."""
        return {
            event.key for event, _ in self.history if isinstance(event, StageDone)
        } | self.stored

    def want(self, chain: tuple[str, int], steps: list[tuple[str, str | None]], last: bool) -> None:
        for key, parent in steps:
            self.parents[key] = parent
            self.wanted_at.setdefault(key, len(self.wanted_at))
            self.keys.setdefault(chain, []).append(key)
            if key in self.known_stored and key not in self.running:
                self.done.add(key)
        self.tell(ChainWanted(chain, tuple(steps), last))
        if last and set(self.keys[chain]) <= self.done:
            assert self.ended[chain] == ("complete", "")

    @rule(root=ROOTS, branches=BRANCHES, afresh=st.booleans())
    def want_all(self, root: str, branches: list[str], afresh: bool) -> None:
        self.want((f"t{len(self.keys)}", 0), line(root, branches, afresh), last=True)

    @rule(root=ROOTS, branches=BRANCHES, afresh=st.booleans())
    def want_the_first(self, root: str, branches: list[str], afresh: bool) -> None:
        chain, steps = (f"t{len(self.keys)}", 1), line(root, branches, afresh)
        self.coming[chain] = steps[1:]
        self.want(chain, steps[:1], last=not steps[1:])

    @precondition(lambda self: any(c not in self.ended and s for c, s in self.coming.items()))
    @rule(data=st.data())
    def want_one_more(self, data: st.DataObject) -> None:
        waiting = [c for c, s in self.coming.items() if s and c not in self.ended]
        chain = data.draw(st.sampled_from(waiting))
        step = self.coming[chain].pop(0)
        self.want(chain, [step], last=not self.coming[chain])

    @rule(slots=st.integers(0, 3))
    def change_slots(self, slots: int) -> None:
        self.slots = slots
        self.tell(SlotsChanged(slots))

    @precondition(lambda self: self.keys)
    @rule(data=st.data())
    def stop(self, data: st.DataObject) -> None:
        chain = data.draw(st.sampled_from(sorted(self.keys)))
        before = self.ended.get(chain)
        self.tell(ChainStopped(chain))
        assert self.ended[chain] == (before or ("stopped", ""))

    def finish(self, data: st.DataObject) -> tuple[str, list[tuple[str, int]]]:
        key = data.draw(st.sampled_from(self.running))
        self.running.remove(key)
        return key, [c for c, keys in self.keys.items() if key in keys and c not in self.ended]

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def finish_one(self, data: st.DataObject) -> None:
        key, chains = self.finish(data)
        self.done.add(key)
        self.tell(StageDone(key))
        for chain in chains:
            whole = set(self.keys[chain]) <= self.done and not self.coming.get(chain)
            assert not whole or self.ended[chain] == ("complete", "")

    @precondition(lambda self: self.running)
    @rule(data=st.data(), kind=st.sampled_from([StageFailed, StageDiverged]))
    def lose_one(self, data: st.DataObject, kind: type[StageFailed] | type[StageDiverged]) -> None:
        key, chains = self.finish(data)
        status = "failed" if kind is StageFailed else "diverged"
        self.tell(kind(key, f"why {key}"))
        assert all(self.ended[chain] == (status, f"why {key}") for chain in chains)

    @precondition(lambda self: any(self.parents[k] for k in self.running))
    @rule(data=st.data())
    def lose_a_parent(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from([k for k in self.running if self.parents[k]]))
        self.running.remove(key)
        parent = str(self.parents[key])
        self.done.discard(parent)
        self.known_stored.discard(parent)
        ended = dict(self.ended)
        self.tell(ParentLost(key))
        assert self.ended == ended, "a lost state ends no chain"

    # --- what always holds -----------------------------------------------------------------------

    @invariant()
    def counts_agree(self) -> None:
        counts, unfinished, ready = self.graph.counts(), self.unfinished(), self.ready()
        done = self.done & self.parents.keys()
        assert counts["running"] == len(self.running)
        assert counts["ready"] == len(ready)
        assert counts["done"] == len(done)
        assert counts["waiting"] == len(unfinished) - len(self.running) - len(ready)
        assert sum(counts.values()) == len(self.parents)
        if len(self.ended) == len(self.keys):
            assert counts["ready"] == counts["waiting"] == 0

    def teardown(self) -> None:
        """Everything ends, and the same events give the same instructions."""
        if not hasattr(self, "graph"):
            return
        for chain, steps in self.coming.items():
            if steps and chain not in self.ended:
                self.tell(ChainStopped(chain))
        self.slots = 2
        self.tell(SlotsChanged(2))
        while self.running:
            key = self.running.pop()
            self.done.add(key)
            self.tell(StageDone(key))
        assert self.ended.keys() == self.keys.keys()
        again = TrialGraph(self.first_slots, self.stored)
        assert [again.handle(event) for event, _ in self.history] == [
            out for _, out in self.history
        ]  # type: ignore[arg-type]


TestGraphAgainstOracle = pytest.mark.slow(GraphAgainstOracle.TestCase)
TestGraphAgainstOracle.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, database=None
)


class GraphAgainstOracleForLong(GraphAgainstOracle):
    """The same on more and longer histories."""


TestGraphAgainstOracleForLong = pytest.mark.variant(GraphAgainstOracleForLong.TestCase)
TestGraphAgainstOracleForLong.settings = settings(
    max_examples=400, stateful_step_count=80, deadline=None, database=None
)


def request(graph: TrialGraph, name: str, *steps: tuple[str, str | None]) -> list[object]:
    return list(graph.handle(ChainWanted((name, 0), steps)))


def test_the_stage_that_unblocks_most_goes_first() -> None:
    # Below x hang 3 stages, below y 1, below z 2; they were wanted in the order y, z, x.
    graph = TrialGraph(slots=0)
    request(graph, "one", ("y", None), ("y1", "y"))
    request(graph, "two", ("z", None), ("z1", "z"), ("z2", "z1"))
    request(graph, "three", ("x", None), ("x1", "x"), ("x2", "x1"))
    request(graph, "four", ("x", None), ("x3", "x"))
    assert graph.handle(SlotsChanged(2)) == [RunStage("x"), RunStage("z")]
    # x1 unblocks one, like y; y was wanted earlier. x3 unblocks none.
    assert graph.handle(StageDone("x"))[-1] == RunStage("y")
    assert graph.handle(SlotsChanged(4)) == [RunStage("x1"), RunStage("x3")]


def test_a_stage_counts_for_less_when_what_it_unblocks_is_no_longer_wanted() -> None:
    graph = TrialGraph(slots=0)
    request(graph, "a", ("x", None), ("x1", "x"), ("x2", "x1"))
    request(graph, "b", ("x", None))
    request(graph, "c", ("y", None), ("y1", "y"))
    graph.handle(ChainStopped(("a", 0)))
    assert graph.handle(SlotsChanged(1)) == [RunStage("y")]


def test_a_lost_stage_counts_again_among_what_its_ancestors_unblock() -> None:
    graph = TrialGraph(slots=1, stored=["x", "x1"])
    assert RunStage("x2") in request(graph, "a", ("x", None), ("x1", "x"), ("x2", "x1"))
    request(graph, "b", ("y", None))
    assert graph.handle(ParentLost("x2")) == [RunStage("x1")]
    request(graph, "c", ("z", None), ("z1", "z"), ("z2", "z1"))
    # x unblocks x1 and x2, as many as z does, and was wanted earlier.
    assert graph.handle(ParentLost("x1")) == [RunStage("x")]


def test_a_stage_that_many_chains_want_runs_once() -> None:
    graph = TrialGraph(slots=9)
    first = [request(graph, name, ("x", None), (name, "x")) for name in "abc"]
    assert first == [[RunStage("x")], [], []]
    assert graph.handle(StageDone("x")) == [
        *(ChainAdvanced((name, 0), 0) for name in "abc"),
        *(RunStage(name) for name in "abc"),
    ]


def test_a_failure_ends_only_the_chains_that_want_the_stage() -> None:
    graph = TrialGraph(slots=9)
    request(graph, "a", ("x", None), ("xa", "x"))
    request(graph, "b", ("x", None), ("xb", "x"))
    graph.handle(StageDone("x"))
    assert graph.handle(StageFailed("xa", "why")) == [ChainEnded(("a", 0), "failed", "why")]
    assert graph.handle(StageDone("xb")) == [
        ChainAdvanced(("b", 0), 1),
        ChainEnded(("b", 0), "complete"),
    ]


def test_a_ready_stage_waits_again_when_its_parent_is_lost() -> None:
    graph = TrialGraph(slots=1, stored=["x"])
    request(graph, "a", ("x", None), ("xa", "x"))
    request(graph, "b", ("x", None), ("xb", "x"))
    assert graph.handle(ParentLost("xa")) == [RunStage("x")]
    assert graph.counts() == {"waiting": 2, "ready": 0, "running": 1, "done": 0, "dropped": 0}
    assert graph.handle(StageDone("x")) == [RunStage("xa")]


def test_a_lost_parent_that_nobody_wants_any_more_is_not_computed() -> None:
    graph = TrialGraph(slots=1, stored=["x"])
    request(graph, "a", ("x", None), ("xa", "x"))
    graph.handle(ChainStopped(("a", 0)))
    assert graph.handle(ParentLost("xa")) == []
    assert graph.counts()["dropped"] == 2


def test_a_stage_of_a_complete_chain_is_dropped_with_the_last_chain_that_needs_it() -> None:
    graph = TrialGraph(slots=1, stored=["x", "xa"])
    request(graph, "a", ("x", None), ("xa", "x"))
    request(graph, "b", ("x", None), ("xb", "x"))
    graph.handle(SlotsChanged(0))
    graph.handle(ParentLost("xb"))
    graph.handle(ChainStopped(("b", 0)))
    assert graph.handle(SlotsChanged(9)) == []


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (StageDone("x1"), "x1 ended though it was not running: .*wanted by .*'waiting', 'ready'"),
        (StageFailed("x", "why"), r"x ended though it was not running: .*'running', 'done'"),
        (StageDiverged("never", "why"), "never ended though it was not running: never wanted"),
        (ParentLost("x"), r"x has no parent to lose: .*'done'"),
        (ParentLost("never"), "never ended though it was not running: never wanted"),
        (ChainStopped(("never", 0)), "never wanted anything"),
        (ChainWanted(("new", 0), (("x1", "x"),)), r"wants stage x1 but not its parent x: .*'done'"),
        (
            ChainWanted(("new", 0), (("n", "never"),)),
            "wants stage n but not its parent never: never wanted",
        ),
    ],
)
def test_an_impossible_event_raises_with_the_story_of_the_stage(
    event: object, message: str
) -> None:
    graph = TrialGraph(slots=1)
    request(graph, "a", ("x", None), ("x1", "x"))
    graph.handle(SlotsChanged(0))
    graph.handle(StageDone("x"))
    with pytest.raises(RepertoireError, match=message):
        graph.handle(event)  # type: ignore[arg-type]


def test_a_chain_that_has_ended_cannot_want_more() -> None:
    graph = TrialGraph(slots=1)
    request(graph, "a", ("x", None))
    graph.handle(ChainStopped(("a", 0)))
    with pytest.raises(RepertoireError, match="has ended and cannot want more"):
        request(graph, "a", ("x", None))


def test_the_story_tells_all_that_happened_to_a_stage() -> None:
    graph = TrialGraph(slots=1)
    request(graph, "a", ("x", None))
    graph.handle(StageDone("x"))
    assert graph.story("x") == ["wanted by ('a', 0)", "ready", "running", "done"]


@pytest.mark.slow
def test_two_thousand_chains_of_twenty_tasks_take_seconds() -> None:
    # Each task doubles the branches up to 2,000. Half a second where it was measured.
    started = time.perf_counter()
    graph, executed, ended = TrialGraph(slots=0), 0, 0
    for number in range(2000):
        branches = [str(number % 2**depth) for depth in range(1, 12)] + [str(number)] * 9
        request(graph, f"t{number}", *line("r", [f"/{b}" for b in branches]))
    todo = list(graph.handle(SlotsChanged(64)))
    while todo:
        step = todo.pop()
        ended += isinstance(step, ChainEnded)
        if isinstance(step, RunStage):
            executed += 1
            todo.extend(graph.handle(StageDone(step.key)))
    assert ended == 2000
    assert executed == graph.counts()["done"]
    assert time.perf_counter() - started < 20


def test_ready_siblings_run_as_one_task_spread_over_the_free_slots() -> None:
    graph = TrialGraph(slots=0, siblings=lambda key: (key[0], 4) if key[0] == "s" else None)
    for number in range(7):
        request(graph, f"chain {number}", (f"s{number}", None))
    request(graph, "other", ("x", None))
    # Seven over three slots are three, two and two; what has no siblings has a slot to itself.
    assert graph.handle(SlotsChanged(3)) == [
        *(RunStage("s0"), RunStage("s1", "s0"), RunStage("s2", "s0")),
        *(RunStage("s3"), RunStage("s4", "s3")),
        *(RunStage("s5"), RunStage("s6", "s5")),
    ]
    assert graph.num_busy == 3
    assert RunStage("x") not in graph.handle(StageDone("s3")), "its task goes on"
    assert RunStage("x") in graph.handle(StageFailed("s4", "why"))
    assert graph.num_busy == 3


def test_a_task_has_no_more_siblings_than_it_may_and_waits_for_none() -> None:
    graph = TrialGraph(slots=1, siblings=lambda key: (key[0], 2))
    assert request(graph, "a", ("s1", None)) == [RunStage("s1")]
    for name in "bcd":
        request(graph, name, (f"s{name}", None))
    assert graph.handle(StageDone("s1"))[-2:] == [RunStage("sb"), RunStage("sc", "sb")]
    graph.handle(StageDone("sb"))
    assert graph.handle(StageDone("sc"))[-1] == RunStage("sd")
