"""Each form of data: folders of pictures, tables, functions, torchvision and Hugging Face."""

import pickle
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from alike import ALIKE, NEED_TOKENS
from forked import run_forked
from PIL import Image
from source_lab import (
    compute,
    compute_last,
    data_of,
    digits_arrays,
    features,
    forget,
    forget_code,
    learn,
    load,
    mistakes,
)

from methods import METHODS
from orchestrator.benchmarks.datasets.dataset import DATASETS, load_dataset
from orchestrator.benchmarks.datasets.dataset_files import DEBIAN_FASHION_MNIST
from orchestrator.benchmarks.sources import pictures
from orchestrator.benchmarks.sources.arrays.preparation import hold_out_test
from orchestrator.benchmarks.sources.cache import array_writing
from orchestrator.stages.outcomes import StageDone, StageFailed
from orchestrator.stages.storage.store import StageStore
from orchestrator.stages.worker import StageOrder, compute_order
from orchestrator.sweep.sweep import Sweep

pytestmark = pytest.mark.slow

TINY = "{name: mlp, hidden: [8]}"
FEW = {"training": "{iterations: 3}", "num_tasks": 2, "network": TINY}


@pytest.fixture(autouse=True)
def folder(own_folder):
    """A folder for a sweep and its data."""
    return own_folder


# pictures


def write_pictures(root, x, y, suffix="png"):
    """Write uint8 [N, c, h, w] as pictures, in folders of their classes, in the order of rows."""
    for row, (image, label) in enumerate(zip(x, y, strict=True)):
        path = root / str(label) / f"{row:05d}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
        Image.fromarray(pixels).save(path)


def write_all_forms(root, arrays):
    """Write a data set as npz, as a folder of PNGs and as Parquet; return their forms."""
    np.savez(root / "pixels.npz", **arrays)
    for part in ("train", "test"):
        x, y = arrays[f"{part}_x"], arrays[f"{part}_y"]
        write_pictures(root / "pictures" / part, x, y)
        pixels = pd.DataFrame(x.reshape(len(x), -1)).rename(columns="pixel{}".format)
        pixels.assign(digit=y).to_parquet(root / f"{part}.parquet")
    shape = list(arrays["train_x"].shape[1:])
    return [
        {"npz": "pixels.npz"},
        {"images": "pictures"},
        {"table": "train.parquet", "test": "test.parquet", "label": "digit", "shape": shape},
    ]


def test_images_in_every_form_are_one_trial_with_one_mapping(folder):
    """So their R is that of an npz file, which is that of the named set: see test_sources.py."""
    few = {name: array[: 200 if "train" in name else 60] for name, array in digits_arrays().items()}
    trials = [load(folder, form).trials[0] for form in write_all_forms(folder, few)]
    assert len({trial.trial_id for trial in trials}) == 1
    assert len({trial.stages(0)[-1].key for trial in trials}) == 1
    names = {tuple(map(str, trial.benchmark.data.facts.classes)) for trial in trials}
    assert names == {tuple("0123456789")}


@pytest.mark.variant  # of digits in such a file: test_sources.py
@pytest.mark.skipif(not DEBIAN_FASHION_MNIST.is_dir(), reason="needs dataset-fashion-mnist")
def test_fashion_mnist_in_an_npz_file_gives_the_r_of_the_named_set(folder):
    fashion = load_dataset("fashion_mnist")
    names = ("train_x", "train_y", "test_x", "test_y")
    np.savez(folder / "fashion.npz", **{name: getattr(fashion, name).numpy() for name in names})
    own = load(folder, {"npz": "fashion.npz"}).trials[0].benchmark
    assert own.data.content == fashion.fingerprint
    assert (own.mean, own.std) == (DATASETS["fashion_mnist"].mean, DATASETS["fashion_mnist"].std)
    named = learn(folder, "fashion_mnist", **FEW)
    assert learn(folder, {"npz": "fashion.npz"}, **FEW).equals(named)


def colours(num=12, sides=(6, 5)):
    """Colour pictures whose class is told by their red channel."""
    y = np.arange(num) % 3
    x = np.random.default_rng(1).integers(0, 256, (num, 3, *sides), dtype=np.uint8)
    x[:, 0] = y[:, None, None] * 100
    return x, y


