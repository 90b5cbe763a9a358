"""What the stages of a trial on a frozen body learn on: features, with the head alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.benchmarks.datasets.dataset import dataset_facts, load_dataset
from orchestrator.benchmarks.sources.arrays.arrays import Facts
from orchestrator.benchmarks.sources.feature_set import FeatureSet
from orchestrator.benchmarks.sources.own_data import OwnData, register
from orchestrator.benchmarks.stream_data import SEQUENCE
from orchestrator.hashing import canonical_json, digest, to_keyed_json
from orchestrator.networks.base import NetworkShape
from orchestrator.networks.networks import MLP
from orchestrator.networks.pretrained.bodies import BodySpec, body_facts
from orchestrator.networks.pretrained.pretrained import Pretrained
from orchestrator.stages.code.components import Component, create_component
from orchestrator.stages.learning.training import Training

VERSION = 1  # raised by hand when the same content gives other features


@dataclass(frozen=True)
class FeatureSpec:
    """What computes features: the body, its weights and its input, and the precision."""

    body: BodySpec
    precision: str

    def content(self) -> dict[str, Any]:
        """Return its content for a key."""
        own = {"version": VERSION, "precision": self.precision}
        body = {name: to_keyed_json(getattr(self.body, name)) for name in ("backbone", "weights")}
        return {**own, **body, "input": to_keyed_json(self.body.rule)}


def use_features(
    benchmark: Benchmark, network: Component, *trainings: Training
) -> tuple[Benchmark, Component]:
    """Return the benchmark and the network that the stages of a trial have.

    They are the features and the layers above the body where the body of a pretrained network is
    frozen, nothing changes the images of a data set from task to task, and none of the trainings
    augments them; else as given.
    """
    config = network.config
    if not _is_frozen(network) or reason_for_images(benchmark, network, *trainings):
        return benchmark, network
    precision = trainings[0].precision if trainings else "float32"
    shape = NetworkShape(
        benchmark.input_shape, benchmark.num_classes, benchmark.mean, benchmark.std
    )
    if network.cls.objection(config, shape) is not None:  # said where a sweep is checked
        return benchmark, network
    body, head = config.body_spec(shape), _head(config.head, config.hidden)
    data = tuple(
        _feature_set(images, name, load_dataset(name).fingerprint, body, precision)
        for images, name in zip(benchmark.data_sets, benchmark.stream_data.names, strict=True)
    )
    if benchmark.sequence is not None:
        return replace(benchmark, sequence=data), head
    return replace(benchmark, name="split", data=data[0]), head


def reason_for_images(benchmark: Benchmark, network: Component, *trainings: Training) -> str | None:
    """Return the reason that a frozen body runs in every step; None if features replace images.

    The body then costs as much in each epoch of each trial as features cost once.
    """
    if not _is_frozen(network):
        return None
    kind = benchmark.stream_data.transformation
    if kind not in ("split", SEQUENCE):
        return f"{kind} images differ from task to task"
    if network.config.train == "adapters":
        return "train: adapters changes what it computes"
    augmented = any(training.read_changes() for training in trainings)
    return "augmented images differ from step to step" if augmented else None


def _is_frozen(network: Component) -> bool:
    return isinstance(network.config, Pretrained.Config) and network.config.is_frozen


@lru_cache(maxsize=4)
def _head(kind: Any, hidden: tuple[int, ...]) -> Component:
    return create_component("network", "mlp", MLP.Config(hidden=hidden, head=kind))


@lru_cache(maxsize=64)
def _feature_set(
    images: Any, name: str, fingerprint: str, body: BodySpec, precision: str
) -> FeatureSet:
    spec = FeatureSpec(body, precision)
    of_images, facts = dataset_facts(name), body_facts(spec.body)
    content = {"images": fingerprint, "version": of_images.version, **spec.content()}
    if of_images.input_shape != body.shape.input_shape:  # those of a sequence come in one shape
        content["shape"] = list(body.shape.input_shape)
    features = FeatureSet(
        source=canonical_json({"features": body.backbone.title, "of": name}),
        digest=digest("features", content),
        form=getattr(images, "form", None),  # type: ignore[arg-type]
        facts=Facts(
            classes=of_images.class_names or tuple(range(of_images.num_classes)),
            input_shape=(facts.num_features,),
            mean=(0.0,),
            std=(1.0,),
        ),
        content=digest("features", content),
        images=images,
        images_digest=fingerprint,
        spec=spec,
        body_bytes=facts.num_bytes,
        body_flops=facts.flops,
    )
    register(features)
    return features


def feature_sets(benchmark: Benchmark) -> Sequence[FeatureSet]:
    """Return the features that a benchmark is made of, all of one body; none if of other data."""
    return [data for data in benchmark.data_sets if isinstance(data, FeatureSet)]


def images_of(features: FeatureSet) -> str:
    """Return the name by which this process loads the images of features."""
    images = features.images
    return register(images).digest if isinstance(images, OwnData) else str(images)
