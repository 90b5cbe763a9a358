"""SLDA: its streaming formula example by example, batches against streams, and the limit of ncm."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from on_features import T, learn, on_features, predict

from methods.ncm import NCM
from methods.parts.symmetric import unpack
from methods.slda import SLDA, cumulative_sums
from methods.testing.blobs import stream

GENERATOR = stream(0, "slda")
X = torch.randn((40, 3), generator=GENERATOR) @ T([[2.0, 0, 0], [1, 1, 0], [0, 0.5, 0.3]])
Y = torch.randint(0, 4, (40,), generator=GENERATOR)
X += torch.randn((4, 3), generator=GENERATOR)[Y]


def stream_by_the_formula(x, y, num_classes):
    """Return means and covariance after equations 1 to 3 of the paper, one example at a time."""
    means, counts = torch.zeros(num_classes, 3, dtype=torch.float64), [0] * num_classes
    sigma = torch.zeros(3, 3, dtype=torch.float64)
    for t, (z, label) in enumerate(zip(x.double(), y.tolist(), strict=True)):
        offset = z - means[label]
        delta = t * offset.outer(offset) / (t + 1)
        sigma = (t * sigma + delta) / (t + 1)
        means[label] = (counts[label] * means[label] + z) / (counts[label] + 1)
        counts[label] += 1
    return means, sigma


@pytest.mark.parametrize("cuts", [(), (17,), (5, 6, 30), tuple(range(1, 40))])
def test_tasks_of_any_length_give_what_the_stream_gives_one_by_one(cuts):
    method = on_features(SLDA, 3, 4)
    edges = (0, *cuts, 40)
    for index, (start, end) in enumerate(pairwise(edges), 1):
        learn(method, index, X[start:end].tolist(), Y[start:end].tolist())
    means, sigma = stream_by_the_formula(X, Y, 4)
    torch.testing.assert_close(method.means.double(), means, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(unpack(method.covariance).double(), sigma, atol=1e-5, rtol=1e-5)


def test_a_scan_has_the_sums_of_rows_up_to_each():
    for size in (0, 1, 2, 7, 64, 100):
        values = torch.arange(size * 2.0).view(size, 2)
        assert torch.equal(cumulative_sums(values), values.cumsum(dim=0))


def test_discriminants_are_those_of_the_shrunk_inverse():
    method = on_features(SLDA, 3, 4, shrinkage=0.1)
    learn(method, 1, X.tolist(), Y.tolist())
    means, sigma = stream_by_the_formula(X, Y, 4)
    precision = (0.9 * sigma + 0.1 * torch.eye(3, dtype=torch.float64)).inverse()
    expected = X.double() @ (means @ precision).T
    expected -= ((means @ precision) * means).sum(dim=1) / 2
    torch.testing.assert_close(predict(method, X.tolist()).double(), expected, atol=1e-4, rtol=1e-4)


def test_the_covariance_tends_to_that_within_classes():
    """With 20,000 examples of two classes what the first of each class adds is lost."""
    generator = stream(1, "many")
    root = T([[1.0, 0.0], [0.8, 0.6]])
    y = torch.randint(0, 2, (20_000,), generator=generator)
    x = torch.randn((20_000, 2), generator=generator) @ root.T + T([[9.0, 0], [0, -9]])[y]
    method = on_features(SLDA, 2, 2)
    learn(method, 1, x.tolist(), y.tolist())
    torch.testing.assert_close(unpack(method.covariance), root @ root.T, atol=0.03, rtol=0)


def test_with_full_shrinkage_it_is_the_nearest_mean():
    slda, ncm = on_features(SLDA, 3, 4, shrinkage=1.0), on_features(NCM, 3, 4, metric="euclidean")
    for method in (slda, ncm):
        learn(method, 1, X.tolist(), Y.tolist())
    differences = 2 * predict(slda, X.tolist()) - predict(ncm, X.tolist())
    # Scores of an example differ by its own squared length alone.
    expected = X.square().sum(dim=1, keepdim=True).expand(-1, 4)
    torch.testing.assert_close(differences, expected, atol=1e-4, rtol=1e-4)


def test_features_that_never_vary_do_not_stop_it():
    method = on_features(SLDA, 3, 2, shrinkage=1e-12)
    learn(method, 1, [[1, 5, 0], [2, 5, 0], [-1, 5, 0], [-3, 5, 0]], [0, 0, 1, 1])
    assert predict(method, [[2, 5, 0], [-2, 5, 0]]).argmax(dim=1).tolist() == [0, 1]


def test_a_shrinkage_without_meaning_is_refused():
    for wrong in (0.0, 1.5, -1.0):
        with pytest.raises(ValueError, match=r"shrinkage must be in \(0, 1\]"):
            SLDA.Config(shrinkage=wrong)
