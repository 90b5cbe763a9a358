"""Methods on the networks that sweeps name, at full size, with a few images to learn; and counts.

Images are random: bytes and FLOPs do not depend on what they show.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from methods import METHODS
from methods.base import Examples, Outlook, TaskView
from orchestrator.networks.networks import NETWORKS, NetworkShape, build_network
from orchestrator.seeding import stream
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.learning.learner import Training, num_steps, train_task

NUM_TASKS, PER_CLASS = 5, 6
CLASSES = 2 * NUM_TASKS
SHAPES = {
    "mlp": NetworkShape((1, 28, 28), CLASSES, (0.5,), (0.5,)),
    "resnet18": NetworkShape((3, 32, 32), CLASSES, (0.5,) * 3, (0.5,) * 3),
    "vit_tiny": NetworkShape((1, 28, 28), CLASSES, (0.5,), (0.5,)),
}
# Two blocks of the full width, not twelve.
OPTIONS = {"vit_tiny": {"depth": 2, "patch": 7}}
LAYERS = ((784, 400), (400, 400), (400, CLASSES))
# Channels in and out, width of the kernel, rows of the output: the slim ResNet on 32x32 images.
CONVOLUTIONS = (
    (3, 20, 3, 32),
    *4 * [(20, 20, 3, 32)],
    *((20, 40, 3, 16), *3 * [(40, 40, 3, 16)], (20, 40, 1, 16)),
    *((40, 80, 3, 8), *3 * [(80, 80, 3, 8)], (40, 80, 1, 8)),
    *((80, 160, 3, 4), *3 * [(160, 160, 3, 4)], (80, 160, 1, 4)),
)


@dataclass(frozen=True)
class Count:
    """What a network holds and does, worked out by hand.

    Attributes:
        parameters: elements that learn. head: of these, the output layer's.
        carried: bytes of its state: four an element, and the statistics of batches.
        weights: elements of the weights below the head.
        features: what the head is given, F.
        forward: multiply-adds of an image's forward pass. backward: of the pass back, which gives
            every layer its weights' gradient and all but the first its input's.
        first: multiply-adds of the first layer, forward.
        pixels: of an image, all channels.
    """

    parameters: int
    head: int
    carried: int
    weights: int
    features: int
    forward: int
    first: int
    pixels: int

    @property
    def backward(self):
        return 2 * self.forward - self.first

    @property
    def step(self):
        return self.forward + self.backward


def of_mlp():
    products = [a * b for a, b in LAYERS]
    size = sum(products) + sum(b for _, b in LAYERS)
    head = 400 * CLASSES + CLASSES
    return Count(size, head, 4 * size, sum(products[:-1]), 400, sum(products), products[0], 28 * 28)


def of_resnet():
    weights = [a * b * k * k for a, b, k, _ in CONVOLUTIONS]
    scaled = sum(b for _, b, _, _ in CONVOLUTIONS)  # a scale and a shift, a mean and a variance
    head = 160 * CLASSES + CLASSES
    size = sum(weights) + 2 * scaled + head
    carried = 4 * (size + 2 * scaled) + 8 * len(CONVOLUTIONS)  # and how many batches there were
    products = [w * c[3] ** 2 for w, c in zip(weights, CONVOLUTIONS, strict=True)]
    forward = sum(products) + 160 * CLASSES
    return Count(size, head, carried, sum(weights), 160, forward, products[0], 3 * 32 * 32)


COUNTS = {"mlp": of_mlp(), "resnet18": of_resnet()}


def build(name, network, num_learned=0, **config):
    """A method on a network, with room for what `num_learned` tasks leave."""
    shape, cls = SHAPES[network], NETWORKS[network]
    outlook = Outlook(shape.num_classes, shape.input_shape, num_learned)
    method = METHODS[name]
    sizes = cls.Config(**OPTIONS.get(network, {}))
    return method(build_network(cls, sizes, shape, seed=0), method.Config(**config), outlook)


def view(index, network, per_class=PER_CLASS, reveals_task=False):
    """Task `index`: two classes of its own, and of the earlier tasks where they are shown too."""
    classes = (2 * index - 2, 2 * index - 1)
    y = torch.tensor(classes).repeat_interleave(per_class)
    shape = (len(y), *SHAPES[network].input_shape)
    x = torch.randint(0, 256, shape, generator=stream(index, "images")).to(torch.uint8)
    owner = torch.arange(CLASSES) // 2
    allowed = owner.unsqueeze(1) == owner if reveals_task else (owner < index).repeat(CLASSES, 1)
    return TaskView(index, classes, Examples(x, y), allowed, lambda name: stream(0, index, name))


def learn(method, task, meters=None, batch_size=2 * PER_CLASS):
    """Learn a task in one epoch; `meters` count what training and consolidation cost."""
    training = Training(batch_size=batch_size, optimizer="sgd", lr=1e-3)
    train, consolidate = meters or (FlopMeter(), FlopMeter())
    shown = replace(task, num_steps=num_steps(len(task.examples), training))
    train_task(method, shown, training, train)
    consolidate.measure("consolidate", method.end_task, shown)


def build_and_learn(name, network, **config):
    """Return a method that has learned five tasks."""
    method = build(name, network, **config)
    reveals_task = "class" not in method.scenarios
    for index in range(1, NUM_TASKS + 1):
        learn(method, view(index, network, reveals_task=reveals_task))
    return method
