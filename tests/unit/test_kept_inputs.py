"""Normalised inputs that are kept between the stages of a process."""

from __future__ import annotations

import gc

import pytest
import torch
from torch import Tensor

from methods.examples import Examples
from orchestrator.networks import normalise
from orchestrator.networks.kept_inputs import KeptInputs
from orchestrator.networks.normalise import Normalise
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.scoring import EVALUATION_BATCH, score_examples

SIZE = 4 * 3  # bytes of a normalised row below


def images(rows: int = 4) -> Tensor:
    return torch.arange(3 * rows, dtype=torch.uint8).view(rows, 3)


class Double:
    """A normalisation that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x * 2.0


def test_a_part_is_normalised_once_while_its_tensor_lives() -> None:
    kept, double, x = KeptInputs(1000), Double(), images()
    for _ in range(2):
        for part in (x[:2], x[2:], x[1:3], x):
            with kept.keep_parts(x):
                assert torch.equal(kept.get(part, "double", double), part * 2.0)
    assert (double.calls, kept.num_bytes) == (4, SIZE * (2 + 2 + 2 + 4))
    with kept.keep_parts(x):
        kept.get(x, "another", double)
    assert double.calls == 5
    del x, part
    gc.collect()
    assert kept.num_bytes == 0


def test_only_the_tensor_of_the_context_is_kept() -> None:
    kept, double, x, other = KeptInputs(1000), Double(), images(), images()
    kept.get(x, "double", double)
    with kept.keep_parts(x):
        kept.get(other, "double", double)
    kept.get(x, "double", double)
    assert (double.calls, kept.num_bytes) == (3, 0)


def test_what_was_changed_in_place_is_computed_again() -> None:
    kept, double, x = KeptInputs(1000), Double(), images()
    with kept.keep_parts(x):
        kept.get(x, "double", double).add_(1)  # as a network may do with its input
        assert torch.equal(kept.get(x, "double", double), x * 2.0)
        x[0, 0] = 9
        assert torch.equal(kept.get(x, "double", double), x * 2.0)
    assert double.calls == 3


def test_what_exceeds_the_capacity_is_not_kept() -> None:
    kept, double, x = KeptInputs(SIZE * 3), Double(), images()
    for _ in range(2):
        with kept.keep_parts(x):
            kept.get(x[:2], "double", double)
            kept.get(x[2:], "double", double)
    assert (double.calls, kept.num_bytes) == (3, SIZE * 2)


def test_what_is_computed_in_inference_mode_is_not_kept() -> None:
    kept, double, x = KeptInputs(1000), Double(), images()
    for _ in range(2):
        with kept.keep_parts(x), torch.inference_mode():
            assert torch.equal(kept.get(x, "double", double), x * 2.0)
    assert (double.calls, kept.num_bytes) == (2, 0)


def test_scores_of_kept_inputs_are_the_same_to_the_last_bit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = KeptInputs(2**26)
    monkeypatch.setattr(normalise, "KEPT_INPUTS", kept)
    monkeypatch.setattr("orchestrator.stages.scoring.KEPT_INPUTS", kept)
    generator = torch.Generator().manual_seed(3)
    rows = EVALUATION_BATCH + 7
    x = torch.randint(0, 256, (rows, 1, 4, 4), dtype=torch.uint8, generator=generator)
    y = torch.randint(0, 5, (rows,), generator=generator)
    weights = torch.randn(16, 5, generator=generator)
    layer = Normalise((0.3,), (0.7,))

    def predict(part: Tensor, task: int | None) -> Tensor:
        return layer(part).flatten(1) @ weights

    first, again = (
        score_examples(predict, Examples(x, y), None, None, FlopMeter()) for _ in range(2)
    )
    assert first == again
    assert kept.num_bytes == rows * 16 * 4
    plain = torch.cat([layer(x[:EVALUATION_BATCH]), layer(x[EVALUATION_BATCH:])])
    right = (plain.flatten(1) @ weights).argmax(dim=1) == y
    assert first.accuracy == int(right.sum()) / rows
