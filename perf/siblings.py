"""Steps of N networks trained as one batched program, over those of N networks one after another.

What fusing the stages of siblings (one benchmark and method, other seeds) could gain, measured on
bare PyTorch; `perf.fused` measures it of stages, with all that they cost. Each sibling has a
network and batches of its own; fused, the parameters are stacked, the networks run under
`torch.vmap`, and one fused Adam updates all of them. The rival trains them in turn, each with a
fused Adam. Both give the same losses within rounding, which is checked.

    python -m perf.siblings [--device cuda] [--counts 1 8 32 128] [--steps 100] [--pairs 5]
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

from orchestrator.seeding import seed_global_generators

BATCH = 32
SHAPES = {"digits": (64, 100, 10), "fashion": (784, 400, 400, 10)}
RTOL = 1e-3


def mlp(widths: tuple[int, ...]) -> nn.Sequential:
    """Return a multilayer perceptron with ReLU between its layers."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def train_in_turn(networks: list[nn.Module], x: Tensor, y: Tensor) -> Tensor:
    """Train each network on its batches; return the last loss of each [N].

    Args:
        networks: the N siblings; not changed.
        x: inputs [steps, N, batch, d].
        y: labels [steps, N, batch].
    """
    losses = []
    for number, network in enumerate(map(copy.deepcopy, networks)):
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
        for inputs, labels in zip(x[:, number], y[:, number], strict=True):
            loss = F.cross_entropy(network(inputs), labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses)


def train_fused(networks: list[nn.Module], x: Tensor, y: Tensor) -> Tensor:
    """Train all networks in one batched program; see `train_in_turn`."""
    stacked, buffers = stack_module_state(networks)
    skeleton = copy.deepcopy(networks[0]).to("meta")

    def loss_of_one(
        parameters: dict[str, Tensor], states: dict[str, Tensor], inputs: Tensor, labels: Tensor
    ) -> Tensor:
        return F.cross_entropy(functional_call(skeleton, (parameters, states), inputs), labels)

    losses_of_all = torch.vmap(loss_of_one)
    optimizer = torch.optim.Adam(stacked.values(), lr=1e-3, fused=True)
    for inputs, labels in zip(x, y, strict=True):
        losses: Tensor = losses_of_all(stacked, buffers, inputs, labels)
        optimizer.zero_grad(set_to_none=True)
        # Adam does not mix parameters, so the sum gives each sibling the gradient of its own loss.
        losses.sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return losses.detach()


def seconds(work: Callable[[], Tensor], device: str) -> float:
    """Return the wall seconds of a piece of work, until the device has done it."""
    started = time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def compare(shape: str, count: int, steps: int, pairs: int, device: str) -> None:
    """Print the median time per step and sibling of both ways, and their ratio with its range."""
    widths = SHAPES[shape]
    with seed_global_generators(0):
        networks: list[nn.Module] = [mlp(widths).to(device) for _ in range(count)]
        x = torch.randn(steps, count, BATCH, widths[0], device=device)
        y = torch.randint(10, (steps, count, BATCH), device=device)
    ways = (lambda: train_in_turn(networks, x, y), lambda: train_fused(networks, x, y))
    torch.testing.assert_close(ways[0](), ways[1](), rtol=RTOL, atol=RTOL)  # and a warm-up
    times: list[tuple[float, float]] = []
    for pair in range(pairs):
        first = pair % 2
        taken = {way: seconds(ways[way], device) for way in (first, 1 - first)}
        times.append((taken[0], taken[1]))
    ratios = [turn / fused for turn, fused in times]
    turn, fused = (1e6 * statistics.median(c) / steps / count for c in zip(*times, strict=True))
    print(
        f"{shape:8} {count:4} siblings: in turn {turn:7.1f} us, fused {fused:7.1f} us a step, "
        f"{statistics.median(ratios):6.2f} times faster ({min(ratios):.2f} to {max(ratios):.2f})",
        flush=True,
    )


def main() -> None:
    """Print a line for each network and number of siblings."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 8, 32, 128])
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--pairs", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    name = torch.cuda.get_device_name() if options.device == "cuda" else "CPU, one thread"
    print(f"{name}, torch {torch.__version__}, batch {BATCH}, median of {options.pairs}")
    for shape in SHAPES:
        for count in options.counts:
            compare(shape, count, options.steps, options.pairs, options.device)


if __name__ == "__main__":
    main()
