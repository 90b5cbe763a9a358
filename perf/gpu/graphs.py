"""A bare training step of an MLP captured as a CUDA graph, against the same step run eagerly."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from perf.gpu.timing import alternate, print_head, print_row, ratios, spread, wall

STEPS, WARM_UP, INPUTS, CLASSES = 300, 5, 784, 10
SIZES = (((100,), 32), ((400, 400), 32), ((400, 400), 128), ((2000, 2000), 128))

Step = Callable[[torch.Tensor, torch.Tensor], None]


def build_net(hidden: tuple[int, ...]) -> nn.Module:
    """Return an MLP on the GPU."""
    widths = (INPUTS, *hidden)
    layers = [m for a, b in zip(widths, hidden, strict=False) for m in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*layers, nn.Linear(widths[-1], CLASSES)).cuda()


def eager_step(hidden: tuple[int, ...]) -> Step:
    """Return a step of training, run operation by operation."""
    net = build_net(hidden)
    optimizer = torch.optim.Adam(net.parameters(), fused=True)

    def step(x: torch.Tensor, y: torch.Tensor) -> None:
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(net(x), y).backward()
        optimizer.step()

    return step


def captured_step(hidden: tuple[int, ...], batch: int) -> Step:
    """Return a step of training that is copied into a captured graph and replayed."""
    net = build_net(hidden)
    optimizer = torch.optim.Adam(net.parameters(), fused=True, capturable=True)
    held_x = torch.zeros((batch, INPUTS), device="cuda")
    held_y = torch.zeros(batch, dtype=torch.int64, device="cuda")

    def train() -> None:
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(net(held_x), held_y).backward()
        optimizer.step()

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM_UP):
            train()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        train()

    # The graph writes to the memory of the network and the optimizer, which `train` keeps alive.
    return partial(replay, graph, train, held_x, held_y)


def replay(
    graph: torch.cuda.CUDAGraph,
    train: Callable[[], None],
    held_x: torch.Tensor,
    held_y: torch.Tensor,
    x: torch.Tensor,
    y: torch.Tensor,
) -> None:
    """Run the captured step `train` on a batch."""
    held_x.copy_(x)
    held_y.copy_(y)
    graph.replay()


def repeat(step: Step, batch: int) -> Callable[[], None]:
    """Return a function that takes some steps on batches that are on the GPU."""
    x = torch.randn((STEPS, batch, INPUTS), device="cuda")
    y = torch.randint(CLASSES, (STEPS, batch), device="cuda")

    def steps() -> None:
        for number in range(STEPS):
            step(x[number], y[number])

    return steps


def print_graphs(rounds: int) -> None:
    """Print the time of a step, eager and captured."""
    columns = ("network", "batch", "eager step", "captured step", "captured / eager")
    print_head("A bare step as a CUDA graph", columns)
    for hidden, batch in SIZES:
        works = {
            "eager": repeat(eager_step(hidden), batch),
            "graph": repeat(captured_step(hidden, batch), batch),
        }
        times = alternate(works, rounds, "cuda")
        steps = (f"{1e6 * wall(times, name) / STEPS:.0f} us" for name in works)
        widths = "-".join(map(str, (INPUTS, *hidden, CLASSES)))
        print_row(f"MLP {widths}", batch, *steps, spread(ratios(times, "graph", "eager")))
