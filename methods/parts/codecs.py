"""Codecs of stored images: PNG, which is exact, and JPEG of quality 90, through Pillow.

Decoding takes time and no FLOPs, so it shows in seconds alone. The bytes of a file may differ from
one release of Pillow to another, and so may the pixels of a JPEG.

Shape legend: M images, c channels, h height, w width.

Reference:
    ISO/IEC 15948 (PNG), ISO/IEC 10918-1 (JPEG).

Deviations:
    None. JPEG keeps the colours of every pixel (no chroma subsampling).
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any, Literal, cast

import numpy as np
import torch
from torch import Tensor

Codec = Literal["png", "jpeg"]

OPTIONS: dict[str, dict[str, Any]] = {
    "png": {"compress_level": 9},
    "jpeg": {"quality": 90, "subsampling": 0},
}
CHANNELS = (1, 3)


def codec_objection(codec: Codec | None, input_shape: tuple[int, ...]) -> str | None:
    """Return the reason that examples of a shape cannot be stored with a codec, or None."""
    if codec is None or (len(input_shape) == 3 and input_shape[0] in CHANNELS):
        return None
    if len(input_shape) != 3:
        return f"codec: {codec} is of images, and the data has features: leave codec out"
    return f"codec: {codec} is of images of 1 or 3 channels, given {input_shape[0]}: leave it out"


def encode(image: Tensor, codec: Codec) -> Tensor:
    """Return the file of a uint8 image [c, h, w], uint8 [bytes], on the CPU."""
    from PIL import Image  # imported here: slow to load, and few runs need it

    pixels = image.cpu().movedim(0, 2).numpy()
    file = BytesIO()
    Image.fromarray(pixels[:, :, 0] if len(image) == 1 else pixels).save(
        file, format=codec, **OPTIONS[codec]
    )
    return torch.frombuffer(bytearray(file.getvalue()), dtype=torch.uint8)


def decode(file: Tensor) -> Tensor:
    """Return the uint8 image [c, h, w] of a file, uint8 [bytes]."""
    from PIL import Image

    with Image.open(BytesIO(file.numpy().tobytes())) as image:
        pixels = torch.from_numpy(np.array(image))
    return pixels.unsqueeze(0) if pixels.dim() == 2 else pixels.movedim(2, 0).contiguous()


class EncodedImages:
    """Rows of images as files; a row that is not filled has no bytes.

    Args:
        codec: of the files.
        shape: of an image, (c, h, w).
    """

    def __init__(self, codec: Codec, shape: tuple[int, ...]) -> None:
        self._codec, self._shape = codec, shape
        self._files: list[Tensor] = []

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, rows: Tensor | slice) -> Tensor:
        """Return the images [M, c, h, w] in some rows, on the CPU."""
        files = self._files[rows] if isinstance(rows, slice) else self._select(rows)
        if not files:
            return torch.zeros((0, *self._shape), dtype=torch.uint8)
        return torch.stack([decode(file) for file in files])

    def __setitem__(self, rows: Tensor, images: Tensor) -> None:
        for row, image in zip(rows.tolist(), images.cpu(), strict=True):
            self._files[row] = encode(image, self._codec)

    def resize(self, rows: int) -> None:
        """Grow or shrink to a number of rows."""
        empty = torch.zeros(0, dtype=torch.uint8)
        self._files = [*self._files[:rows], *[empty] * (rows - len(self._files))]

    def keep(self, rows: Tensor) -> None:
        """Keep only the given rows, in the given order."""
        self._files = self._select(rows)

    def state(self) -> dict[str, Tensor]:
        """Return the files one after the other, uint8, and their sizes, int32 [M]."""
        sizes = torch.tensor([len(file) for file in self._files], dtype=torch.int32)
        return {"x": torch.cat([torch.zeros(0, dtype=torch.uint8), *self._files]), "sizes": sizes}

    def load(self, x: Tensor, sizes: Tensor) -> None:
        """Set the files to those of a state."""
        self._files = [file.clone() for file in torch.split(x.cpu(), sizes.tolist())]

    def _select(self, rows: Tensor) -> list[Tensor]:
        return [self._files[row] for row in cast(Sequence[int], rows.tolist())]
