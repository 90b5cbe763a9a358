"""NCM: class means by hand, both distances, and classes that several tasks have."""

from __future__ import annotations

import pytest
import torch
from on_features import T, learn, on_features, predict

from methods.ncm import NCM
from methods.testing.blobs import stream


@pytest.fixture
def fresh():
    """The means become (2, 0), (0, 1) and, when a second task has ended, (-3, -4)."""
    method = on_features(NCM, 2, 3)
    learn(method, 1, [[1, 0], [3, 0], [0, 1]], [0, 0, 1])
    return method


def test_means_and_counts_by_hand(fresh):
    assert fresh.means.tolist() == [[2, 0], [0, 1], [0, 0]]
    learn(fresh, 2, [[-6, -8], [0, 0]], [2, 2])
    assert fresh.means.tolist() == [[2, 0], [0, 1], [-3, -4]]
    assert fresh.counts.tolist() == [2, 1, 2]


def test_cosines_and_distances_by_hand(fresh):
    learn(fresh, 2, [[-6, -8], [0, 0]], [2, 2])
    torch.testing.assert_close(predict(fresh, [[3, 4]]), T([[0.6, 0.8, -1.0]]))
    euclidean = on_features(NCM, 2, 3, metric="euclidean")
    euclidean.load_state_dict(fresh.state_dict())
    torch.testing.assert_close(predict(euclidean, [[3, 4]]), T([[-17.0, -18.0, -100.0]]))
    # Nearest by angle and by distance are not the same class.
    assert predict(fresh, [[3, 4]]).argmax() == 1
    assert predict(euclidean, [[3, 4]]).argmax() == 0


def test_a_class_not_seen_scores_one_below_the_lowest_and_is_never_predicted(fresh):
    scores = predict(fresh, [[-3, -4], [5, 1]])
    torch.testing.assert_close(scores[:, 2], scores[:, :2].amin(dim=1).clamp(max=0) - 1)
    assert (scores.argmax(dim=1) != 2).all()


def test_a_class_of_several_tasks_has_the_mean_of_all_its_examples():
    x, y = torch.randn((9, 4), generator=stream(0, "x")).tolist(), [0, 1, 0, 1, 1, 0, 0, 0, 1]
    once, twice = (on_features(NCM, 4, 2) for _ in range(2))
    learn(once, 1, x, y, "domain")
    learn(twice, 1, x[:5], y[:5], "domain")
    learn(twice, 2, x[5:], y[5:], "domain")
    torch.testing.assert_close(once.means, twice.means)
    assert torch.equal(once.counts, twice.counts)
