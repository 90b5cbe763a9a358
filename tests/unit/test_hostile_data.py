"""Data sets that somebody else made: no code in them runs, whatever reads them."""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
from source_lab import load, mistakes

from orchestrator.benchmarks.datasets.dataset import load_dataset
from orchestrator.benchmarks.sources.torchvision_import import import_torchvision
from orchestrator.errors import MissingData

pytestmark = pytest.mark.slow


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.folder),)


@pytest.fixture
def folder(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for a sweep and its data sets, on a machine without network."""

    def no_network(_dataset: object) -> None:
        raise URLError("no route to host")

    for name in ("MNIST", "CIFAR10"):
        monkeypatch.setattr(getattr(import_torchvision().datasets, name), "download", no_network)
    monkeypatch.setenv("REPERTOIRE_DATA", str(own_folder))
    return own_folder


@pytest.fixture
def trap(tmp_path: Path) -> Any:
    """A trap, which works, and which nothing may have entered by the end of the test."""
    pickle.loads(pickle.dumps(Trap(tmp_path / "works")))
    assert (tmp_path / "works").is_dir()
    yield Trap(tmp_path / "entered")
    assert not (tmp_path / "entered").exists()


def write(folder: Path, names: list[str], trap: Trap) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(pickle.dumps(trap, protocol=2))  # torch.load's own


CIFAR = [
    f"cifar-10-batches-py/{name}"
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta")
]
# Files of tensors that torchvision wrote until 2020 and reads to this day.
LEGACY = ["MNIST/processed/training.pt", "MNIST/processed/test.pt"]


@pytest.mark.parametrize(
    ("name", "files"), [("cifar10", CIFAR), ("mnist", LEGACY)], ids=["cifar10", "mnist"]
)
def test_a_pickle_that_is_not_the_published_one_is_not_opened(folder, trap, name, files):
    write(folder, files, trap)
    with pytest.raises(MissingData, match=f"'{name}' is damaged"):
        load_dataset(name)
    assert "cannot be read" in mistakes(folder, {"torchvision": name.upper()})


def test_a_class_of_torchvision_that_opens_any_pickle_is_refused(folder):
    assert "opens a pickled list of its files" in mistakes(folder, {"torchvision": "LSUN"})


def test_an_npz_file_of_pickles_is_not_opened(folder, trap):
    objects = np.array([trap] * 4, dtype=object)
    np.savez(folder / "a.npz", train_x=objects, train_y=np.arange(4))
    assert "never unpickled" in mistakes(folder, {"npz": "a.npz"})


def test_hugging_face_is_told_to_run_no_code_of_a_data_set(folder, monkeypatch):
    calls = []

    def before_release_4(path, name=None, *, revision=None, trust_remote_code=None):
        calls.append(trust_remote_code)
        raise ValueError("contains custom code which must be executed")

    def since_release_4(path, name=None, *, revision=None, **config):
        calls.append(config)
        raise ValueError("scripts are no longer supported")

    form = {"huggingface": "someone/birds", "image": "img", "label": "kind"}
    for read in (before_release_4, since_release_4):
        monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=read))
        story = "someone/birds, which is no folder, cannot be read by `datasets`"
        assert story in mistakes(folder, form)
    assert calls == [False, {}]
    assert "'pandas' reads pickled files" in mistakes(folder, {**form, "huggingface": "pandas"})


def test_the_script_of_a_folder_is_not_run_by_hugging_face(folder, tmp_path):
    pytest.importorskip("datasets")
    (folder / "birds").mkdir()
    trap = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    (folder / "birds" / "birds.py").write_text(trap)
    form = {"huggingface": "birds", "image": "img", "label": "kind"}
    assert "cannot be read by `datasets`" in mistakes(folder, form)
    assert not (tmp_path / "ran").exists()


def test_a_sweep_without_such_data_is_read(folder):
    x = np.arange(40 * 64).reshape(40, 64) % 7.0
    np.savez(folder / "a.npz", train_x=x, train_y=np.arange(40) % 2)
    assert load(folder, {"npz": "a.npz"}, num_tasks=1).trials
