"""Check that a method declares what its steps draw from a memory that fills while it learns.

Under equal means further steps are priced by those of an epoch or two (`Config.num_drawn`).

Reference:
    None.

Deviations:
    None.
"""

from __future__ import annotations

from methods.testing.blobs import Blobs
from methods.testing.equality import require
from methods.testing.snapshots import learn
from orchestrator.stages.costs import FlopMeter

BATCH = 4  # few examples, so that a draw of a fixed number is more than a batch
EPOCHS = 2
WHAT_TO_DO = (
    "where a step draws from a memory that fills meanwhile, Config.num_drawn(batch_size) must "
    "return the most stored examples that it draws (as methods.parts.rehearsal.RehearsalConfig "
    "does), and Config.stores_repeats whether a later epoch stores an example again; else methods "
    "are above their budget at equal means"
)


class BatchMeter(FlopMeter):
    """Counts FLOPs, and keeps those of each batch."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[tuple[str, int]] = []

    def note_batch(self, size: int, flops: int, phase: str = "") -> None:
        """Note the FLOPs of all steps on a batch of a size."""
        super().note_batch(size, flops, phase)
        self.noted.append((phase, flops))


def check_draws(blobs: Blobs) -> None:
    """Check that steps of the first task cost alike once as much is shown as a step draws.

    The first step may set something up, and what is measured at intervals is declared apart.
    """
    meter, view = BatchMeter(), blobs.view(1)
    if blobs.config.without_interval() is not None:
        return
    learn(blobs.create_method(), view, EPOCHS, meter, BATCH)
    drawn, repeats = blobs.config.num_drawn(BATCH), blobs.config.stores_repeats
    enough = max(BATCH, drawn if repeats else min(drawn, len(view.examples)))
    for phase in dict.fromkeys(phase for phase, _ in meter.noted):
        flops = [cost for name, cost in meter.noted if name == phase]
        first = -(-enough // BATCH)
        later = flops[first:]
        if not later:
            continue
        where = f"{first * BATCH} examples were shown, and later up to {max(later):,}"
        story = f"a step on {BATCH} examples took {later[0]:,} FLOP once {where}: {WHAT_TO_DO}"
        require(max(later) <= later[0], story)
