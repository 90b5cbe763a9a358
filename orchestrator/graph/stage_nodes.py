"""The stages of the trial graph: their states, and the order in which ready ones run."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from orchestrator.errors import RepertoireError
from orchestrator.graph.events import ChainId
from orchestrator.stages.outcomes import Key

NodeState = Literal["waiting", "ready", "running", "done", "dropped"]


@dataclass(slots=True)
class StageNode:
    """A stage of the graph.

    Attributes:
        parent: key of the stage above.
        order: number of stages that were added before.
        state: "waiting" for the parent, "ready" to run, "running", "done" or "dropped".
        chains: the chains that want it, in order.
        children: keys of the stages below, in order.
        unblocks: number of unfinished wanted stages below it.
        story: the history of its states.
    """

    parent: Key | None
    order: int
    state: NodeState = "waiting"
    chains: dict[ChainId, None] = field(default_factory=dict)
    children: dict[Key, None] = field(default_factory=dict)
    unblocks: int = 0
    story: list[str] = field(default_factory=list)


# Of a stage what its siblings share, and how many run as one task at most.
Siblings = Callable[[Key], tuple[Hashable, int] | None]


class StageNodes:
    """All stages of the graph by key.

    Ready stages are ordered by how many unfinished wanted stages each unblocks, then by when they
    were first wanted: a shared beginning goes first, and the order is the same every time.

    Args:
        stored: stages that are known to be in the store.
        siblings: see `TrialGraph`.

    Attributes:
        stored: as given, and what was added to it.
        by_key: the stages.
    """

    def __init__(self, stored: Iterable[Key], siblings: Siblings = lambda key: None) -> None:
        self.stored = set(stored)
        self._siblings = siblings
        self._alike: dict[Hashable, dict[Key, None]] = {}
        self.by_key: dict[Key, StageNode] = {}
        self._ready: list[tuple[int, int, Key]] = []

    @property
    def may_have_ready_stages(self) -> bool:
        """Whether a stage may be ready."""
        # The heap may hold stale entries alone.
        return bool(self._ready)

    def counts(self) -> dict[str, int]:
        """Return the numbers of stages that are waiting, ready, running, done, and dropped."""
        total = dict.fromkeys(("waiting", "ready", "running", "done", "dropped"), 0)
        for node in self.by_key.values():
            total[node.state] += 1
        return total

    def add(self, key: Key, parent: Key | None, chain: ChainId) -> None:
        """Add a chain to a stage, which is created or revived if necessary.

        Raises:
            RepertoireError: the chain does not want the parent.
        """
        above = None if parent is None else self.by_key.get(parent)
        if parent is not None and (above is None or chain not in above.chains):
            history = above.story if above else "never wanted"
            raise RepertoireError(
                f"chain {chain} wants stage {key} but not its parent {parent}: {history}"
            )
        node = self.by_key.get(key)
        if node is None:
            node = self.by_key[key] = StageNode(parent, len(self.by_key))
            if parent is not None:
                self.by_key[parent].children[key] = None
        # A stage that no chain wanted any more comes back when a new chain wants it.
        fresh = node.state == "dropped" or not node.story
        node.chains[chain] = None
        if not fresh:
            return
        node.story.append(f"wanted by {chain}")
        if key in self.stored:
            node.state = "done"
            return
        self._update_unblocks(node, +1)
        self._set_ready_or_waiting(key)

    def start_next(self) -> Key | None:
        """Return the ready stage that runs next, now running; None if there is none."""
        while self._ready:
            weight, _, key = heapq.heappop(self._ready)
            node = self.by_key[key]
            # A stage is pushed again when `unblocks` changes, which makes earlier entries stale.
            if node.state == "ready" and weight == -node.unblocks:
                node.state = "running"
                node.story.append("running")
                return key
        return None

    def start_beside(self, key: Key, slots: int) -> list[Key]:
        """Return the siblings, now running, that run as one task with a stage that was started.

        They are the ready ones, in the order of all ready stages; none waits for others. If
        several slots are free, they are spread evenly over these.
        """
        group = self._siblings(key)
        if group is None:
            return []
        shared, most = group
        alike = [k for k in self._alike.get(shared, ()) if self.by_key[k].state == "ready"]
        alike.sort(key=lambda k: (-self.by_key[k].unblocks, self.by_key[k].order))
        # An equal part of these and the stage itself, rounded up.
        size = min(most, -(-(len(alike) + 1) // slots))
        chosen, rest = alike[: size - 1], alike[size - 1 :]
        self._alike[shared] = dict.fromkeys(rest)
        for each in chosen:
            self.by_key[each].state = "running"
            self.by_key[each].story.append(f"running with {key}")
        return chosen

    def finish(self, key: Key, state: Literal["done", "dropped", "waiting"]) -> StageNode:
        """Set the state of a stage that was running.

        Raises:
            RepertoireError: it was not running.
        """
        node = self.by_key.get(key)
        if node is None or node.state != "running":
            story = node.story if node else "never wanted"
            raise RepertoireError(f"stage {key} ended though it was not running: {story}")
        node.state = state
        node.story.append(state)
        if state != "waiting":
            self._update_unblocks(node, -1)
        return node

    def release_children(self, node: StageNode) -> None:
        """Update the stages that waited for a stage."""
        for child in node.children:
            if self.by_key[child].state == "waiting":
                self._set_ready_or_waiting(child)

    def mark_undone(self, key: Key) -> None:
        """Mark a finished stage as not done; ready stages below it wait again."""
        node = self.by_key[key]
        self._update_unblocks(node, +1)
        for child in node.children:
            below = self.by_key[child]
            # One that runs has read the parent's state, or will report that it is lost.
            if below.state == "ready":
                below.state = "waiting"
                below.story.append("waiting")
        if node.chains:
            self._set_ready_or_waiting(key)
        else:
            self.drop(node, "its state was lost and no chain wants it")

    def drop(self, node: StageNode, why: str) -> None:
        """Drop an unfinished stage."""
        node.state = "dropped"
        node.story.append(f"dropped: {why}")
        self._update_unblocks(node, -1)

    def _set_ready_or_waiting(self, key: Key) -> None:
        """Set the state of an unfinished stage by its parent's state."""
        node = self.by_key[key]
        parent = self.by_key.get(node.parent) if node.parent else None
        node.state = "ready" if parent is None or parent.state == "done" else "waiting"
        node.story.append(node.state)
        if node.state == "ready":
            heapq.heappush(self._ready, (-node.unblocks, node.order, key))
            if (group := self._siblings(key)) is not None:
                self._alike.setdefault(group[0], {})[key] = None

    def _update_unblocks(self, node: StageNode, change: int) -> None:
        """Add `change` to the `unblocks` of a stage's ancestors."""
        while node.parent is not None:
            key, node = node.parent, self.by_key[node.parent]
            node.unblocks += change
            # A heap cannot change an entry: a new one is added, and `start_next` skips the old.
            if node.state == "ready":
                heapq.heappush(self._ready, (-node.unblocks, node.order, key))
