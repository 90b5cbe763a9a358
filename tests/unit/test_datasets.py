"""The data sets: found where they should be, read as they are, missing with one clear message."""

import gzip
import hashlib
import importlib
import pickle
import sys
import tracemalloc
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from forked import run_forked

from orchestrator.benchmarks.datasets import dataset_files
from orchestrator.benchmarks.datasets.dataset import DATASETS, load_dataset
from orchestrator.benchmarks.datasets.dataset_files import IDX_FILES, read_idx
from orchestrator.benchmarks.sources.torchvision_import import import_torchvision
from orchestrator.errors import MissingData, UnknownName
from orchestrator.hashing import digest_bytes
from orchestrator.seeding import stratified_order, stream

pytestmark = pytest.mark.slow

needs_debian = pytest.mark.skipif(
    not dataset_files.DEBIAN_FASHION_MNIST.is_dir(), reason="dataset-fashion-mnist is not installed"
)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty folder of data sets, on a machine without network."""
    monkeypatch.setenv("REPERTOIRE_DATA", str(tmp_path))
    for name in ("MNIST", "CIFAR10"):
        monkeypatch.setattr(getattr(import_torchvision().datasets, name), "download", no_network)
    return tmp_path


def no_network(_dataset):
    raise URLError("no route to host")


def idx_bytes(array):
    header = bytes((0, 0, 8, array.ndim)) + np.array(array.shape, dtype=">i4").tobytes()
    return header + array.astype(np.uint8).tobytes()


def small_arrays(train=12, test=5, num_classes=10, shape=(28, 28)):
    draw = np.random.default_rng(0)
    return [
        part
        for n in (train, test)
        for part in (
            draw.integers(0, 256, (n, *shape), dtype=np.uint8),
            (np.arange(n) * 7 % num_classes).astype(np.uint8),
        )
    ]


def write_idx(folder, arrays, gz=False):
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(IDX_FILES, arrays, strict=True):
        data = idx_bytes(array)
        (folder / (name + ".gz" * gz)).write_bytes(gzip.compress(data) if gz else data)


def assert_holds(dataset, arrays, shape):
    train_x, train_y, test_x, test_y = (torch.from_numpy(np.asarray(a)) for a in arrays)
    assert dataset.train_x.dtype == dataset.test_x.dtype == torch.uint8
    assert dataset.train_y.dtype == dataset.test_y.dtype == torch.int64
    assert torch.equal(dataset.train_x, train_x.view(-1, *shape))
    assert torch.equal(dataset.test_x, test_x.view(-1, *shape))
    assert torch.equal(dataset.train_y, train_y.long())
    assert torch.equal(dataset.test_y, test_y.long())


# digits


def test_digits_are_all_1797_images_with_a_fifth_for_testing():
    digits = load_dataset("digits")
    assert digits.train_x.shape == (1438, 1, 8, 8)
    assert digits.test_x.shape == (359, 1, 8, 8)
    assert digits.train_x.min() == 0
    assert digits.train_x.max() == 255


def test_digits_hold_every_class_in_the_same_share_in_train_and_test():
    digits = load_dataset("digits")
    train, test = digits.train_y.bincount(), digits.test_y.bincount()
    assert ((test - (train + test) * 359 / 1797).abs() < 1).all()


def test_digits_are_scikit_learns_pixels_scaled_and_each_used_once():
    from sklearn.datasets import load_digits

    digits = load_dataset("digits")
    ours = torch.cat((digits.train_x, digits.test_x)).flatten(1)
    labels = torch.cat((digits.train_y, digits.test_y))
    theirs = load_digits()
    sixteenths = torch.from_numpy(theirs.data)
    rows = {
        (*(pixel.item() for pixel in row), y) for row, y in zip(ours, labels.tolist(), strict=True)
    }
    expected = {
        (*(pixel.item() for pixel in row), y)
        for row, y in zip(
            (sixteenths * 255 / 16 + 0.5).floor().to(torch.uint8),
            theirs.target.tolist(),
            strict=True,
        )
    }
    assert rows == expected


def test_digits_are_the_same_when_scikit_learn_keeps_its_file_elsewhere(monkeypatch):
    direct = dataset_files._read_digits_table()
    monkeypatch.setattr(dataset_files, "find_spec", lambda _name: None)
    assert np.array_equal(dataset_files._read_digits_table(), direct)


@pytest.mark.parametrize("name", ["digits", pytest.param("fashion_mnist", marks=needs_debian)])
def test_mean_and_std_are_those_of_the_training_pixels(name):
    counts = np.bincount(load_dataset(name).train_x.numpy().ravel(), minlength=256)
    level, share = np.arange(256) / 255, counts / counts.sum()
    mean = (share * level).sum()
    assert DATASETS[name].mean == pytest.approx([mean], abs=1e-4)
    assert DATASETS[name].std == pytest.approx(
        [(share * (level - mean) ** 2).sum() ** 0.5], abs=1e-4
    )


@pytest.mark.timeout(20)
def test_reading_digits_and_debians_fashion_mnist_imports_no_heavy_package(folder):
    heavy = {"torchvision", "sklearn", "ray", "mlflow"}

    def work():
        for name in list(sys.modules):
            if name.partition(".")[0] in heavy or name.startswith("orchestrator.benchmarks"):
                del sys.modules[name]
        datasets = importlib.import_module("orchestrator.benchmarks.datasets.dataset")
        datasets.load_dataset("digits")
        if dataset_files.DEBIAN_FASHION_MNIST.is_dir():
            datasets.load_dataset("fashion_mnist")
        sys.stdout.write(str(heavy & set(sys.modules)))

    result = run_forked(work, folder)
    assert (result.code, result.stdout) == (0, "set()"), result.stderr


def test_a_data_set_is_read_once():
    assert load_dataset("digits") is load_dataset("digits")


def test_an_unknown_data_set_is_answered_with_the_nearest():
    with pytest.raises(UnknownName, match="did you mean 'fashion_mnist'"):
        load_dataset("fashon_mnist")


# Fashion-MNIST


@needs_debian
def test_debians_fashion_mnist_is_the_real_one():
    fashion = load_dataset("fashion_mnist")
    assert fashion.train_x.shape == (60_000, 1, 28, 28)
    assert fashion.test_x.shape == (10_000, 1, 28, 28)
    assert fashion.train_y.bincount().tolist() == [6000] * 10
    assert fashion.test_y.bincount().tolist() == [1000] * 10
    assert fashion.train_y[:10].tolist() == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]
    assert fashion.test_y[:10].tolist() == [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]


@pytest.mark.parametrize("gz", [False, True])
@pytest.mark.parametrize("place", ["FashionMNIST/raw", ".", "fashion-mnist"])
def test_fashion_mnist_is_found_in_the_folder_before_debians(folder, place, gz):
    arrays = small_arrays()
    write_idx(folder / place, arrays, gz=gz)
    assert_holds(load_dataset("fashion_mnist"), arrays, (1, 28, 28))


def test_the_fingerprint_depends_on_content_alone(folder, monkeypatch, tmp_path_factory):
    arrays = small_arrays()
    write_idx(folder, arrays)
    first = load_dataset("fashion_mnist").fingerprint
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.setenv("REPERTOIRE_DATA", str(elsewhere))
    write_idx(elsewhere / "fashion-mnist", arrays, gz=True)
    assert load_dataset("fashion_mnist").fingerprint == first
    other = tmp_path_factory.mktemp("other")
    monkeypatch.setenv("REPERTOIRE_DATA", str(other))
    arrays[2][0, 0, 0] ^= 1
    write_idx(other, arrays)
    assert load_dataset("fashion_mnist").fingerprint != first


def test_a_missing_fashion_mnist_names_where_it_looked_and_three_ways_to_get_it(
    folder, monkeypatch
):
    monkeypatch.setattr(dataset_files, "DEBIAN_FASHION_MNIST", folder / "debian")
    with pytest.raises(MissingData) as caught:
        load_dataset("fashion_mnist")
    message = str(caught.value)
    assert "'fashion_mnist'" in message
    assert f"{folder / 'FashionMNIST/raw'}, {folder}, {folder / 'fashion-mnist'}, " in message
    assert str(folder / "debian") in message
    assert "no route to host" in message
    ways = [line for line in message.splitlines() if line.startswith("  - ")]
    assert len(ways) == 3
    assert "REPERTOIRE_DATA" in ways[0]
    assert "apt install dataset-fashion-mnist" in ways[1]
    assert "internet" in ways[2]


# the idx format


def test_an_idx_file_gives_back_the_array_it_was_made_of(tmp_path):
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    (tmp_path / "a").write_bytes(idx_bytes(array))
    (tmp_path / "a.gz").write_bytes(gzip.compress(idx_bytes(array)))
    assert np.array_equal(read_idx(tmp_path / "a"), array)
    assert np.array_equal(read_idx(tmp_path / "a.gz"), array)


@pytest.mark.parametrize(
    ("name", "data", "story"),
    [
        (
            "short",
            idx_bytes(np.zeros((2, 3)))[:-1],
            r"holds 5 bytes where its header says \(2, 3\)",
        ),
        (
            "long",
            idx_bytes(np.zeros((2, 3))) + b"x",
            r"holds 7 bytes where its header says \(2, 3\)",
        ),
        ("floats", b"\0\0\x0d\1\0\0\0\1\0\0\0\0", "not an idx file of bytes"),
        ("empty", b"", "not an idx file of bytes"),
        ("headless", b"\0\0\x08\3\0\0", "not an idx file of bytes"),
        ("cut.gz", gzip.compress(bytes(1000), mtime=0)[:-12], "cannot be read"),
        ("plain.gz", b"hello", "cannot be read"),
    ],
)
def test_a_damaged_idx_file_is_named_with_what_is_wrong(tmp_path, name, data, story):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(MissingData, match=f"{name}: .*{story}"):
        read_idx(tmp_path / name)


def test_files_of_another_data_set_are_refused(folder):
    write_idx(folder, small_arrays(num_classes=20))
    with pytest.raises(MissingData, match=r"labels run from 0 to 1\d; .* from 0 to 9"):
        load_dataset("fashion_mnist")


def test_labels_that_begin_at_one_are_refused_by_their_numbers(folder):
    train_x, train_y, test_x, test_y = small_arrays()
    write_idx(folder, [train_x, train_y + 1, test_x, test_y + 1])
    with pytest.raises(MissingData, match=r"labels run from 1 to 10; they must be .* from 0 to 9"):
        load_dataset("fashion_mnist")


def test_the_fingerprint_is_taken_without_a_copy():
    pixels = np.arange(3 * 2**20, dtype=np.uint8).reshape(3, 1024, 1024)
    assert digest_bytes(pixels.data) == digest_bytes(pixels.tobytes())
    tracemalloc.start()
    digest_bytes(pixels.data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < pixels.nbytes / 10


# MNIST and CIFAR through torchvision


def test_a_damaged_mnist_is_told_from_one_that_is_not_there(folder):
    write_idx(folder / "MNIST/raw", small_arrays())
    file = folder / "MNIST/raw" / IDX_FILES[2]
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(MissingData) as caught:
        load_dataset("mnist")
    first, *_ = str(caught.value).splitlines()
    assert first.startswith(f"data set 'mnist' is damaged or incomplete in {folder / 'MNIST'}: ")
    assert "no route to host" not in first
    assert f"To get it, delete {folder / 'MNIST'} and do one of these:" in str(caught.value)


def test_mnist_is_read_from_torchvisions_layout(folder):
    arrays = small_arrays()
    write_idx(folder / "MNIST/raw", arrays)
    assert_holds(load_dataset("mnist"), arrays, (1, 28, 28))


def test_a_data_set_that_is_not_there_is_downloaded(folder, monkeypatch):
    arrays = small_arrays()
    mnist = import_torchvision().datasets.MNIST
    monkeypatch.setattr(mnist, "download", lambda self: write_idx(Path(self.raw_folder), arrays))
    assert_holds(load_dataset("mnist"), arrays, (1, 28, 28))
    assert (folder / "MNIST/raw").is_dir()


def write_cifar(folder, cifar, label_key, monkeypatch):
    """Write small files in CIFAR's format, and let torchvision take them for the real ones."""
    home = folder / cifar.base_folder
    home.mkdir()
    files = {}
    for index, (name, _) in enumerate([*cifar.train_list, *cifar.test_list]):
        draw = np.random.default_rng(index)
        x = draw.integers(0, 256, (4, 3 * 32 * 32), dtype=np.uint8)
        files[name] = {"data": x, label_key: [(index + i) % 10 for i in range(4)]}
    files[cifar.meta["filename"]] = {cifar.meta["key"]: [str(i) for i in range(10)]}
    checksums = {}
    for name, content in files.items():
        (home / name).write_bytes(pickle.dumps(content))
        checksums[name] = hashlib.md5((home / name).read_bytes()).hexdigest()
    for part in ("train_list", "test_list"):
        known = [[name, checksums[name]] for name, _ in getattr(cifar, part)]
        monkeypatch.setattr(cifar, part, known)
    meta = {**cifar.meta, "md5": checksums[cifar.meta["filename"]]}
    monkeypatch.setattr(cifar, "meta", meta)
    train = [files[name] for name, _ in cifar.train_list]
    test = [files[name] for name, _ in cifar.test_list]
    return [
        np.concatenate([part[key] for part in parts])
        for parts in (train, test)
        for key in ("data", label_key)
    ]


