"""FeCAM: covariances, shrinking and distances in two dimensions by hand, and classes met again."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from on_features import T, learn, on_features, predict

from methods.fecam import FeCAM
from methods.ncm import NCM
from methods.parts.symmetric import inverse_norms, pack_factor, triangle_size, unpack_factor
from methods.testing.blobs import stream

POINTS = [[1.0, 1.0], [3.0, 1.0], [5.0, 4.0]]
# Their mean is (3, 2): offsets (-2, -1), (0, -1), (2, 2), products over two examples.
COVARIANCE = T([[4.0, 3.0], [3.0, 3.0]], dtype=torch.float64)
PLAIN = {"power": 1.0, "shrink_diagonal": 0.0, "shrink_rest": 0.0}


def test_a_covariance_by_hand_is_what_a_factor_and_scales_give_back():
    for config in (PLAIN, {"power": 1.0}, {"power": 1.0, "shrink_rest": 0.25}):
        method = on_features(FeCAM, 2, 2, **config)
        learn(method, 1, POINTS, [0, 0, 0])
        assert method.means[0].tolist() == [3, 2]
        torch.testing.assert_close(method.covariance(0), COVARIANCE, atol=1e-5, rtol=1e-5)


def test_shrinking_by_hand():
    """The mean of the diagonal is 3.5, that of the rest 3: S_s is (7.5, 6; 6, 6.5)."""
    method = on_features(FeCAM, 2, 2, power=1.0)
    learn(method, 1, POINTS, [0, 0, 0])
    added = method.ridge(COVARIANCE)
    assert added.tolist() == [[3.5, 3.0], [3.0, 3.5]]
    torch.testing.assert_close(method.scales[0], T([7.5, 6.5]).sqrt())
    correlation = 6 / (7.5 * 6.5) ** 0.5
    rectangle = T([(1 - correlation**2) ** 0.5, 1.0, correlation])
    torch.testing.assert_close(method.factors[0], rectangle)


@pytest.mark.parametrize("size", [1, 2, 5, 6])
def test_a_packed_factor_gives_itself_back_and_distances_without_being_unpacked(size):
    points = torch.randn((2 * size, size), generator=stream(3, "pack"), dtype=torch.float64)
    matrix, x = points.T @ points, points[:4]
    lower = torch.linalg.cholesky(matrix)
    packed = pack_factor(lower)
    assert packed.shape == (triangle_size(size),)
    assert torch.equal(unpack_factor(packed), lower)
    expected = (x @ torch.linalg.inv(matrix) * x).sum(dim=1)
    torch.testing.assert_close(inverse_norms(packed, x), expected)


def test_distances_by_hand():
    """Directions are compared: u = z/|z| - mu/|mu|, with the inverse of the correlations."""
    method = on_features(FeCAM, 2, 2, power=1.0)
    learn(method, 1, POINTS, [0, 0, 0])
    r = 6 / (7.5 * 6.5) ** 0.5
    u = T([0.6, 0.8]) - T([3.0, 2.0]) / 13**0.5
    expected = (u[0] ** 2 - 2 * r * u[0] * u[1] + u[1] ** 2) / (1 - r**2)
    torch.testing.assert_close(-predict(method, [[30, 40]])[0, 0], expected)


def test_tukeys_transform_is_a_power_that_keeps_signs():
    method = on_features(FeCAM, 2, 2)
    assert method.transform(T([[9.0, 0.0], [-4.0, 1.0]])).tolist() == [[3, 0], [-2, 1]]
    learn(method, 1, [[1, 4], [9, 16]], [0, 0])
    assert method.means[0].tolist() == [2, 3]


def test_a_class_of_several_tasks_has_the_covariance_of_all_its_examples():
    generator = stream(0, "fecam")
    x, y = torch.rand((30, 4), generator=generator), torch.arange(30) % 2
    once, twice = (on_features(FeCAM, 4, 2) for _ in range(2))
    learn(once, 1, x.tolist(), y.tolist(), "domain")
    for index, rows in enumerate((slice(0, 11), slice(11, 12), slice(12, 30)), 1):
        learn(twice, index, x[rows].tolist(), y[rows].tolist(), "domain")
    for label in (0, 1):
        expected = torch.cov(x[y == label].sqrt().double().T)
        torch.testing.assert_close(twice.covariance(label), expected, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(once.factors, twice.factors, atol=1e-5, rtol=1e-4)


def test_with_much_ridge_on_the_diagonal_it_is_the_nearest_direction():
    generator = stream(1, "ridge")
    x, y = torch.rand((40, 3), generator=generator), torch.arange(40) % 4
    x += torch.eye(4, 3)[y]
    fecam = on_features(FeCAM, 3, 4, power=1.0, shrink_diagonal=1e7, shrink_rest=0.0)
    ncm = on_features(NCM, 3, 4)
    for method in (fecam, ncm):
        learn(method, 1, x.tolist(), y.tolist())
    # The squared distance of two directions is 2 - 2 cos.
    expected = 2 * predict(ncm, x.tolist()) - 2
    torch.testing.assert_close(predict(fecam, x.tolist()), expected, atol=1e-5, rtol=1e-4)


def test_covariances_tell_apart_what_means_do_not():
    """Two classes around one mean: one varies with the first two features, one against them."""
    generator = stream(2, "shape")
    noise = torch.randn((400, 2), generator=generator)
    y = torch.arange(400) % 2
    x = torch.stack((noise[:, 0], noise[:, 0] * (1 - 2 * y), torch.full((400,), 3.0)), dim=1)
    x[:, :2] += noise[:, 1:] / 5
    x += 9
    method = on_features(FeCAM, 3, 2)
    learn(method, 1, x.tolist(), y.tolist())
    right = (predict(method, x.tolist()).argmax(dim=1) == y).float().mean()
    assert right > 0.8
    plain = on_features(NCM, 3, 2)
    learn(plain, 1, x.tolist(), y.tolist())
    assert (predict(plain, x.tolist()).argmax(dim=1) == y).float().mean() < right - 0.2


def test_one_example_of_a_class_is_enough():
    method = on_features(FeCAM, 3, 2)
    learn(method, 1, [[1, 4, 9], [9, 4, 1]], [0, 1])
    scores = predict(method, [[1, 5, 9], [9, 5, 1]])
    assert scores.isfinite().all()
    assert scores.argmax(dim=1).tolist() == [0, 1]
    assert torch.equal(F.normalize(method.means[:1]), F.normalize(T([[1.0, 2.0, 3.0]])))


def test_values_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"power must be in \(0, 1\]"):
        FeCAM.Config(power=0)
    with pytest.raises(ValueError, match="shrink_rest must be at least 0"):
        FeCAM.Config(shrink_rest=-1)