def test_a_folder_of_classes_is_read_and_a_fifth_held_out(folder):
    x, y = colours(30)
    write_pictures(folder / "birds", x, np.array(["owl", "auk", "emu"])[y])
    own = data_of(load(folder, {"images": "birds"}, num_tasks=3))
    data = load_dataset(own.digest)
    assert own.facts.classes == ("auk", "emu", "owl")
    numbers = np.array([2, 0, 1])[y]
    train, test = hold_out_test(numbers)
    assert torch.equal(data.train_x, torch.from_numpy(x[train]))
    assert torch.equal(data.test_y, torch.from_numpy(numbers[test]))


def test_val_is_the_test_part_where_there_is_no_test(folder):
    x, y = colours()
    write_pictures(folder / "birds" / "train", x, y)
    write_pictures(folder / "birds" / "val", x[::-1], y[::-1])
    data = load_dataset(data_of(load(folder, {"images": "birds"}, num_tasks=3)).digest)
    assert torch.equal(data.test_x, torch.from_numpy(x[::-1].copy()))


@pytest.mark.parametrize(("size", "shape"), [(4, (3, 4, 4)), ([3, 7], (3, 3, 7))])
def test_pictures_of_several_sizes_are_resized_once(folder, size, shape):
    x, y = colours()
    write_pictures(folder / "birds" / "train", x, y, "jpg")
    write_pictures(folder / "birds" / "test", x[:, :, :4], y)
    text = mistakes(folder, {"images": "birds"}, num_tasks=3)
    assert "pictures have 2 sizes, such as 5x6 (12), 5x4 (12); give size: 64" in text
    own = data_of(load(folder, {"images": "birds", "size": size}, num_tasks=3))
    assert own.facts.input_shape == shape


def test_grey_pictures_have_one_channel_unless_colour_is_asked_for(folder):
    x, y = colours(30)
    write_pictures(folder / "birds", x[:, :1], y)
    for channels, expected in ((None, 1), (3, 3)):
        form = {"images": "birds"} | ({"channels": channels} if channels else {})
        assert data_of(load(folder, form, num_tasks=3)).facts.input_shape == (expected, 6, 5)


@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32])
def test_a_picture_of_more_than_8_bits_is_refused_rather_than_cut_off(folder, kind):
    x, y = colours(20)
    write_pictures(folder / "cells", x, y)
    path = folder / "cells" / str(y[3]) / "deep.tif"
    Image.fromarray(np.full((4, 4), 3000, kind)).save(path)
    assert "deep.tif: has more than 8 bits a pixel" in mistakes(folder, {"images": "cells"})


def test_a_picture_that_changes_between_plan_and_stage_is_noticed(folder):
    x, y = colours(30)
    write_pictures(folder / "birds", x, y)
    sweep = load(folder, {"images": "birds"}, num_tasks=3)
    stages = sweep.trials[0].stages(0)
    write_pictures(folder / "birds", 255 - x[:1], y[:1])
    outcome = compute(folder, stages[0])
    assert isinstance(outcome, StageFailed)
    assert "not the data this sweep was planned with" in outcome.story


def spoil_pictures(root, case):
    x, y = colours(30)
    write_pictures(root / "birds" / "train", x, y)
    write_pictures(root / "birds" / "test", x, y)
    if case == "no classes":
        for path in (root / "birds" / "test").rglob("*.png"):
            path.unlink()
        for path in (root / "birds" / "test").iterdir():
            path.rmdir()
    elif case == "empty class":
        (root / "birds" / "train" / "3").mkdir()
    elif case == "no picture":
        (root / "birds" / "train" / "0" / "x.png").write_text("no picture")
    elif case == "cut":
        path = root / "birds" / "train" / "0" / "00000.png"
        path.write_bytes(path.read_bytes()[:-60])
    elif case == "missing class":
        write_pictures(root / "birds" / "train", x[:3], np.array([7, 7, 7]))


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("no classes", "birds/test: has no class folders"),
        ("empty class", r"birds/train/3: a class folder without pictures \(.png, .jpg"),
        ("no picture", "birds/train/0/x.png: is not a picture, or damaged"),
        ("cut", "birds/train/0/00000.png: is not a picture, or damaged"),
        ("missing class", "no test examples of '7'; give each class in both parts"),
    ],
)
def test_a_folder_that_cannot_be_used_is_one_mistake(folder, case, message):
    spoil_pictures(folder, case)
    text = mistakes(folder, {"images": "birds"}, num_tasks=3)
    assert ": 1 mistake\n" in text
    assert re.search(message, text), text
    assert not list((folder / "data").rglob("*.npy"))


