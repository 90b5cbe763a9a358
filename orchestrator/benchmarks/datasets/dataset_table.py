"""The table of data sets that a sweep can name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from orchestrator.benchmarks.datasets.dataset_files import (
    fashion_mnist_places,
    read_digits,
    read_fashion_mnist,
)
from orchestrator.benchmarks.datasets.dataset_info import DatasetInfo
from orchestrator.benchmarks.sources import layouts
from orchestrator.benchmarks.sources.layouts import LabelledPaths
from orchestrator.benchmarks.sources.torchvision_files import (
    read_emnist_letters,
    read_or_download_dataset,
    read_svhn,
)

FASHION_CLASSES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
CIFAR10_CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)


# Of natural images, as the models of ImageNet have them.
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def _pictures(
    num_classes: int,
    side: int,
    pictures: Callable[[Path], tuple[LabelledPaths, LabelledPaths]],
    layout: str,
) -> DatasetInfo:
    return DatasetInfo(
        num_classes=num_classes,
        input_shape=(3, side, side),
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        pictures=pictures,
        layout=layout,
    )


def _cifar(
    num_classes: int, mean: tuple[float, ...], std: tuple[float, ...], layout: str
) -> DatasetInfo:
    return DatasetInfo(
        num_classes=num_classes,
        input_shape=(3, 32, 32),
        mean=mean,
        std=std,
        read=partial(read_or_download_dataset, f"CIFAR{num_classes}"),
        layout=layout,
        files=(f"{layout}*",),
        class_names=CIFAR10_CLASSES if num_classes == len(CIFAR10_CLASSES) else (),
    )


DATASETS: dict[str, DatasetInfo] = {
    "digits": DatasetInfo(
        num_classes=10, input_shape=(1, 8, 8), mean=(0.3058,), std=(0.3764,), read=read_digits
    ),
    "fashion_mnist": DatasetInfo(
        num_classes=10,
        input_shape=(1, 28, 28),
        mean=(0.2860,),
        std=(0.3530,),
        read=read_fashion_mnist,
        places=fashion_mnist_places,
        layout="FashionMNIST/raw/*-ubyte or fashion-mnist/*-ubyte.gz",
        files=("*-ubyte*",),
        package="dataset-fashion-mnist",
        class_names=FASHION_CLASSES,
    ),
    "mnist": DatasetInfo(
        num_classes=10,
        input_shape=(1, 28, 28),
        mean=(0.1307,),
        std=(0.3081,),
        read=partial(read_or_download_dataset, "MNIST"),
        layout="MNIST/raw/*-ubyte",
        files=("MNIST/raw/*-ubyte*",),
    ),
    "cifar10": _cifar(
        10, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616), "cifar-10-batches-py/"
    ),
    "cifar100": _cifar(
        100, (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762), "cifar-100-python/"
    ),
    "kmnist": DatasetInfo(
        num_classes=10,
        input_shape=(1, 28, 28),
        mean=(0.1918,),
        std=(0.3483,),
        read=partial(read_or_download_dataset, "KMNIST"),
        layout="KMNIST/raw/*-ubyte",
        files=("KMNIST/raw/*-ubyte*",),
    ),
    "emnist": DatasetInfo(
        num_classes=26,
        input_shape=(1, 28, 28),
        mean=(0.1722,),
        std=(0.3309,),
        read=read_emnist_letters,
        layout="EMNIST/raw/emnist-letters-*-ubyte",
        files=("EMNIST/raw/emnist-letters-*-ubyte*",),
        class_names=tuple("abcdefghijklmnopqrstuvwxyz"),
    ),
    "svhn": DatasetInfo(
        num_classes=10,
        input_shape=(3, 32, 32),
        mean=(0.4377, 0.4438, 0.4728),
        std=(0.1980, 0.2010, 0.1970),
        read=read_svhn,
        layout="train_32x32.mat and test_32x32.mat",
        files=("train_32x32.mat", "test_32x32.mat"),
    ),
    "tiny_imagenet": _pictures(200, 64, layouts.tiny_imagenet, "tiny-imagenet-200/train/CLASS/*"),
    "cub200": _pictures(200, 224, layouts.cub200, "CUB_200_2011/images/CLASS/*"),
    "core50": _pictures(50, 128, layouts.core50, "core50_128x128/s1/o1/*"),
    "imagenet_r": _pictures(200, 224, layouts.imagenet_r, "imagenet-r/CLASS/*"),
}
