"""Rows of examples: the same as by indexing, whatever the index and the layout."""

from __future__ import annotations

import pytest
import torch

from methods.examples import Examples, take_rows

IMAGES = torch.arange(5 * 3 * 2 * 2, dtype=torch.uint8).reshape(5, 3, 2, 2)
CHANNELS_LAST = IMAGES.to(memory_format=torch.channels_last)


@pytest.mark.parametrize("values", [IMAGES, CHANNELS_LAST, IMAGES[::2], IMAGES[:, 0, 0, 0]])
@pytest.mark.parametrize(
    "index",
    [
        torch.tensor([2, 0, 2]),
        torch.tensor([], dtype=torch.int64),
        slice(1, 3),
        slice(None, None, 2),
    ],
)
def test_rows_are_those_of_indexing(values, index):
    assert torch.equal(take_rows(values, index), values[index])


def test_a_mask_selects_the_rows_where_it_is_true():
    mask = torch.tensor([True, False, False, True, True])
    assert torch.equal(take_rows(IMAGES, mask), IMAGES[torch.tensor([0, 3, 4])])


def test_rows_of_mixed_examples_keep_their_partners():
    share = torch.tensor([1.0, 0.5, 0.25, 0.75, 0.0])
    mixed = Examples(IMAGES, torch.arange(5), torch.arange(5).flip(0), share)
    rows = mixed[torch.tensor([3, 1])]
    assert rows.y.tolist() == [3, 1]
    assert rows.other.tolist() == [1, 3]
    assert rows.share.tolist() == [0.75, 0.5]
    assert torch.equal(rows.x, IMAGES[[3, 1]])
