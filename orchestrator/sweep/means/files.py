"""The bytes of a memory of files (`codec`), before anything is trained.

Which examples a memory will hold is not known, but the files of all examples are: the largest of
them are more than any others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from itertools import accumulate

from methods.parts.codecs import Codec, encode
from methods.parts.memory import Memory
from orchestrator.stages.stage import Stage
from orchestrator.sweep.trial import Trial

# Bytes of the file of an image, by codec and digest of its pixels: seeds share images.
_SIZES: dict[tuple[Codec, bytes], int] = {}
# By codec and keys of the tasks of each seed: a trial has a cell for each budget.
_LARGEST: dict[tuple[object, ...], list[int]] = {}


def largest_files(trial: Trial) -> list[int]:
    """Return the bytes of the largest 0, 1, ..., N files of a stream, the most of all seeds.

    A memory that stores an example again may have the largest file N times.

    Args:
        trial: a method whose memory has a codec.
    """
    codec, repeats = trial.method.config.codec, trial.method.config.stores_repeats
    chains = [trial.stages(seed) for seed in trial.seeds]
    key = (codec, repeats, *(stages[0].task_keys for stages in chains))
    if key not in _LARGEST:
        files = [file_sizes(stages[0], codec) for stages in chains]
        if repeats:
            files = [[max(sizes)] * len(sizes) for sizes in files]
        sums = [[*accumulate(sizes, initial=0)] for sizes in files]
        longest = max(map(len, sums))
        filled = ([*each, *[each[-1]] * (longest - len(each))] for each in sums)
        _LARGEST[key] = [max(column) for column in zip(*filled, strict=True)]
    return _LARGEST[key]


def file_sizes(stage: Stage, codec: Codec) -> list[int]:
    """Return the bytes of the files of all training examples of a stream, the largest first."""
    images = (image for task in stage.benchmark.tasks() for image in task.train.x)
    sizes = []
    for image in images:
        key = codec, blake2b(image.numpy().tobytes(), digest_size=16).digest()
        if key not in _SIZES:
            _SIZES[key] = len(encode(image, codec))
        sizes.append(_SIZES[key])
    return sorted(sizes, reverse=True)


def bytes_when_full(memories: Iterable[Memory], largest: Sequence[int]) -> int:
    """Return the most bytes that memories of files take.

    Args:
        memories: of one method, which hold no example twice.
        largest: see `largest_files`.
    """
    memories = list(memories)
    examples = len(largest) - 1
    rows = min(sum(each.capacity for each in memories), examples)
    return size_when_full(memories, examples) + largest[rows]


def size_when_full(memories: Iterable[Memory], examples: int) -> int:
    """Return the most bytes that memories take, without their files.

    Args:
        memories: of one method, which hold no example twice.
        examples: of the stream: no memory has more rows than there are.
    """
    size = 0
    for each in sorted(memories, key=lambda memory: -memory.row_bytes):
        rows = min(each.capacity, examples)
        examples -= rows
        size += rows * each.row_bytes + each.counter_bytes
    return size