def test_a_folder_that_is_not_there_is_answered_with_the_nearest(folder):
    (folder / "birds").mkdir()
    assert "no such folder; did you mean 'birds'" in mistakes(folder, {"images": "brids"})


def test_a_size_is_at_least_one_pixel(folder):
    assert "benchmark.data.size: 0; must be at least 1 pixel" in mistakes(
        folder, {"images": "birds", "size": 0}
    )


def test_pictures_of_a_size_beyond_memory_are_one_mistake(folder):
    write_pictures(folder / "birds", *colours(30))
    line = mistakes(folder, {"images": "birds", "size": 10**8})
    assert "birds: does not fit into memory (" in line
    assert "give fewer or smaller examples" in line


def test_pictures_beyond_the_disk_of_the_cache_are_refused_before_they_are_decoded(
    folder, monkeypatch
):
    write_pictures(folder / "birds", *colours(30))
    usage = SimpleNamespace(free=40_000)
    monkeypatch.setattr(array_writing.shutil, "disk_usage", lambda _: usage)
    monkeypatch.setattr(pictures, "_decode", None)
    line = mistakes(folder, {"images": "birds", "size": 64, "channels": 1})
    assert "bytes, and the disk of the cache has 40,000 free" in line


# tables


def write_wine(root):
    """Write scikit-learn's wine with a column of text; return its frame."""
    from sklearn.datasets import load_wine

    wine = load_wine(as_frame=True)
    frame = wine.data.assign(region=np.array(["north", "south"])[np.arange(178) % 2])
    frame = frame.assign(cultivar=np.array(["Barolo", "Grignolino", "Barbera"])[wine.target])
    frame.to_csv(root / "wine.csv", index=False)
    return frame


def test_a_table_is_learned_by_every_method_that_serves_it(folder):
    write_wine(folder)
    serving = (name for name, cls in METHODS.items() if "class" in cls.scenarios)
    unfit = {*NEED_TOKENS, *ALIKE}
    names = [name for name in serving if name not in unfit]
    data = {"table": "wine.csv", "label": "cultivar"}
    few = {**FEW, "num_tasks": 3}
    r = learn(folder, data, methods=", ".join(names), **few)
    assert len(r) == len(names) * 2 * 4 * 3


@pytest.mark.parametrize(("name", "num_features"), [("breast_cancer", 30), ("digits", 64)])
def test_other_tables_of_scikit_learn_are_learned(folder, name, num_features):
    from sklearn import datasets as sklearn_datasets

    content = getattr(sklearn_datasets, f"load_{name}")(as_frame=True)
    content.frame.iloc[:300].to_parquet(folder / "table.parquet")
    data = {"table": "table.parquet", "label": "target"}
    assert data_of(load(folder, data, **FEW)).facts.input_shape == (num_features,)
    r = learn(folder, data, methods="finetune, {name: er, memory_size: 20}", **FEW)
    assert len(r) == 2 * 2 * 3 * 2


def test_a_task_incremental_table_is_learned_by_the_methods_of_that_scenario(folder):
    write_wine(folder)
    data = {"table": "wine.csv", "label": "cultivar"}
    names = [name for name, cls in METHODS.items() if "class" not in cls.scenarios]
    assert names
    r = learn(folder, data, num_tasks=3, scenario="task", methods=", ".join(names))
    assert len(r) == len(names) * 2 * 4 * 3


