"""RanPAC: ridge regression by normal equations, the order of classes, the choice of the ridge."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from on_features import learn, on_features, predict

from methods.ranpac import RIDGES, RanPAC, choose_ridge
from methods.testing.blobs import stream
from orchestrator.benchmarks.datasets.dataset import load_dataset

GENERATOR = stream(0, "ranpac")
Y = torch.arange(60) % 6
X = torch.randn((6, 5), generator=GENERATOR)[Y] + torch.randn((60, 5), generator=GENERATOR) / 3


def learn_in_order(method, order):
    """Learn two classes a task, in an order of the classes."""
    for index in range(0, len(order), 2):
        rows = torch.isin(Y, torch.tensor(order[index : index + 2]))
        learn(method, index // 2 + 1, X[rows].tolist(), Y[rows].tolist())


def test_without_a_projection_it_is_ridge_regression_by_normal_equations():
    method = on_features(RanPAC, 5, 6, projection=None, lam=0.7)
    learn_in_order(method, [0, 1, 2, 3, 4, 5])
    x, y = X.double(), F.one_hot(Y).double()
    weights = torch.linalg.solve(x.T @ x + 0.7 * torch.eye(5), x.T @ y)
    actual = predict(method, X.tolist()).double()
    torch.testing.assert_close(actual, x @ weights, atol=1e-6, rtol=1e-5)


def test_with_one_the_features_are_projected_and_rectified():
    method = on_features(RanPAC, 5, 6, projection=12, lam=0.7)
    learn_in_order(method, [0, 1, 2, 3, 4, 5])
    projection = torch.randn((5, 12), generator=stream(1, "projection"))
    assert torch.equal(method.projection, projection)
    h, y = (X @ projection).relu().double(), F.one_hot(Y).double()
    weights = torch.linalg.solve(h.T @ h + 0.7 * torch.eye(12), h.T @ y)
    actual = predict(method, X.tolist()).double()
    torch.testing.assert_close(actual, h @ weights, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("projection", [None, 12])
def test_scores_do_not_depend_on_the_order_of_the_classes(projection):
    scores = []
    for order in ([0, 1, 2, 3, 4, 5], [5, 2, 4, 0, 3, 1]):
        method = on_features(RanPAC, 5, 6, projection=projection, lam=1.0)
        learn_in_order(method, order)
        scores.append(predict(method, X.tolist()))
    torch.testing.assert_close(*scores, atol=1e-5, rtol=0)


def test_on_digits_the_order_of_the_classes_changes_no_prediction():
    digits = load_dataset("digits")
    x, test = (part.flatten(1).float() / 255 - 0.3 for part in (digits.train_x, digits.test_x))
    scores = []
    for order in ([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [9, 4, 2, 7, 0, 8, 1, 3, 6, 5]):
        method = on_features(RanPAC, 64, 10, projection=100, lam=1.0)
        for index in range(0, 10, 2):
            rows = torch.isin(digits.train_y, torch.tensor(order[index : index + 2]))
            learn(method, index // 2 + 1, x[rows].tolist(), digits.train_y[rows].tolist())
        scores.append(predict(method, test.tolist()))
    assert torch.equal(scores[0].argmax(dim=1), scores[1].argmax(dim=1))
    # Sums are float32: see docs/methods/ranpac.md on rounding.
    torch.testing.assert_close(*scores, atol=1e-4, rtol=0)


@pytest.mark.parametrize("width", [4, 70], ids=["more examples", "more features"])
def test_the_ridge_is_that_with_the_least_error_on_held_out_rows(width):
    generator = stream(3, "ridge")
    h = torch.randn((50, width), generator=generator)
    y = (h[:, :3] + 2 * torch.randn((50, 3), generator=generator)).argmax(dim=1)
    y, held = F.one_hot(y, 3), torch.arange(0, 50, 5)
    rest = torch.tensor([i for i in range(50) if i % 5])
    a, b = h[rest].double(), y[rest].double()
    errors = {}
    for ridge in RIDGES:
        weights = torch.linalg.solve(a.T @ a + ridge * torch.eye(width), a.T @ b)
        errors[ridge] = (h[held].double() @ weights - y[held]).square().mean().item()
    assert choose_ridge(h, y, held) == min(errors, key=errors.get)


def test_noise_asks_for_more_ridge_than_a_clean_line():
    generator = stream(4, "noise")
    h, held = torch.randn((40, 20), generator=generator), torch.arange(8)
    clean = F.one_hot((h[:, 0] > 0).long())
    noise = F.one_hot(torch.randint(0, 2, (40,), generator=generator))
    assert choose_ridge(h, noise, held) > choose_ridge(h, clean, held)
    assert choose_ridge(h, clean, held[:0]) == 1


def test_the_projection_is_drawn_once_and_carried():
    method = on_features(RanPAC, 5, 6, projection=12)
    learn_in_order(method, [0, 1, 2, 3])
    again = on_features(RanPAC, 5, 6, num_learned=2, projection=12)
    again.load_state_dict(method.state_dict())
    for each in (method, again):
        rows = Y >= 4
        learn(each, 3, X[rows].tolist(), Y[rows].tolist())
    assert all(torch.equal(t, again.state_dict()[n]) for n, t in method.state_dict().items())


def test_a_projection_whose_gram_matrix_fits_no_memory_is_refused_with_its_bytes():
    assert RanPAC.Config(projection=50_000).projection == 50_000
    message = "at most 50,000, given 1,000,000: G of 1,000,000 x 1,000,000 .* float64, 8,000 GB"
    with pytest.raises(ValueError, match=message):
        RanPAC.Config(projection=10**6)
