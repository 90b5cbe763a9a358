"""Seconds of augmentation against those of the training step that it belongs to.

    python -m perf.augmentation

A step of fine-tuning of a slim ResNet-18 on a batch of 32 images of 32x32 pixels in three channels,
without augmentation, is the rival of each augmentation of the same batch. One thread.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

from methods import METHODS
from methods.base import Examples, Outlook
from orchestrator.networks.networks import NetworkShape, build_network
from orchestrator.networks.resnet import ResNet18
from orchestrator.stages.learning.augmentation.augmentation import Augmentation, Given, read_changes

BATCH, SHAPE, CLASSES, REPEATS = 32, (3, 32, 32), 100, 9
USUAL: Given = ["pad_crop", "flip"]
AUGMENTATIONS: dict[str, Given] = {
    "pad_crop, flip": USUAL,
    **{name: [name] for name in ("color_jitter", "rand_augment", "cutout", "mixup", "cutmix")},
    "pad_crop, flip, rand_augment, cutout, cutmix": [*USUAL, "rand_augment", "cutout", "cutmix"],
}


def median_seconds(work: Callable[[], object]) -> float:
    """Return the median seconds of some calls, after one that is not counted."""
    work()
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def main() -> None:
    """Print the seconds of a step, and the share of each augmentation."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(256, (BATCH, *SHAPE), generator=generator).to(torch.uint8)
    examples = Examples(x, torch.randint(CLASSES, (BATCH,), generator=generator))
    shape = NetworkShape(SHAPE, CLASSES, (0.5,) * 3, (0.25,) * 3)
    network = build_network(ResNet18, ResNet18.Config(), shape, 0)
    method = METHODS["finetune"](network, METHODS["finetune"].Config(), Outlook(CLASSES, SHAPE))
    optimizer = torch.optim.SGD(method.parameters(), lr=0.01, fused=True)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        method.loss(examples).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    whole = median_seconds(step)
    print(f"a step: {1000 * whole:.1f} ms")
    for name, changes in AUGMENTATIONS.items():
        augmentation = Augmentation(read_changes(changes), generator)
        seconds = median_seconds(lambda a=augmentation: a.mix(a.change(examples)))  # type: ignore[misc]
        print(f"{name}: {1000 * seconds:.2f} ms, {seconds / whole:.1%} of a step")


if __name__ == "__main__":
    main()
