"""The data sets of the table, read from small files in their true formats."""

import gzip

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from orchestrator.benchmarks.benchmark import BENCHMARKS
from orchestrator.benchmarks.datasets import dataset
from orchestrator.benchmarks.datasets.dataset import DATASETS, load_dataset
from orchestrator.benchmarks.sources.arrays.preparation import hold_out_test
from orchestrator.errors import MissingData


@pytest.fixture(autouse=True)
def data(own_folder):
    """The folder of data sets, empty; this process remembers none."""
    dataset._load.cache_clear()
    (own_folder / "data").mkdir()
    yield own_folder / "data"
    dataset._load.cache_clear()


def images(count, *shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def write_idx(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    header = bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">i4").tobytes()
    path.write_bytes(header + array.astype(np.uint8).tobytes())


def write_picture(path, pixels):
    """Write uint8 [rows, columns, 3] as a picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def test_svhn_is_read_from_its_mat_files(data):
    parts = {"train": (images(12, 32, 32, 3), 1 + np.arange(12) % 10), "test": None}
    parts["test"] = (images(10, 32, 32, 3, seed=1), 1 + np.arange(10))
    for part, (x, y) in parts.items():
        content = {"X": x.transpose(1, 2, 3, 0), "y": y[:, None].astype(np.uint8)}
        savemat(data / f"{part}_32x32.mat", content)
    svhn = load_dataset("svhn")
    assert torch.equal(svhn.train_x, torch.from_numpy(parts["train"][0].transpose(0, 3, 1, 2)))
    assert svhn.test_y.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]


@pytest.mark.parametrize(
    ("name", "stem", "num_classes"),
    [("kmnist", "KMNIST/raw/", 10), ("emnist", "EMNIST/raw/emnist-letters-", 26)],
)
def test_kmnist_and_emnist_are_read_from_files_of_mnists_format(data, name, stem, num_classes):
    parts = {"train": images(100, 28, 28), "test": images(50, 28, 28, seed=1)}
    prefix = {"train": "train", "test": "test" if name == "emnist" else "t10k"}
    for part, x in parts.items():
        write_idx(data / f"{stem}{prefix[part]}-images-idx3-ubyte", x)
        labels = np.arange(len(x)) % num_classes + (name == "emnist")
        write_idx(data / f"{stem}{prefix[part]}-labels-idx1-ubyte", labels)
    loaded = load_dataset(name)
    assert torch.equal(loaded.train_x[:, 0], torch.from_numpy(parts["train"]))
    assert torch.equal(loaded.test_x[:, 0], torch.from_numpy(parts["test"]))
    assert loaded.train_y.tolist() == [row % num_classes for row in range(100)]


def test_tiny_imagenet_is_tested_on_its_validation_pictures(data):
    root = data / "tiny-imagenet-200"
    lines = []
    for number, name in enumerate(("n01443537", "n01629819")):
        for row in range(3):
            pixels = np.full((64, 64, 3), 50 * number + row, np.uint8)
            write_picture(root / "train" / name / "images" / f"{name}_{row}.JPEG", pixels)
        write_picture(root / "val" / "images" / f"val_{1 - number}.JPEG", pixels + 7)
        lines.append(f"val_{1 - number}.JPEG\t{name}\t0\t0\t63\t63")
    (root / "val" / "val_annotations.txt").write_text("\n".join(lines) + "\n")
    tiny = load_dataset("tiny_imagenet")
    assert tiny.train_x.shape == (6, 3, 64, 64)
    assert tiny.train_x[:, 0, 0, 0].tolist() == [0, 1, 2, 50, 51, 52]
    assert tiny.train_y.tolist() == [0, 0, 0, 1, 1, 1]
    assert tiny.test_y.tolist() == [0, 1]
    assert tiny.test_x[:, 0, 0, 0].tolist() == [9, 59]


def test_cub200_has_its_authors_split_and_one_size(data):
    root = data / "CUB_200_2011"
    names = ["001.Black_footed_Albatross/a.jpg", "001.Black_footed_Albatross/b.jpg"]
    names += ["002.Laysan_Albatross/c.jpg", "002.Laysan_Albatross/d.jpg"]
    for row, name in enumerate(names):
        write_picture(root / "images" / name, np.full((40 + row, 50, 3), 60 * row, np.uint8))
    (root / "images.txt").write_text("".join(f"{n + 1} {name}\n" for n, name in enumerate(names)))
    (root / "train_test_split.txt").write_text("1 0\n2 1\n3 1\n4 0\n")
    cub = load_dataset("cub200")
    assert cub.train_x.shape == (2, 3, 224, 224)
    assert cub.train_x[:, 0, 0, 0].tolist() == [60, 120]
    assert cub.test_x[:, 0, 0, 0].tolist() == [0, 180]
    assert cub.train_y.tolist() == cub.test_y.tolist() == [0, 1]


def test_core50_is_tested_on_sessions_3_7_and_10(data):
    for session in (1, 2, 3, 7, 10, 11):
        for item in (1, 2, 10):
            path = data / "core50_128x128" / f"s{session}" / f"o{item}" / f"C_{session:02d}_000.png"
            write_picture(path, np.full((128, 128, 3), 10 * session + item, np.uint8))
    core = load_dataset("core50")
    assert core.train_x[:, 0, 0, 0].tolist() == [
        10 * session + item
        for session in (1, 10, 11, 2, 3, 7)
        if session not in (3, 7, 10)
        for item in (1, 10, 2)
    ]
    assert core.train_y.tolist() == [0, 2, 1] * 3
    assert core.test_y.tolist() == [0, 2, 1] * 3


def test_imagenet_r_holds_out_a_stratified_fifth(data):
    for number, name in enumerate(("n01443537", "n01484850")):
        for row in range(5):
            pixels = np.full((30, 20 + row, 3), 100 * number + row, np.uint8)
            write_picture(data / "imagenet-r" / name / f"art_{row}.png", pixels)
    (data / "imagenet-r" / "README.txt").write_text("about")
    loaded = load_dataset("imagenet_r")
    order = np.array([0, 1] * 5)
    train, test = hold_out_test(order)
    values = np.array([100 * n + row for row in range(5) for n in (0, 1)])
    assert loaded.train_x[:, 0, 0, 0].tolist() == values[train].tolist()
    assert loaded.test_x[:, 0, 0, 0].tolist() == values[test].tolist()


@pytest.mark.parametrize("name", ["tiny_imagenet", "cub200", "core50", "imagenet_r"])
def test_pictures_that_are_not_there_are_one_message(name):
    with pytest.raises(MissingData, match="is not on this machine") as error:
        load_dataset(name)
    assert "unpack the archive of its authors" in str(error.value)
    assert DATASETS[name].layout in str(error.value)


def test_every_data_set_of_the_table_has_a_split_benchmark():
    assert {f"split_{name}" for name in DATASETS} <= set(BENCHMARKS)


def test_a_named_set_is_mapped_from_the_cache_until_its_files_change(data, monkeypatch):
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    raw = data / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)

    def write(seed):
        for name in names:
            array = images(20, 28, 28, seed=seed) if "images" in name else np.arange(20) % 10
            header = bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">i4").tobytes()
            content = gzip.compress(header + array.astype(np.uint8).tobytes())
            (raw / f"{name}-ubyte.gz").write_bytes(content)

    write(0)
    first = load_dataset("fashion_mnist")
    dataset._load.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(dataset, "read_named", None)
        again = load_dataset("fashion_mnist")
    assert again.fingerprint == first.fingerprint
    assert torch.equal(again.train_x, first.train_x)
    write(1)
    dataset._load.cache_clear()
    assert load_dataset("fashion_mnist").fingerprint != first.fingerprint
