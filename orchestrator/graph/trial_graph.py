"""The trial graph decides which stage runs next. A pure state machine, driven by events.

No I/O, no clock, no Ray. Chains (one per trial and seed) want stages; a stage is requested at most
once however many chains want it, and dropped when none does.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from orchestrator.errors import RepertoireError
from orchestrator.graph.events import (
    ChainAdvanced,
    ChainEnded,
    ChainId,
    ChainStopped,
    ChainWanted,
    EndStatus,
    Event,
    Instruction,
    RunStage,
    SlotsChanged,
)
from orchestrator.stages.outcomes import (
    Key,
    ParentLost,
    StageDiverged,
    StageDone,
    StageFailed,
)


@dataclass(slots=True)
class _Node:
    """State of a stage. `unblocks` counts the unfinished wanted stages below it."""

    parent: Key | None
    order: int
    state: Literal["waiting", "ready", "running", "done", "dropped"] = "waiting"
    chains: dict[ChainId, None] = field(default_factory=dict)
    children: dict[Key, None] = field(default_factory=dict)
    unblocks: int = 0
    story: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Chain:
    keys: list[Key] = field(default_factory=list)
    done: int = 0
    last: bool = False
    ended: bool = False


class TrialGraph:
    """Decides which stages run next; driven by `handle`.

    Ready stages are ordered by how many unfinished wanted stages each unblocks, then by when they
    were first wanted: a shared beginning goes first, and the order is the same every time.

    Args:
        slots: how many stages may run at a time.
        stored: stages known to be in the store already.
    """

    def __init__(self, slots: int, stored: Iterable[Key] = ()) -> None:
        self._free = self._slots = slots
        self._stored = set(stored)
        self._nodes: dict[Key, _Node] = {}
        self._chains: dict[ChainId, _Chain] = {}
        self._ready: list[tuple[int, int, Key]] = []

    def handle(self, event: Event) -> list[Instruction]:
        """Update the graph by an event; return the instructions that follow, in order."""
        match event:
            case ChainWanted():
                out = self._want(event)
            case ChainStopped(chain):
                out = self._stop(chain)
            case StageDone(key):
                out = self._complete(key)
            case StageDiverged(key, story):
                out = self._fail(key, "diverged", story)
            case StageFailed(key, story):
                out = self._fail(key, "failed", story)
            case ParentLost(key):
                out = self._handle_lost_parent(key)
            case SlotsChanged(slots):
                self._free, self._slots, out = self._free + slots - self._slots, slots, []
        return out + self._dispatch()

    @property
    def ready(self) -> bool:
        """Whether a stage may be waiting for a slot alone."""
        return bool(self._ready)

    def counts(self) -> dict[str, int]:
        """Return how many stages are waiting, ready, running, done, and dropped."""
        total = dict.fromkeys(("waiting", "ready", "running", "done", "dropped"), 0)
        for node in self._nodes.values():
            total[node.state] += 1
        return total

    def story(self, key: Key) -> list[str]:
        """Return the history of a stage's states."""
        return list(self._nodes[key].story)

    def _want(self, event: ChainWanted) -> list[Instruction]:
        chain = self._chains.setdefault(event.chain, _Chain())
        if chain.ended:
            raise RepertoireError(f"chain {event.chain} has ended and cannot want more")
        chain.last = event.last
        self._stored |= event.stored
        for key, parent in event.stages:
            chain.keys.append(key)
            self._add(key, parent, event.chain)
        return self._advance(event.chain)

    def _add(self, key: Key, parent: Key | None, chain: ChainId) -> None:
        above = None if parent is None else self._nodes.get(parent)
        if parent is not None and (above is None or chain not in above.chains):
            history = above.story if above else "never wanted"
            raise RepertoireError(
                f"chain {chain} wants stage {key} but not its parent {parent}: {history}"
            )
        node = self._nodes.get(key)
        if node is None:
            node = self._nodes[key] = _Node(parent, len(self._nodes))
            if parent is not None:
                self._nodes[parent].children[key] = None
        fresh = node.state == "dropped" or not node.story
        node.chains[chain] = None
        if not fresh:
            return
        node.story.append(f"wanted by {chain}")
        if key in self._stored:
            node.state = "done"
            return
        self._update_unblocks(node, +1)
        self._set_ready_or_waiting(key)

    def _set_ready_or_waiting(self, key: Key) -> None:
        """Set a stage that is not done to ready or waiting, by its parent's state."""
        node = self._nodes[key]
        parent = self._nodes.get(node.parent) if node.parent else None
        node.state = "ready" if parent is None or parent.state == "done" else "waiting"
        node.story.append(node.state)
        if node.state == "ready":
            heapq.heappush(self._ready, (-node.unblocks, node.order, key))

    def _update_unblocks(self, node: _Node, change: int) -> None:
        """Add `change` to the `unblocks` of a stage's ancestors."""
        while node.parent is not None:
            key, node = node.parent, self._nodes[node.parent]
            node.unblocks += change
            if node.state == "ready":
                heapq.heappush(self._ready, (-node.unblocks, node.order, key))

    def _complete(self, key: Key) -> list[Instruction]:
        node = self._finish(key, "done")
        self._update_unblocks(node, -1)
        for child in node.children:
            if self._nodes[child].state == "waiting":
                self._set_ready_or_waiting(child)
        return [step for chain in list(node.chains) for step in self._advance(chain)]

    def _fail(self, key: Key, status: EndStatus, story: str) -> list[Instruction]:
        node = self._finish(key, "dropped")
        self._update_unblocks(node, -1)
        return [step for chain in list(node.chains) for step in self._end(chain, status, story)]

    def _handle_lost_parent(self, key: Key) -> list[Instruction]:
        """Compute the parent again if it is wanted; chains that are past it do not go back."""
        node = self._nodes.get(key)
        if node is not None and node.parent is None:
            raise RepertoireError(f"stage {key} has no parent to lose: {node.story}")
        node = self._finish(key, "waiting")
        parent = str(node.parent)
        self._stored.discard(parent)
        if not node.chains:
            self._drop(node, "no chain wants it any more")
        above = self._nodes[parent]
        if above.state == "done":
            self._mark_undone(parent, above)
        return []

    def _mark_undone(self, key: Key, node: _Node) -> None:
        """Mark a stage as not done; ready stages below it wait again."""
        self._update_unblocks(node, +1)
        for child in node.children:
            below = self._nodes[child]
            if below.state == "ready":
                below.state = "waiting"
                below.story.append("waiting")
        if node.chains:
            self._set_ready_or_waiting(key)
        else:
            self._drop(node, "its state was lost and no chain wants it")

    def _drop(self, node: _Node, why: str) -> None:
        node.state = "dropped"
        node.story.append(f"dropped: {why}")
        self._update_unblocks(node, -1)

    def _finish(self, key: Key, state: Literal["done", "dropped", "waiting"]) -> _Node:
        node = self._nodes.get(key)
        if node is None or node.state != "running":
            story = node.story if node else "never wanted"
            raise RepertoireError(f"stage {key} ended though it was not running: {story}")
        node.state = state
        node.story.append(state)
        self._free += 1
        return node

    def _advance(self, name: ChainId) -> list[Instruction]:
        chain, out = self._chains[name], list[Instruction]()
        if chain.ended:
            return out
        before = chain.done
        while chain.done < len(chain.keys) and self._nodes[chain.keys[chain.done]].state == "done":
            chain.done += 1
        if chain.done > before:
            out.append(ChainAdvanced(name, chain.done - 1))
        if chain.last and chain.done == len(chain.keys):
            out.extend(self._end(name, "complete", ""))
        return out

    def _stop(self, name: ChainId) -> list[Instruction]:
        if name not in self._chains:
            raise RepertoireError(f"chain {name} cannot be stopped: it never wanted anything")
        return self._end(name, "stopped", "")

    def _end(self, name: ChainId, status: EndStatus, story: str) -> list[Instruction]:
        chain = self._chains[name]
        if chain.ended:
            return []
        chain.ended = True
        for key in reversed(chain.keys):
            node = self._nodes[key]
            node.chains.pop(name, None)
            if not node.chains and node.state in ("waiting", "ready"):
                self._drop(node, f"{name} ended and no other chain wants it")
        return [ChainEnded(name, status, story)]

    def _dispatch(self) -> list[Instruction]:
        out: list[Instruction] = []
        while self._free > 0 and self._ready:
            weight, _, key = heapq.heappop(self._ready)
            node = self._nodes[key]
            if node.state != "ready" or weight != -node.unblocks:
                continue
            node.state = "running"
            node.story.append("running")
            self._free -= 1
            out.append(RunStage(key))
        return out