def test_numbers_are_standardised_and_categories_one_hot_by_training_rows(folder):
    frame = write_wine(folder)
    form = {"table": "wine.csv", "label": "cultivar", "features": ["alcohol", "region"]}
    own = data_of(load(folder, form, num_tasks=3))
    data = load_dataset(own.digest)
    labels = sorted(set(frame.cultivar))
    train, test = hold_out_test(np.array([labels.index(label) for label in frame.cultivar]))
    alcohol = frame.alcohol.to_numpy()
    expected = (alcohol[test] - alcohol[train].mean()) / alcohol[train].std()
    assert own.facts.input_shape == (3,)
    assert np.allclose(data.test_x[:, 0], expected, atol=1e-5)
    assert data.test_x[:, 1].tolist() == [float(v == "north") for v in frame.region.iloc[test]]
    assert (data.train_x[:, 1] + data.train_x[:, 2] == 1).all()


def test_a_category_of_test_rows_alone_is_none_of_the_training_ones(folder):
    frame = pd.DataFrame({"y": [0, 1] * 5, "c": ["a", "b"] * 5})
    frame.to_csv(folder / "train.csv", index=False)
    frame.assign(c="z").to_csv(folder / "test.csv", index=False)
    form = {"table": "train.csv", "test": "test.csv", "label": "y"}
    data = load_dataset(data_of(load(folder, form, num_tasks=2)).digest)
    assert data.test_x.tolist() == [[0.0, 0.0]] * 10


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"label": "cultivr"}, "label: no column 'cultivr'; did you mean 'cultivar'"),
        ({"label": "cultivar", "features": ["alchol"]}, "did you mean 'alcohol'"),
        ({"label": "cultivar", "features": []}, "at least one column besides the label"),
        ({"label": "cultivar", "features": ["cultivar"]}, "besides the label 'cultivar'"),
        ({"label": "cultivar", "test": "gone.csv"}, "gone.csv: no such file"),
        ({"label": "alcohol"}, "a label is 14.23; labels must be all integers or all text"),
        ({}, "benchmark.data.label: is missing"),
        ({"label": "cultivar", "shape": [1, 2, 7]}, "pixels are"),
    ],
)
def test_a_table_that_a_sweep_gives_wrongly_is_one_mistake(folder, form, message):
    write_wine(folder)
    text = mistakes(folder, {"table": "wine.csv", **form}, num_tasks=3)
    assert ": 1 mistake\n" in text
    assert message in text


@pytest.mark.parametrize(("name", "separator"), [("a.csv", ","), ("a.tsv", "\t")])
def test_a_table_with_two_columns_of_one_name_is_one_mistake(folder, name, separator):
    rows = ["a,y,a,b", *(f"{i},{i % 2},{i},{i}" for i in range(12))]
    (folder / name).write_text("\n".join(rows).replace(",", separator), encoding="utf-8-sig")
    text = mistakes(folder, {"table": name, "label": "y"}, num_tasks=2)
    assert f"{name}: features: several columns 'a'" in text
    assert "label: several columns 'a'" in mistakes(folder, {"table": name, "label": "a"})
    others = {"table": name, "label": "y", "features": ["b"]}
    assert data_of(load(folder, others, num_tasks=2)).facts.classes == (0, 1)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("alcohol", np.nan, "'alcohol' has a cell that is empty or not finite, the first in row 8"),
        ("alcohol", np.inf, "column 'alcohol' has a cell that is empty"),
        ("region", None, "column 'region' has a cell that is empty"),
        ("cultivar", None, "column 'cultivar' has a cell that is empty"),
    ],
)
def test_a_table_with_gaps_is_one_mistake(folder, column, value, message):
    frame = write_wine(folder)
    frame.loc[7, column] = value
    frame.to_csv(folder / "wine.csv", index=False)
    text = mistakes(folder, {"table": "wine.csv", "label": "cultivar"}, num_tasks=3)
    assert ": 1 mistake\n" in text
    assert message in text


def test_text_in_a_column_of_numbers_is_one_mistake(folder):
    frame = write_wine(folder)
    cells = frame.alcohol.astype(str).mask(frame.index == 7, "?")
    frame.assign(alcohol=cells).to_csv(folder / "wine.csv", index=False)
    text = mistakes(folder, {"table": "wine.csv", "label": "cultivar"}, num_tasks=3)
    assert ": 1 mistake\n" in text
    assert "column 'alcohol' is numbers but for '?' in row 8 after the header; valid" in text


