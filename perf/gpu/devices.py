"""The same stage on one processor thread, on all of them, and on the GPU."""

from __future__ import annotations

import os
from dataclasses import replace

from orchestrator.stages.run_stage import run_stage
from perf.gpu.cases import COMPUTED_FOR, Case, Chain, run_states
from perf.gpu.timing import (
    Times,
    alternate,
    milliseconds,
    print_head,
    print_row,
    ratios,
    spread,
    wall,
)

WIDTHS = (16, 64, 256, 1024)


def print_devices(mlp: Case, others: list[Case], device: str, rounds: int) -> None:
    """Print a row for the MLP in several widths, then for other networks."""
    gpu = device.startswith("cuda")
    columns = ["network", "CPU, 1 thread", f"CPU, {os.cpu_count()} threads", "all threads / 1"]
    columns += ["GPU", "GPU / 1 thread", "GPU / all threads"] if gpu else []
    print_head("A stage of one task, by device (training, evaluation, no store)", columns)
    networks = {
        f"MLP of two layers of {width}": replace(
            mlp,
            network=("mlp", {"hidden": (width, width)}),
            training={"batch_size": 128, "epochs": 3},
        )
        for width in WIDTHS
    }
    for title, case in {**networks, **{case.title: case for case in others}}.items():
        print_times(title, stage_times(case, device, rounds), gpu)


def print_times(title: str, times: Times, gpu: bool) -> None:
    """Print the row of a network."""
    cells = [milliseconds(wall(times, name)) for name in ("one", "all")]
    cells.append(spread(ratios(times, "all", "one")))
    if gpu:
        cells.append(milliseconds(wall(times, "gpu")))
        cells += [spread(ratios(times, "gpu", rival)) for rival in ("one", "all")]
    print_row(title, *cells)


def stage_times(case: Case, device: str, rounds: int) -> Times:
    """Return the seconds of the stage of the first task, by device."""
    one, every = (case.chain(num_threads=n)[:2] for n in (1, os.cpu_count() or 1))
    works = {"one": stage_of(one, "cpu"), "all": stage_of(every, "cpu")}
    if device.startswith("cuda"):
        works["gpu"] = stage_of(one, device)
    return alternate(works, rounds, device)


def stage_of(chain: Chain, device: str):
    """Return a function that runs the last stage of a chain from the state before it."""
    parent = run_states(chain[:-1], "cpu")[-1]
    return lambda: run_stage(chain[-1], parent, COMPUTED_FOR, device)
