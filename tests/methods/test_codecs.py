"""Images stored as files: what is read is what was written, and bytes are those of the state."""

from __future__ import annotations

import pytest
import torch

from methods.base import Examples, Outlook, Setting
from methods.bic import BiC
from methods.der import DER
from methods.er import ER
from methods.gdumb import GDumb
from methods.gem import GEM
from methods.icarl import ICaRL
from methods.parts.budget import Budget
from methods.parts.codecs import decode, encode
from methods.parts.reservoir import ReservoirMemory
from methods.testing.blobs import Blobs
from methods.testing.equality import require_same
from methods.testing.snapshots import snapshots
from orchestrator.benchmarks.benchmark import Benchmark
from orchestrator.networks.networks import MLP
from orchestrator.seeding import stream
from orchestrator.stages.build_stages import build_stages
from orchestrator.stages.code.components import create_component
from orchestrator.stages.costs import storage_bytes
from orchestrator.stages.learning.learner import Training
from orchestrator.stages.run_stage import run_stage
from orchestrator.sweep.sweep import Sweep

SMOOTH = torch.linspace(0, 255, 32).to(torch.uint8)


def images(channels, count=3):
    return torch.randint(
        256, (count, channels, 5, 7), generator=stream(0, "images"), dtype=torch.uint8
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_png_gives_back_every_pixel(channels):
    for image in images(channels):
        assert torch.equal(decode(encode(image, "png")), image)


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_of_a_smooth_image_is_near_it_and_smaller_than_its_pixels(channels):
    image = SMOOTH.repeat(channels, 32, 1)
    file = encode(image, "jpeg")
    assert (decode(file).int() - image.int()).abs().max() <= 8
    assert decode(file).shape == image.shape
    # A file has a header of several hundred bytes, which a small image does not make up for.
    assert len(encode(image, "png")) < image.numel()


def test_a_memory_of_files_draws_writes_and_drops_the_rows_of_one_of_pixels():
    outlook = Outlook(6, (1, 5, 7))
    files, pixels = (ReservoirMemory(Budget(4, None, codec), outlook) for codec in ("png", None))
    batch = Examples(images(1, 6), torch.arange(6))
    for memory in (files, pixels):
        memory.resize(4)
        memory.write(torch.tensor([2, 0, 1]), batch[:3])
        memory.write(torch.tensor([1, 3]), batch[4:])
        memory.keep(torch.tensor([3, 1, 2]))
    for rows in (torch.tensor([2, 0]), slice(0, 3), slice(1, 1)):
        assert torch.equal(files[rows].x, pixels[rows].x)
        assert torch.equal(files[rows].y, pixels[rows].y)


def test_png_trains_as_pixels_do_bit_for_bit():
    options = ({}, {"codec": "png"})
    pairs = [snapshots(Blobs(ER, ER.Config(memory_size=20, **o), "class")) for o in options]
    for plain, coded in zip(*pairs, strict=True):
        for name in plain.state.keys() - {"memory.x"}:
            assert torch.equal(plain.state[name], coded.state[name]), name


@pytest.mark.parametrize("codec", ["png", "jpeg"])
def test_bytes_are_those_of_the_files_and_of_their_sizes(codec):
    for snapshot in snapshots(Blobs(ER, ER.Config(memory_size=20, codec=codec), "class")):
        sizes = snapshot.state["memory.sizes"]
        assert sizes.dtype == torch.int32
        assert len(snapshot.state["memory.x"]) == int(sizes.sum())
        kept = storage_bytes(snapshot.state, ER.storage)["buffer"]
        assert kept == int(sizes.sum()) + len(sizes) * (4 + 1) + 8


@pytest.mark.parametrize("method", [ER, GEM, GDumb, ICaRL, DER])
def test_a_task_begun_from_a_loaded_memory_ends_as_one_that_goes_on(method):
    blobs = Blobs(method, method.Config(memory_size=12, codec="jpeg"), "class", epochs=1)
    for straight, resumed in zip(snapshots(blobs), snapshots(blobs, reload=True), strict=True):
        require_same(straight.state, resumed.state, f"after task {straight.after}")


@pytest.mark.parametrize("codec", ["png", "jpeg"])
def test_stages_of_a_sweep_carry_files_and_the_record_counts_their_bytes(codec):
    benchmark = Benchmark(name="split_digits", scenario="class", samples_per_task=24)
    network = create_component("network", "mlp", MLP.Config(hidden=(8,)))
    method = create_component("method", "er", ER.Config(memory_size=30, codec=codec))
    state, sizes = None, []
    for stage in build_stages(benchmark, network, Training(batch_size=8), method, 0)[:3]:
        state, record = run_stage(stage, state, ("sweep", "trial", 0))
        sizes.append(record.costs.storage.get("buffer", 0))
    assert sizes[0] == 0
    assert len(state["memory.sizes"]) == 30
    assert sizes[2] == int(state["memory.sizes"].sum()) + 30 * (4 + 1) + 8


def test_what_bic_holds_out_is_stored_with_the_codec_too():
    blobs = Blobs(BiC, BiC.Config(memory_size=20, codec="png"), "class", epochs=1)
    names = {name for name in next(snapshots(blobs)).state if name.endswith("sizes")}
    assert names == {"memory.sizes", "held_out.sizes"}


@pytest.mark.parametrize(
    ("shape", "story"),
    [
        ((13,), "codec: png is of images, and the data has features: leave codec out"),
        ((2, 8, 8), "codec: png is of images of 1 or 3 channels, given 2"),
    ],
)
@pytest.mark.parametrize("method", [ER, GEM, GDumb, DER])
def test_what_is_no_image_is_refused_before_anything_runs(method, shape, story):
    setting = Setting("class", 6, shape, "mlp", num_tasks=3)
    assert story in method.objection(method.Config(memory_size=20, codec="png"), setting)
    assert method.objection(method.Config(memory_size=20), setting) is None


def test_bytes_cannot_be_given_with_a_codec():
    with pytest.raises(ValueError, match="memory_bytes must be left out where codec is given"):
        ER.Config(memory_bytes=1000, codec="png")


def test_an_unknown_codec_is_refused_with_those_there_are(tmp_path):
    text = "name: s\nbenchmark: split_digits\nnetwork: mlp\nmethods: [{name: er, codec: gif}]\n"
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(Exception, match=r"codec.*png.*jpeg"):
        Sweep.load(tmp_path / "s.yaml")


def test_logits_of_two_bytes_are_those_of_four_rounded():
    options = ({}, {"logits_dtype": "float16"})
    first, second = (
        next(snapshots(Blobs(DER, DER.Config(memory_size=20, alpha=0, **o), "class"))).state
        for o in options
    )
    assert second["memory.logits"].dtype == torch.float16
    assert torch.equal(first["memory.logits"].half(), second["memory.logits"])
    kept = [storage_bytes(state, DER.storage)["buffer"] for state in (first, second)]
    assert kept[0] - kept[1] == 20 * 6 * 2


def test_with_two_bytes_a_logit_more_examples_fit_into_the_same_bytes():
    outlook = Outlook(10, (1, 4, 4))
    sizes = [
        ReservoirMemory(DER.Config(memory_bytes=5708, logits_dtype=d).budget, outlook, True)
        for d in ("float32", "float16")
    ]
    assert [memory.capacity for memory in sizes] == [5700 // 57, 5700 // 37]