@pytest.mark.parametrize(("name", "cells"), [("t.csv", "A1 7 B2"), ("t.parquet", "1 2 ?")])
def test_ids_of_letters_and_numbers_and_text_by_its_type_are_categories(folder, name, cells):
    frame = pd.DataFrame({"y": [0, 1] * 15, "c": cells.split() * 10})
    frame.to_csv(folder / name, index=False) if ".csv" in name else frame.to_parquet(folder / name)
    own = data_of(load(folder, {"table": name, "label": "y"}, num_tasks=2))
    assert own.facts.input_shape == (3,)


def test_text_in_training_rows_and_numbers_in_test_rows_are_one_mistake(folder):
    frame = pd.DataFrame({"y": [0, 1] * 5, "c": ["a", "b"] * 5})
    frame.to_csv(folder / "train.csv", index=False)
    frame.assign(c=3).to_csv(folder / "test.csv", index=False)
    text = mistakes(folder, {"table": "train.csv", "test": "test.csv", "label": "y"}, num_tasks=2)
    assert "column 'c' is" in text
    assert "int64 in test rows; columns must be numbers, or text" in text


# functions

FLOWERS = """\
import numpy as np
from petals import scale

def flowers():
    y = np.arange(30) % 3
    x = np.zeros((30, 4), np.float32)
    x[:, 0] = scale * y  # a comment
    return x, y

def maps():
    return tuple(np.load(f"{name}.npy", mmap_mode="r") for name in ("x", "y"))

def ragged():
    return [[0, 1], [2]], [0, 1]

def nothing():
    return None

def fails():
    raise ValueError("no flowers today")

def exits():
    raise SystemExit(3)
"""


def write_flowers(root, scale=1):
    (root / "petals.py").write_text(f"scale = {scale}\n")
    (root / "mydata.py").write_text(FLOWERS)


def test_a_function_beside_the_sweep_returns_the_data(folder):
    write_flowers(folder)
    sweep = load(folder, "mydata:flowers", num_tasks=3)
    assert sweep.trials[0].benchmark.title == "split_flowers"
    assert sorted(sweep.source.modules) == ["mydata", "petals"]
    assert isinstance(compute_last(folder, sweep), StageDone)


def test_the_key_of_a_function_changes_with_its_code_and_not_with_comments(folder):
    write_flowers(folder)
    key = load(folder, "mydata:flowers", num_tasks=3).trials[0].stages(0)[1].key
    (folder / "mydata.py").write_text(FLOWERS.replace("  # a comment", "  # another"))
    assert load(folder, "mydata:flowers", num_tasks=3).trials[0].stages(0)[1].key == key
    (folder / "mydata.py").write_text(FLOWERS.replace("scale * y", "scale * y * 1"))
    changed = load(folder, "mydata:flowers", num_tasks=3).trials[0]
    assert changed.stages(0)[1].key != key  # the same arrays, made by other code


@pytest.mark.slow
def test_a_stage_that_travels_takes_the_function_along(folder, tmp_path_factory):
    write_flowers(folder)
    sweep = load(folder, "mydata:flowers", num_tasks=3)
    stage = pickle.dumps(sweep.trials[0].stages(0)[0])
    for name in ("mydata.py", "petals.py"):
        (folder / name).unlink()
    elsewhere = tmp_path_factory.mktemp("node")

    def work():
        forget()
        forget_code()
        orders = StageOrder((pickle.loads(stage),), ("own", "x", 0))
        sys.stdout.write(str(compute_order(orders, StageStore(str(elsewhere)))))

    result = run_forked(work, elsewhere, {"REPERTOIRE_DATA": str(elsewhere / "data")})
    assert result.code == 0, result.stderr
    assert "StageDone" in result.stdout


