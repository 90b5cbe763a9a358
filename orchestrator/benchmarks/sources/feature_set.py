"""The features of a data set's images under a frozen body, as a data set that a benchmark holds.

Its key is known before the features are, which are computed once and then mapped from the store.

Shape legend: N examples, F features.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from orchestrator.benchmarks.sources.own_data import OwnData
from orchestrator.errors import RepertoireError

# Features of this process, by digest: those of the training and of the test images.
ATTACHED: dict[str, tuple[Tensor, Tensor]] = {}


@dataclass(frozen=True, kw_only=True)
class FeatureSet(OwnData):
    """The features of all images of a data set.

    Attributes:
        digest: of all that they depend on: the images, the body, its input and the precision.
        images: the data set: a name of the table, or the user's own data.
        images_digest: its fingerprint.
        spec: what computes them; see `stages.features`.
        body_bytes: of the parameters and buffers of the body.
        body_flops: of one image.
    """

    images: Any = field(metadata={"internal": True}, compare=False)
    images_digest: str = field(metadata={"internal": True}, compare=False)
    spec: Any = field(metadata={"internal": True}, compare=False)
    body_bytes: int = field(metadata={"internal": True}, compare=False)
    body_flops: int = field(metadata={"internal": True}, compare=False)

    @property
    def title(self) -> str:
        """A short name of the images, for tables."""
        return self.images.title if isinstance(self.images, OwnData) else str(self.images)

    @property
    def images_name(self) -> str:
        """The name by which the images are loaded."""
        return self.images.digest if isinstance(self.images, OwnData) else str(self.images)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """The shape (c, h, w) that images are brought to before the body's input rule."""
        shape: tuple[int, ...] = self.spec.body.shape.input_shape
        return shape

    @property
    def num_features(self) -> int:
        """The features of an image, F."""
        return self.facts.input_shape[0]

    def require_same(self) -> None:
        """Raise if the images are the user's and have changed since the features were computed."""
        if isinstance(self.images, OwnData):
            self.images.require_same()

    def tensors(self) -> tuple[Tensor, Tensor]:
        """Return the features of training and test images, float32 [N, F].

        Raises:
            RepertoireError: this process has not attached them.
        """
        if self.digest not in ATTACHED:
            raise RepertoireError(f"the features {self.name} are not attached in this process")
        return ATTACHED[self.digest]
