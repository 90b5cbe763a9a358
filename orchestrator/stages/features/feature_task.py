"""Tasks that compute features: a shard of the images, and the join of all shards.

A shard is stored as a stage's state is, so that a run that is killed keeps those that it finished;
the join stores the features as a whole and deletes the shards.

Shape legend: N training images, M test images, F features.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from torch import Tensor

from orchestrator.benchmarks.datasets.dataset import load_dataset
from orchestrator.benchmarks.sequences import bring_to_shape
from orchestrator.benchmarks.sources.feature_set import FeatureSet
from orchestrator.errors import RepertoireError
from orchestrator.hashing import digest
from orchestrator.networks.pretrained.bodies import FrozenBody, load_body
from orchestrator.networks.pretrained.input_rule import Preparation
from orchestrator.stages.environment import (
    describe_environment,
    device_name,
    fix_threads,
    require_device,
)
from orchestrator.stages.features.feature_inputs import images_of
from orchestrator.stages.learning.forward_pass import autocast
from orchestrator.stages.record import Costs, Record
from orchestrator.stages.storage.mapped import mapped_tensors
from orchestrator.stages.storage.store import StageStore, State
from orchestrator.stages.usage import peak_memory_bytes, reset_peak_memory

SHARD = 1024  # images: a finished shard is what a killed run keeps
# Never an option: the bits of features depend on it. It divides the images of a shard.
BATCH = 32


@dataclass(frozen=True, kw_only=True)
class FeatureTask:
    """A shard of features, or their join.

    Attributes:
        features: the features.
        shard: its number, from 0; None: the join.
        key: its identity in the store.
    """

    features: FeatureSet
    shard: int | None
    key: str
    parent: None = None
    after: int = 0
    task_keys: tuple[str, ...] = ()

    @property
    def kind(self) -> tuple[str, str, str, bool]:
        """The kind, which tasks of similar duration share; in the form of a stage's kind."""
        name = "join" if self.shard is None else "features"
        return (self.features.title, self.features.spec.body.backbone.title, name, False)


def join_task(features: FeatureSet) -> FeatureTask:
    """Return the task that joins the shards of features; its key is that of the features."""
    return FeatureTask(features=features, shard=None, key=features.digest)