def test_memory_maps_whose_files_are_unchanged_are_not_hashed_again(folder, monkeypatch):
    write_flowers(folder)
    x, y = features()
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", y)
    monkeypatch.chdir(folder)
    own = data_of(load(folder, "mydata:maps", num_tasks=3))
    forget()
    for module in ("cache.array_files", "function"):
        monkeypatch.setattr(f"orchestrator.benchmarks.sources.{module}.digest_bytes", None)
    assert data_of(load(folder, "mydata:maps", num_tasks=3)).digest == own.digest
    monkeypatch.undo()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mydata:flwers", "no function 'flwers' in .*mydata.py; did you mean 'flowers'"),
        ("mydta:flowers", "mydta:flowers cannot be imported: ModuleNotFoundError"),
        ("mydata:nothing", "mydata:nothing returns NoneType; it must return train_x, train_y"),
        ("mydata:ragged", "mydata:ragged: train_x makes no array: setting an array element"),
        ("mydata:fails", "mydata:fails raised ValueError: no flowers today"),
        ("mydata:exits", "mydata:exits raised SystemExit: 3"),
    ],
)
def test_a_function_that_cannot_be_used_is_one_mistake(folder, name, message):
    write_flowers(folder)
    text = mistakes(folder, name, num_tasks=3)
    assert ": 1 mistake\n" in text
    assert re.search(message, text), text


# torchvision


def test_a_data_set_of_torchvision_is_read_by_the_name_of_its_class(folder):
    digits = digits_arrays()
    for part, prefix in (("train", "train"), ("test", "t10k")):
        x = np.zeros((50, 28, 28), np.uint8)
        x[:, :8, :8] = digits[f"{part}_x"][:50, 0]
        for kind, array in (("images-idx3", x), ("labels-idx1", digits[f"{part}_y"][:50])):
            path = folder / f"data/KMNIST/raw/{prefix}-{kind}-ubyte"
            path.parent.mkdir(parents=True, exist_ok=True)
            header = bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">i4").tobytes()
            path.write_bytes(header + array.astype(np.uint8).tobytes())
    own = data_of(load(folder, {"torchvision": "KMNIST"}))
    assert own.facts.input_shape == (1, 28, 28)
    assert own.content == load_dataset("kmnist").fingerprint
    assert load(folder, {"torchvision": "KMNIST"}).trials[0].benchmark.title == "split_own_kmnist"


@pytest.mark.parametrize(
    ("name", "train", "test"),
    [("Country211", "country211/train", "country211/test"), ("EuroSAT", "eurosat/2750", None)],
)
def test_torchvisions_pictures_are_decoded_and_split_if_it_does_not(folder, name, train, test):
    x, y = colours(30)
    labels = np.array(["owl", "auk", "emu"])[y]
    for part in filter(None, (train, test)):
        write_pictures(folder / "data" / part, x, labels)
    own = data_of(load(folder, {"torchvision": name, "size": 4}, num_tasks=3))
    assert own.facts.input_shape == (3, 4, 4)
    assert own.facts.classes == ("auk", "emu", "owl")
    data = load_dataset(own.digest)
    assert (len(data.train_x), len(data.test_x)) == ((30, 30) if test else (24, 6))


@pytest.mark.parametrize(
    ("name", "has"), [("VisionDataset", "no data"), ("VOCDetection", "boxes"), ("UCF101", "videos")]
)
def test_a_class_of_torchvision_without_labels_is_one_mistake(folder, name, has):
    assert f"{name} has {has}" in mistakes(folder, {"torchvision": name})


def test_an_unknown_class_of_torchvision_is_answered_with_the_nearest(folder):
    assert "did you mean 'SVHN'" in mistakes(folder, {"torchvision": "SVNH"})


# Hugging Face


@pytest.mark.parametrize("has_test", [True, False])
def test_a_folder_of_hugging_face_is_read(folder, has_test):
    datasets = pytest.importorskip("datasets")
    x, y = colours(30)
    kinds = {"img": datasets.Image(), "kind": datasets.ClassLabel(names=["emu", "auk", "owl"])}
    rows = {"img": [Image.fromarray(each.transpose(1, 2, 0)) for each in x], "kind": y.tolist()}
    part = datasets.Dataset.from_dict(rows, features=datasets.Features(kinds))
    whole = datasets.DatasetDict({"train": part, "test": part}) if has_test else part
    whole.save_to_disk(folder / "birds")
    form = {"huggingface": "birds", "image": "img", "label": "kind"}
    own = data_of(load(folder, form, num_tasks=3))
    assert own.facts.classes == ("emu", "auk", "owl")
    data = load_dataset(own.digest)
    assert (len(data.train_x), len(data.test_x)) == ((30, 30) if has_test else (24, 6))
    train = np.arange(30) if has_test else hold_out_test(y)[0]
    assert torch.equal(data.train_x, torch.from_numpy(x[train]))
    assert "no column 'pic'; valid" in mistakes(folder, {**form, "image": "pic"}, num_tasks=3)


