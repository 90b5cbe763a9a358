"""kNN: votes on a few points by hand, the classes of a known task, and the memory's budget."""

from __future__ import annotations

import pytest
import torch
from on_features import T, learn, on_features, predict

from methods.base import Setting
from methods.knn import KNN

POINTS = [[0, 1], [0, 2], [3, 0], [4, 0], [5, 0]]
LABELS = [0, 0, 1, 1, 1]


def on_points(**config):
    method = on_features(KNN, 2, 4, memory_size=10, **config)
    learn(method, 1, POINTS, LABELS)
    return method


@pytest.mark.parametrize(
    ("k", "x", "votes"),
    [
        (1, [0.5, 1], [1, 0]),
        (3, [0.5, 1], [2, 1]),  # at 0.5, 1.12 and 2.69
        (5, [0.5, 1], [2, 3]),
        (99, [0.5, 1], [2, 3]),  # more than there are
    ],
)
def test_votes_by_hand(k, x, votes):
    scores = predict(on_points(k=k, metric="euclidean"), [x])
    assert scores[0, :2].floor().tolist() == votes


def test_of_equal_votes_the_nearest_member_decides():
    """The neighbours are (1, 0) of class 2 and (0, 1) of class 0, once in this order."""
    method = on_points(k=2, metric="euclidean")
    learn(method, 2, [[1, 0]], [2])
    scores = predict(method, [[0.4, 0.1], [0.2, 0.8]])
    # Ranks of two: the nearest has 2/3, the other 1/3.
    torch.testing.assert_close(scores[:, [0, 2]], T([[4 / 3, 5 / 3], [5 / 3, 4 / 3]]))
    assert scores.argmax(dim=1).tolist() == [2, 0]


def test_cosines_look_at_angles_alone():
    x = [[0.1, 3], [60, 1]]
    assert predict(on_points(k=1), x).argmax(dim=1).tolist() == [0, 1]
    # (1, 1.2) is nearer to (0, 1) by either; (9, 10) is by its angle only.
    assert predict(on_points(k=1), [[9, 10]]).argmax() == 0
    assert predict(on_points(k=1, metric="euclidean"), [[9, 10]]).argmax() == 1


def test_where_the_task_is_known_its_classes_alone_have_votes():
    method = on_points(k=3, metric="euclidean")
    learn(method, 2, [[0, 1.1], [9, 9]], [2, 3])
    assert predict(method, [[0, 1]]).argmax() == 0
    free, known = predict(method, [[0, 1]])[0], predict(method, [[0, 1]], task=2)[0]
    assert free.floor().tolist() == [2, 0, 1, 0]
    assert known.floor().tolist() == [0, 0, 1, 1]
    assert predict(method, [[0, 1]], task=1)[0].floor().tolist() == [2, 1, 0, 0]


def test_the_memory_holds_features_of_each_class_alike():
    method = on_features(KNN, 2, 4, memory_size=5)
    learn(method, 1, POINTS, LABELS)
    learn(method, 2, [[7, 7]] * 4 + [[8, 8]] * 4, [2] * 4 + [3] * 4)
    assert method.memory.y.bincount().tolist() == [2, 1, 1, 1]
    assert {tuple(row) for row in method.memory.x.tolist()} <= {*map(tuple, POINTS), (7, 7), (8, 8)}
    # Eight bytes of features and a label.
    of_bytes = on_features(KNN, 2, 4, memory_bytes=9 * 7 + 8)
    assert of_bytes.memory.capacity == 7


def test_a_memory_that_is_too_small_is_refused():
    setting = Setting("class", 4, (2,), "mlp")
    assert "memory_size: 4" in str(KNN.objection(KNN.Config(memory_size=3), setting))
    assert "codec: png" in str(KNN.objection(KNN.Config(memory_size=9, codec="png"), setting))
    with pytest.raises(ValueError, match=r"2 features, but needs room for 4.*memory_bytes: 36"):
        on_features(KNN, 2, 4, memory_bytes=35)
    with pytest.raises(ValueError, match="k must be at least 1"):
        KNN.Config(k=0)
