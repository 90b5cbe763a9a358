"""Importances and anchors in fewer bytes: the error is bounded, and the bytes are real."""

from __future__ import annotations

from itertools import islice

import pytest
import torch

from methods.ewc import EWC
from methods.mas import MAS
from methods.parts.anchoring import ParameterRows
from methods.parts.stored_values import read, store
from methods.rwalk import RWalk
from methods.si import SI
from methods.testing.blobs import Blobs
from methods.testing.equality import require_same
from methods.testing.snapshots import snapshots
from orchestrator.seeding import stream
from orchestrator.stages.costs import storage_bytes

BODY, TENSORS = 16 * 12 + 12, 2  # what is penalised of the suite's network
HAVE_IMPORTANCES = {EWC: 1, SI: 1, MAS: 1, RWalk: 2}


def values():
    return torch.randn((40, 30), generator=stream(0, "values")) * 1e-3


def test_int8_is_off_by_at_most_half_a_step_and_bfloat16_by_a_256th():
    v = values()
    stored, scale = store(v, "int8")
    assert (stored.dtype, stored.shape) == (torch.int8, v.shape)
    assert scale == v.abs().max() / 127
    assert ((read(stored, scale) - v).abs() <= scale / 2 * (1 + 1e-5)).all()
    assert read(stored, scale).abs().max() == pytest.approx(float(v.abs().max()))
    stored, none = store(v, "bfloat16")
    assert none is None
    assert ((read(stored) - v).abs() <= v.abs() / 256).all()


def test_by_hand():
    stored, scale = store(torch.tensor([0.0, 1.0, -2.54, 0.011]), "int8")
    assert float(scale) == pytest.approx(0.02)
    assert stored.tolist() == [0, 50, -127, 1]


def test_what_is_all_zero_stays_so_and_float32_is_not_touched():
    stored, scale = store(torch.zeros(3), "int8")
    assert read(stored, scale).tolist() == [0, 0, 0]
    v = values()
    assert store(v, "float32")[0] is v
    assert read(v) is v


@pytest.mark.parametrize("dtype", ["bfloat16", "int8"])
def test_rows_have_scales_of_their_own_and_are_dropped_with_them(dtype):
    small, large = {"a.b": values()}, {"a.b": 1e6 * values()}
    rows = ParameterRows(small, 0, dtype)
    for value in (small, large):
        rows.append(value)
    for row, value in enumerate((small, large)):
        bound = value["a.b"].abs().max() / 250
        assert ((rows[row]["a.b"] - value["a.b"]).abs() <= bound).all()
    rows.replace(small)
    assert {len(buffer) for buffer in rows.buffers()} == {1} == {rows.rows}


@pytest.mark.parametrize(("dtype", "size"), [("float32", 4), ("bfloat16", 2), ("int8", 1)])
@pytest.mark.parametrize("method", HAVE_IMPORTANCES)
def test_the_state_has_as_many_bytes_as_its_type_and_a_scale_a_tensor(method, dtype, size):
    rows = HAVE_IMPORTANCES[method]
    blobs = Blobs(method, method.Config(state_dtype=dtype), "class", epochs=1)
    state = next(snapshots(blobs)).state
    scales = 4 * TENSORS * rows if dtype == "int8" else 0
    assert storage_bytes(state, method.storage)["importance"] == rows * BODY * size + scales


def test_past_anchors_are_stored_so_too():
    config = EWC.Config(mode="offline", state_dtype="int8")
    *_, last = snapshots(Blobs(EWC, config, "class", epochs=1))
    sizes = storage_bytes(last.state, EWC.storage)
    assert sizes["anchor"] == 2 * (BODY + 4 * TENSORS)
    assert sizes["importance"] == 3 * (BODY + 4 * TENSORS)


@pytest.mark.parametrize("dtype", ["bfloat16", "int8"])
@pytest.mark.parametrize("method", HAVE_IMPORTANCES)
def test_a_task_begun_from_a_loaded_state_ends_as_one_that_goes_on(method, dtype):
    blobs = Blobs(method, method.Config(state_dtype=dtype), "class", epochs=1)
    runs = (snapshots(blobs), snapshots(blobs, reload=True))
    for straight, resumed in islice(zip(*runs, strict=True), 2):
        require_same(straight.state, resumed.state, f"after task {straight.after}")


def test_the_penalty_reads_what_is_stored():
    blobs = Blobs(EWC, EWC.Config(lam=3.0, state_dtype="int8"), "class", epochs=1)
    method = blobs.restore(next(snapshots(blobs)).state, num_learned=1)
    method.begin_task(blobs.view(2))
    with torch.no_grad():
        method.network.body.bias.add_(0.5)
    stored = method.importance.get_buffer("body/bias")[0].float()
    scale = method.importance.get_buffer("body/bias#scale")[0]
    assert method.penalty().item() == pytest.approx(float((stored * scale).sum()) * 0.25, rel=1e-4)
