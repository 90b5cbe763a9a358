"""One run: a chain of stages, store included, against a bare loop, and other ways to compute."""

from __future__ import annotations

from perf.gpu.bare import BareLoop
from perf.gpu.cases import Case, run_in_store
from perf.gpu.timing import alternate, milliseconds, print_head, print_row, ratios, spread, wall


def print_one_run(cases: list[Case], device: str, rounds: int) -> None:
    """Print the ratio of each case to a bare loop, and on a GPU that of bf16 to float32."""
    gpu = device.startswith("cuda")
    columns = ["chain", "stages", "bare loop", "ratio", "ratio of CPU time"]
    columns += ["bf16 / float32"] if gpu else []
    print_head(f"One run on {device}, with the store, against a bare loop", columns)
    for case in cases:
        chain, half = case.chain(), case.chain(precision="bf16")
        bare = BareLoop(chain, device)
        works = {
            "ours": lambda chain=chain: run_in_store(chain, device),
            "bare": bare.run,
        }
        if gpu:
            works["bf16"] = lambda chain=half: run_in_store(chain, device)
        times = alternate(works, rounds, device)
        print_row(
            case.title,
            milliseconds(wall(times, "ours")),
            milliseconds(wall(times, "bare")),
            spread(ratios(times, "ours", "bare")),
            spread(ratios(times, "ours", "bare", "cpu")),
            *([spread(ratios(times, "bf16", "ours"))] if gpu else []),
        )
