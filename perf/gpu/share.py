"""What a stage should ask for: memory and use of the GPU, and what `gpus: auto` makes of them."""

from __future__ import annotations

import torch

from orchestrator.backends.stage_needs import fraction
from orchestrator.stages.usage import CONTEXT_BYTES, gpu_memory_share
from perf.gpu.cases import Case, run_in_store
from perf.gpu.timing import print_head, print_row

# Longer than in the other parts, so that utilisation is sampled often.
EPOCHS = 20


def print_shares(cases: list[Case], device: str) -> None:
    """Print the share of each case, and the memory that the process took beside its tensors."""
    columns = ("stage of a task", "peak of tensors", "share of memory", "GPU busy")
    columns += ("gpus: auto", "fit by memory")
    print_head("The share of the GPU that a stage should ask for, alone", columns)
    for case in cases:
        # The first run chooses kernels and reserves memory.
        costs = [run_in_store(case.chain(epochs=EPOCHS)[:2], device)[0].costs for _ in range(2)][1]
        memory, use = gpu_memory_share(costs.peak_memory_bytes, device), costs.gpu_utilisation
        print_row(
            case.title,
            f"{costs.peak_memory_bytes / 2**20:.0f} MiB",
            f"{memory:.4f}",
            "unknown" if use is None else f"{use:.0%}",
            f"{fraction(max(memory, use or 0.0)):.4f}",
            int(1 / memory),
        )
    free, total = torch.cuda.mem_get_info()
    beside = (total - free - torch.cuda.memory_reserved()) / 2**20
    print(
        f"\nOf {total / 2**30:.0f} GiB, {beside:.0f} MiB are used beside the tensors of this "
        "process, by its context and by others; "
        f"`gpus: auto` reckons with {CONTEXT_BYTES / 2**20:.0f} MiB."
    )