@pytest.mark.parametrize(
    ("name", "class_name", "label_key"),
    [("cifar10", "CIFAR10", "labels"), ("cifar100", "CIFAR100", "fine_labels")],
)
def test_cifar_is_read_from_torchvisions_layout_channels_first(
    folder, monkeypatch, name, class_name, label_key
):
    cifar = getattr(import_torchvision().datasets, class_name)
    arrays = write_cifar(folder, cifar, label_key, monkeypatch)
    assert_holds(load_dataset(name), arrays, (3, 32, 32))


def test_a_cifar_file_with_another_checksum_is_not_opened(folder, monkeypatch):
    cifar = import_torchvision().datasets.CIFAR10
    write_cifar(folder, cifar, "labels", monkeypatch)
    batch = folder / cifar.base_folder / "data_batch_3"
    batch.write_bytes(batch.read_bytes() + b"\0")
    with pytest.raises(MissingData, match=r"'cifar10' is damaged or incomplete in .*cifar-10"):
        load_dataset("cifar10")


@pytest.mark.parametrize(
    ("name", "layout"),
    [("mnist", "MNIST/raw"), ("cifar10", "cifar-10-batches-py"), ("cifar100", "cifar-100-python")],
)
def test_a_missing_data_set_names_its_layout_and_three_ways_to_get_it(folder, name, layout):
    with pytest.raises(MissingData) as caught:
        load_dataset(name)
    message = str(caught.value)
    assert repr(name) in message
    assert str(folder) in message
    assert layout in message
    assert message.count("\n  - ") == 3


