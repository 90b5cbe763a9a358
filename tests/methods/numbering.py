"""Examples that spell their number in their pixels, and memories that are shown them."""

from __future__ import annotations

import torch

from methods.base import Examples, TaskView
from orchestrator.seeding import stream


def number_images(numbers, labels=None, image=(1, 1, 2)):
    """Examples whose first two pixels spell their number."""
    numbers = torch.as_tensor(numbers)
    x = torch.zeros((len(numbers), *image), dtype=torch.uint8)
    x.view(len(numbers), -1)[:, 0] = (numbers % 256).to(torch.uint8)
    x.view(len(numbers), -1)[:, 1] = (numbers // 256).to(torch.uint8)
    return Examples(x, numbers % 10 if labels is None else torch.as_tensor(labels))


def numbers_in(memory):
    pixels = memory.x.flatten(1).long()
    return (pixels[:, 0] + 256 * pixels[:, 1]).tolist()


def view(examples, index=1, seed=0):
    classes = tuple(examples.y.unique().tolist())
    return TaskView(index, classes, examples, None, lambda purpose: stream(seed, index, purpose))


def learn(memory, examples, index=1, seed=0, batch_size=16, epochs=1):
    task = view(examples, index, seed)
    memory.begin_task(task)
    for _ in range(epochs):
        for start in range(0, len(examples), batch_size):
            memory.after_step(examples[start : start + batch_size])
    memory.end_task(task)
