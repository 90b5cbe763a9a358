"""The backend in this very process: one stage at a time. For debugging and small sweeps."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import torch

from orchestrator.events import ChainWanted, Event, Instruction, RunStage, SlotsChanged
from orchestrator.graph import TrialGraph
from orchestrator.perform import perform
from orchestrator.plan import Plan, chain_id
from orchestrator.store import StageStore


def run_inline(
    plan: Plan, store: StageStore, observe: Callable[[Event | Instruction], None]
) -> None:
    """Compute what a plan lacks, telling `observe` each event and instruction."""
    device = "cuda" if plan.sweep.resources.gpus and torch.cuda.is_available() else "cpu"
    todo: deque[Instruction] = deque()
    # No slot is free until all chains are known, so that the order is the one that unblocks most.
    graph = TrialGraph(slots=0, stored=plan.stored)
    for chain in plan.pending:
        todo.extend(graph.handle(ChainWanted(chain_id(chain), plan.steps(chain))))
    todo.extend(graph.handle(SlotsChanged(1)))
    while todo:
        instruction = todo.popleft()
        observe(instruction)
        if isinstance(instruction, RunStage):
            done = perform(plan.orders[instruction.key], store, device)
            observe(done)
            todo.extend(graph.handle(done))