@pytest.mark.parametrize("vectors", [True, False])
def test_features_of_hugging_face_are_columns_or_vectors(folder, vectors):
    datasets = pytest.importorskip("datasets")
    x, y = features(each=10, d=2)
    rows = {"v": x.tolist()} if vectors else {"a": x[:, 0].tolist(), "b": x[:, 1].tolist()}
    datasets.Dataset.from_dict({**rows, "y": y.tolist()}).save_to_disk(folder / "rows")
    form = {"huggingface": "rows", "features": list(rows), "label": "y"}
    own = data_of(load(folder, form, num_tasks=3))
    assert own.facts.input_shape == (2,)


FAULTS = {
    "vectors of several lengths": (
        {"x": [[1.0, 2.0]] * 19 + [[1.0]]},
        "column 'x' has vectors of the shapes [1], [2]",
    ),
    "an empty vector": ({"x": [[1.0]] * 19 + [None]}, "'x' has a cell that is empty or not finite"),
    "labels that are lists": ({"y": [[0, 1]] * 20}, "labels have the shape [20, 2]"),
    "a label that is missing": ({"y": [None] + [0, 1] * 9 + [0]}, "a label is "),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_hugging_face_holds_is_checked(folder, fault):
    wrong, message = FAULTS[fault]
    datasets = pytest.importorskip("datasets")
    rows = {"x": [[1.0]] * 20, "y": [0, 1] * 10} | wrong
    datasets.Dataset.from_dict(rows).save_to_disk(folder / "rows")
    form = {"huggingface": "rows", "features": ["x"], "label": "y"}
    assert message in mistakes(folder, form)


def test_a_picture_that_is_missing_has_its_row_in_the_whole_part(folder):
    pictures = [Image.new("RGB", (4, 4), (9 * i, 0, 0)) for i in range(20)]
    rows = {"x": [*pictures[:13], None, *pictures[14:]], "y": [0, 1] * 10}
    datasets = pytest.importorskip("datasets")
    kinds = {"x": datasets.Image(), "y": datasets.Value("int64")}
    part = datasets.Dataset.from_dict(rows, features=datasets.Features(kinds))
    part.save_to_disk(folder / "birds")
    form = {"huggingface": "birds", "image": "x", "label": "y"}
    assert "column 'x': row 13: is empty" in mistakes(folder, form)
    assert "column 'y': row 0: is int, not a picture" in mistakes(folder, {**form, "image": "y"})


def test_hugging_face_without_its_library_says_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    form = {"huggingface": "someone/birds", "image": "img", "label": "kind"}
    assert "pip install 'repertoire-cl[huggingface]'" in mistakes(folder, form)
    both = {"huggingface": "someone/birds", "label": "kind"}
    assert "benchmark.data.image: give either image or features" in mistakes(folder, both)


# the page


def test_every_example_of_the_page_is_read(folder):
    page = (Path(__file__).parents[2] / "docs" / "data.md").read_text()
    x, y = colours(50)
    y = np.arange(50) % 5
    np.savez(folder / "flowers.npz", train_x=x, train_y=y)
    write_pictures(folder / "birds", x, y)
    write_wine(folder)
    function = page.partition("    def flowers():")[2].partition("\n\nIt is called")[0]
    (folder / "mydata.py").write_text(f"import numpy as np\n\ndef flowers():{function}\n")
    read = 0
    for line in re.findall(r"^    benchmark: (.*)$", page, re.MULTILINE):
        if not re.search("torchvision|huggingface", line):
            text = f"name: x\nbenchmark: {line}\nmethods: [finetune]\nseeds: [0]\n"
            (folder / "page.yaml").write_text(text)
            assert len(Sweep.load(folder / "page.yaml").trials) == 1
            read += 1
    assert read == 4