def shard_tasks(features: FeatureSet) -> list[FeatureTask]:
    """Return the tasks that compute the shards of features."""
    return [
        FeatureTask(features=features, shard=i, key=digest("shard", [features.digest, i, SHARD]))
        for i in range(-(-count_images(features) // SHARD))
    ]


def count_images(features: FeatureSet) -> int:
    """Return the number of training and test images."""
    images = load_dataset(images_of(features))
    return len(images.train_y) + len(images.test_y)


def shard_size(features: FeatureSet, shard: int) -> int:
    """Return the number of images of a shard."""
    return min(SHARD, count_images(features) - shard * SHARD)


def run_feature_task(
    task: FeatureTask, store: StageStore, computed_for: tuple[str, str, int], device: str
) -> None:
    """Compute a task and store its result."""
    require_same_images(task.features)
    started = time.process_time(), time.perf_counter()
    shards = Costs() if task.shard is not None else _shard_costs(task.features, store)
    reset_peak_memory(device)
    state: State | memoryview
    if task.shard is None:
        # Those of the shards, whose records are deleted with them.
        state, missing = _join(task, store, computed_for, device)
        flops = shards.consolidate_flops + missing
    else:
        rows = compute_shard(task.features, task.shard, device)
        state, flops = {"x": rows}, len(rows) * task.features.body_flops
    record = Record(
        key=task.key,
        parent=None,
        after=0,
        status="complete",
        costs=Costs(
            consolidate_flops=flops,
            consolidate_seconds=time.perf_counter() - started[1] + shards.consolidate_seconds,
            cpu_seconds=time.process_time() - started[0] + shards.cpu_seconds,
            peak_memory_bytes=peak_memory_bytes(device),
            device=device_name(device),
        ),
        evaluation={},
        computed_for=computed_for,
        spec={"features": task.features.spec.content(), "shard": task.shard},
        environment=describe_environment(),
    )
    store.put(state, record)
    if task.shard is None:
        for shard in shard_tasks(task.features):
            # After the join is stored: a run that is killed in between finds one or the other.
            store.delete(shard.key)


def _shard_costs(features: FeatureSet, store: StageStore) -> Costs:
    """Return the FLOPs and seconds of the shards that are stored, in sum."""
    records = [store.record(task.key) for task in shard_tasks(features)]
    costs = [record.costs for record in records if record is not None]
    return Costs(
        consolidate_flops=sum(each.consolidate_flops for each in costs),
        consolidate_seconds=sum(each.consolidate_seconds for each in costs),
        cpu_seconds=sum(each.cpu_seconds for each in costs),
    )


def require_same_images(features: FeatureSet) -> None:
    """Raise unless this machine has the images and the weights that features are planned of.

    Raises:
        RepertoireError: it has others.
    """
    features.require_same()
    features.spec.body.weights.require_same()
    if load_dataset(images_of(features)).fingerprint != features.images_digest:
        raise RepertoireError(
            f"the images of {features.title} on this machine are not those that this sweep was "
            "planned with; give every node the same files (REPERTOIRE_DATA)"
        )


def compute_shard(features: FeatureSet, shard: int, device: str = "cpu") -> Tensor:
    """Return the features of the images of a shard, float32 [images, F] on the CPU.

    Training images come first, then test images.
    """
    require_device(device)
    x, spec = _shard_images(features, shard), features.spec
    # One thread, so that features have the same bits whatever `resources` says.
    with fix_threads(1, 0, device), torch.no_grad():
        body, prepare = FrozenBody(load_body(spec.body)), Preparation(spec.body.rule).to(device)
        with autocast(spec.precision, torch.device(device)):
            batches = [
                body(prepare(batch.to(device))).flatten(1) for batch in torch.split(x, BATCH)
            ]
        return torch.cat([batch.float().cpu() for batch in batches])


def _shard_images(features: FeatureSet, shard: int) -> Tensor:
    images = load_dataset(images_of(features))
    first, count = shard * SHARD, len(images.train_y)
    parts = [images.train_x[first : first + SHARD]]
    # A shard may end in the test images, which follow the training images.
    parts.append(images.test_x[max(first - count, 0) : max(first + SHARD - count, 0)])
    x = torch.cat([part for part in parts if len(part)])
    # The data sets of a sequence have one shape.
    return x if x.shape[1:] == features.image_shape else bring_to_shape(x, features.image_shape)


def _join(
    task: FeatureTask, store: StageStore, computed_for: tuple[str, str, int], device: str
) -> tuple[memoryview, int]:
    """Return the file of the features of all shards, and the FLOPs of those that were missing."""
    features, flops = task.features, 0
    images = load_dataset(images_of(features))
    sizes = {"train": len(images.train_y), "test": len(images.test_y)}
    shapes = {name: (size, features.num_features) for name, size in sizes.items()}
    whole, file = mapped_tensors(shapes, store.folder)
    for number, shard in enumerate(shard_tasks(features)):
        state = store.state(shard.key)
        # A shard that was deleted or damaged since is computed here.
        if state is None:
            run_feature_task(shard, store, computed_for, device)
            state = store.state(shard.key)
            flops += shard_size(features, number) * features.body_flops
        rows = compute_shard(features, number, device) if state is None else state["x"]
        _copy_rows(rows, whole, number * SHARD)
    return file, flops


def _copy_rows(rows: Tensor, whole: State, first: int) -> None:
    """Copy rows to their place from `first` on; training images come before test images."""
    num_train = len(whole["train"])
    after = max(num_train - first, 0)
    whole["train"][first : first + len(rows)] = rows[:after]
    first = max(first - num_train, 0)
    whole["test"][first : first + len(rows[after:])] = rows[after:]
