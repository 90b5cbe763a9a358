"""The trial graph decides which stage runs next. A pure state machine, driven by events.

No I/O, no clock, no Ray. Chains (one per trial and seed) want stages; a stage is requested at most
once however many chains want it, and dropped when none does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

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
    StageHeld,
)
from orchestrator.graph.stage_nodes import Siblings, StageNodes
from orchestrator.graph.tasks import Tasks
from orchestrator.stages.outcomes import (
    Key,
    ParentLost,
    StageDiverged,
    StageDone,
    StageFailed,
)


@dataclass(slots=True)
class _Chain:
    keys: list[Key] = field(default_factory=list)
    done: int = 0
    last: bool = False
    ended: bool = False


class TrialGraph:
    """Decides which stages run next; driven by `handle`.

    Args:
        slots: number of stages that may run at a time.
        stored: stages that are known to be in the store.
        siblings: returns what siblings share that one task may compute together, and how many at
            most; None of a stage that has a task of its own.
    """

    def __init__(
        self, slots: int, stored: Iterable[Key] = (), siblings: Siblings = lambda key: None
    ) -> None:
        self._free = self._slots = slots
        self._nodes = StageNodes(stored, siblings)
        self._tasks = Tasks()
        self._chains: dict[ChainId, _Chain] = {}

    def handle(self, event: Event) -> list[Instruction]:
        """Update the graph by an event; return the instructions that follow, in order."""
        match event:
            case ChainWanted():
                out = self._want(event)
            case ChainStopped(chain):
                out = self._stop(chain)
            case StageDone(key):
                out = self._complete(key)
            case StageDiverged(key, story) | StageFailed(key, story):
                status: EndStatus = "failed" if isinstance(event, StageFailed) else "diverged"
                out = self._fail(key, status, story)
            case ParentLost(key):
                out = self._handle_lost_parent(key)
            case StageHeld(key):
                out = self._hold(key)
            case SlotsChanged(slots):
                # May be below 0: then nothing starts until as many stages have ended.
                self._free, self._slots, out = self._free + slots - self._slots, slots, []
        # Instructions of the event first: what ended is told before what starts in its slot.
        return out + self._dispatch()

    @property
    def num_busy(self) -> int:
        """How many slots are taken; siblings that run together take one."""
        return self._slots - self._free

    @property
    def may_have_ready_stages(self) -> bool:
        """Whether a stage may be waiting for nothing but a slot."""
        return self._nodes.may_have_ready_stages

    def counts(self) -> dict[str, int]:
        """Return the numbers of stages that are waiting, ready, running, done, and dropped."""
        return self._nodes.counts()

    def story(self, key: Key) -> list[str]:
        """Return the history of a stage's states."""
        return list(self._nodes.by_key[key].story)

    def _want(self, event: ChainWanted) -> list[Instruction]:
        chain = self._chains.setdefault(event.chain, _Chain())
        if chain.ended:
            raise RepertoireError(f"chain {event.chain} has ended and cannot want more")
        chain.last = event.last
        self._nodes.stored |= event.stored
        for key, parent in event.stages:
            chain.keys.append(key)
            self._nodes.add(key, parent, event.chain)
        return self._advance(event.chain)

    def _complete(self, key: Key) -> list[Instruction]:
        node = self._nodes.finish(key, "done")
        self._free += self._tasks.end(key)
        self._nodes.release_children(node)
        # A copy, since a chain that ends leaves the stage.
        return [step for chain in list(node.chains) for step in self._advance(chain)]

    def _fail(self, key: Key, status: EndStatus, story: str) -> list[Instruction]:
        node = self._nodes.finish(key, "dropped")
        self._free += self._tasks.end(key)
        return [step for chain in list(node.chains) for step in self._end(chain, status, story)]

    def _handle_lost_parent(self, key: Key) -> list[Instruction]:
        """Compute the parent again if it is wanted; chains that are past it do not go back."""
        # Stage 0 starts from nothing; to compute "its parent" again would never end.
        known = self._nodes.by_key.get(key)
        if known is not None and known.parent is None:
            raise RepertoireError(f"stage {key} has no parent to lose: {known.story}")
        node = self._nodes.finish(key, "waiting")
        self._free += self._tasks.end(key)
        parent = str(node.parent)
        # It was in the store when the chain was wanted, and no longer is.
        self._nodes.stored.discard(parent)
        if not node.chains:
            self._nodes.drop(node, "no chain wants it any more")
        # A parent that is computed again already is not marked twice: other children lost it too.
        if self._nodes.by_key[parent].state == "done":
            self._nodes.mark_undone(parent)
        return []

    def _hold(self, key: Key) -> list[Instruction]:
        """Free the slot of a stage; it is ready again if its parent is computed again."""
        node = self._nodes.finish(key, "waiting")
        self._free += self._tasks.end(key)
        if not node.chains:
            self._nodes.drop(node, "no chain wants it any more")
        return []

    def _advance(self, name: ChainId) -> list[Instruction]:
        chain, out = self._chains[name], list[Instruction]()
        if chain.ended:
            return out
        before, nodes = chain.done, self._nodes.by_key
        # Several may be done at once: those that were stored, or that other chains wanted.
        while chain.done < len(chain.keys) and nodes[chain.keys[chain.done]].state == "done":
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
        # From the last stage up, so that a stage is dropped before its parent.
        for key in reversed(chain.keys):
            node = self._nodes.by_key[key]
            node.chains.pop(name, None)
            # A running stage may end: its result is stored, and a later chain may want it.
            if not node.chains and node.state in ("waiting", "ready"):
                self._nodes.drop(node, f"{name} ended and no other chain wants it")
        return [ChainEnded(name, status, story)]

    def _dispatch(self) -> list[Instruction]:
        out: list[Instruction] = []
        while self._free > 0 and (key := self._nodes.start_next()) is not None:
            out.append(RunStage(key))
            # Siblings share the slot of the stage that they start beside, so that only one slot is
            # taken.
            beside = self._nodes.start_beside(key, self._free)
            out.extend(RunStage(other, key) for other in beside)
            self._tasks.begin(key, beside)
            self._free -= 1
        return out