def test_torchvision_is_imported_once_and_its_networks_work():
    assert import_torchvision() is import_torchvision()
    assert import_torchvision().models.resnet18(weights=None, num_classes=3).fc.out_features == 3


# stratified order


def test_a_stratified_order_is_a_permutation():
    y = torch.tensor([0, 0, 1, 2, 2, 2, 0, 1])
    order = stratified_order(y, stream(0, "test"))
    assert order.sort().values.tolist() == list(range(8))


@pytest.mark.parametrize(("start", "stop"), [(0, 30), (30, 150), (97, 101), (0, 300)])
def test_any_stretch_of_a_stratified_order_holds_each_class_in_proportion(start, stop):
    y = torch.arange(3).repeat_interleave(torch.tensor([50, 100, 150]))
    stretch = y[stratified_order(y, stream(1, "test"))][start:stop]
    expected = (stop - start) * torch.tensor([50, 100, 150]) / 300
    assert ((stretch.bincount(minlength=3) - expected).abs() <= 1).all()


def test_a_stratified_order_is_random_within_a_class_and_repeatable():
    y = torch.zeros(100, dtype=torch.int64)
    first = stratified_order(y, stream(0, "test"))
    assert torch.equal(first, stratified_order(y, stream(0, "test")))
    assert not torch.equal(first, stratified_order(y, stream(1, "test")))
    assert not torch.equal(first, torch.arange(100))
