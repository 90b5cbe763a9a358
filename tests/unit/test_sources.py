"""Data of the user's own: read, checked, cached, and learned as the named sets are."""

import json
import os
import platform
import re
import subprocess

import numpy as np
import pytest
import torch
from source_lab import (
    compute,
    compute_last,
    data_of,
    digits_arrays,
    features,
    forget,
    learn,
    load,
    mistakes,
    write_sweep,
)

import orchestrator
from orchestrator.benchmarks.datasets.dataset import load_dataset
from orchestrator.benchmarks.sources.arrays.labels import map_labels
from orchestrator.benchmarks.sources.npz import Npz
from orchestrator.cli.run import RunOptions, run
from orchestrator.errors import RepertoireError, SweepError, WrongData
from orchestrator.results.folder.kept_code import load_kept_code
from orchestrator.stages.outcomes import StageDone, StageFailed
from orchestrator.sweep.sweep import Sweep

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def folder(own_folder):
    """A folder for a sweep and its data."""
    return own_folder


# the same as a named set


def test_a_named_set_given_as_data_is_the_trial_and_the_stages_of_the_short_form(folder):
    long = load(folder, "digits").trials[0]
    short = load(folder, None, name="split_digits").trials[0]
    assert long.trial_id == short.trial_id
    assert long.config == short.config
    assert [s.key for s in long.stages(0)] == [s.key for s in short.stages(0)]


def test_digits_in_an_npz_file_give_the_r_of_the_named_set_cell_for_cell(folder):
    np.savez(folder / "mine.npz", **digits_arrays())
    few = {"methods": "finetune, {name: er, memory_size: 20}", "training": "{iterations: 5}"}
    named, own = (learn(folder, data, **few) for data in ("digits", {"npz": "mine.npz"}))
    assert len(named) == len(own) == 2 * 2 * 6 * 5
    assert named.equals(own)


def test_keys_and_trials_depend_on_content_and_not_on_the_path(folder):
    arrays = digits_arrays()
    for name in ("one", "two"):
        np.savez(folder / f"{name}.npz", **arrays)
    arrays["train_x"] = arrays["train_x"].copy()
    arrays["train_x"][0, 0, 0, 0] ^= 1
    np.savez(folder / "changed.npz", **arrays)
    one, two, changed = (
        load(folder, {"npz": f"{name}.npz"}).trials[0] for name in ("one", "two", "changed")
    )
    assert one.trial_id == two.trial_id != changed.trial_id
    assert one.stages(0)[1].key == two.stages(0)[1].key != changed.stages(0)[1].key
    assert str(folder) not in json.dumps(one.config)


@pytest.mark.parametrize("shape", [(-1, 8, 8), (-1, 8, 8, 1), (-1, 1, 8, 8), (-1, 64)])
def test_images_of_any_usual_layout_are_the_same_data(folder, shape):
    arrays = digits_arrays()
    np.savez(folder / "usual.npz", **arrays)
    reshaped = {k: v.reshape(shape) if k.endswith("x") else v for k, v in arrays.items()}
    np.savez(folder / "other.npz", **reshaped)
    more = {"shape": [1, 8, 8]} if len(shape) == 2 else {}
    usual = data_of(load(folder, {"npz": "usual.npz"}))
    assert data_of(load(folder, {"npz": "other.npz", **more})).digest == usual.digest


# labels


@pytest.mark.parametrize(
    ("given", "classes"),
    [
        ([30, -2, 7], (-2, 7, 30)),
        (["cat", "ant", "bee"], ("ant", "bee", "cat")),
        ([b"cat", b"ant", b"bee"], ("ant", "bee", "cat")),
        ([2.0, 1.0, 10.0], (1, 2, 10)),
        ([2**63 - 1, -(2**63), 0], (-(2**63), 0, 2**63 - 1)),
    ],
)
def test_labels_of_any_integers_or_text_become_sorted_classes(folder, given, classes):
    x, y = features()
    y = np.array(given)[y]
    np.savez(folder / "f.npz", train_x=x, train_y=y, test_x=x, test_y=y)
    benchmark = load(folder, {"npz": "f.npz"}, num_tasks=3).trials[0].benchmark
    assert benchmark.data.facts.classes == classes
    data = load_dataset(benchmark.stream_data.names[0])
    assert [classes[i] for i in data.train_y.tolist()] == [
        v.decode() if isinstance(v, bytes) else v for v in y.tolist()
    ]


def test_labels_of_booleans_are_false_and_true():
    train, _, classes = map_labels(np.array([True, False, True]), None, (), "here")
    assert [str(label) for label in classes] == ["False", "True"]
    assert train.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (np.array([1, 2**63], np.uint64), None, "a label is 9223372036854775808; integers"),
        (np.array([0.0, 1e20]), None, "a label is 100000000000000000000; integers"),
        (np.array([0, -(2**70)], object), None, "a label is -1180591620717411303424; integers"),
        (np.array([0, 1]), np.array(["0", "1"]), "is 0 and in test examples '0'; labels must"),
    ],
)
def test_labels_of_two_kinds_or_beyond_64_bits_are_refused(train, test, message):
    with pytest.raises(WrongData, match=message):
        map_labels(train, test, (), "here")


def test_without_test_arrays_a_stratified_fifth_is_held_out_the_same_each_time(folder):
    x, y = features(each=15)
    np.savez(folder / "f.npz", train_x=x, train_y=y)
    first = load_dataset(data_of(load(folder, {"npz": "f.npz"}, num_tasks=3)).digest)
    assert first.test_y.bincount().tolist() == [3, 3, 3]
    assert first.train_y.bincount().tolist() == [12, 12, 12]
    np.savez(folder / "g.npz", train_x=x, train_y=y)
    forget()
    again = load_dataset(data_of(load(folder, {"npz": "g.npz"}, num_tasks=3)).digest)
    assert torch.equal(first.test_x, again.test_x)


# features


def test_features_are_standardised_on_training_rows_alone(folder):
    x, y = features()
    test = x + 100
    np.savez(folder / "f.npz", train_x=x, train_y=y, test_x=test, test_y=y)
    data = load_dataset(data_of(load(folder, {"npz": "f.npz"}, num_tasks=3)).digest)
    assert data.train_x.dtype == torch.float32
    assert data.train_x.mean(0).abs().max() < 1e-5
    expected = (test - x.mean(0)) / x.std(0)
    assert np.allclose(data.test_x, expected, rtol=1e-4)


def test_a_memory_of_features_keeps_floats_and_counts_their_bytes(folder):
    x, y = features(each=20, d=7)
    np.savez(folder / "f.npz", train_x=x, train_y=y)
    path = write_sweep(folder, {"npz": "f.npz"}, num_tasks=3, methods="{name: er, memory_size: 5}")
    assert run(path, folder / "out", None, RunOptions("inline")) == 0
    trials = orchestrator.load(folder / "out").trials
    # 7 floats and a label of one byte, and the reservoir's counter of 8 bytes.
    assert trials["storage_buffer_bytes"].iloc[0] == 5 * (7 * 4 + 1) + 8


def test_what_needs_images_says_so_when_the_sweep_is_read(folder):
    x, y = features()
    np.savez(folder / "f.npz", train_x=x, train_y=y)
    data = {"npz": "f.npz"}
    assert "network.name: needs images, and the data has 4 features" in mistakes(
        folder, data, num_tasks=3, network="cnn"
    )
    assert "'rotated' needs images" in mistakes(folder, data, name="rotated")


# the cache


def test_an_unchanged_file_is_neither_read_nor_hashed_again(folder, monkeypatch):
    np.savez(folder / "mine.npz", **digits_arrays())
    first = data_of(load(folder, {"npz": "mine.npz"}))
    forget()

    def refuse(*_args):
        raise AssertionError("read or hashed again")

    monkeypatch.setattr(Npz, "read", refuse)
    monkeypatch.setattr("orchestrator.benchmarks.sources.cache.array_files.digest_bytes", refuse)
    again = data_of(load(folder, {"npz": "mine.npz"}))
    assert again.digest == first.digest
    assert torch.equal(load_dataset(again.digest).train_x, load_dataset("digits").train_x)


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "delete", "manifest", "half"])
def test_a_damaged_cache_is_noticed_and_made_anew(folder, damage):
    np.savez(folder / "mine.npz", **digits_arrays())
    first = data_of(load(folder, {"npz": "mine.npz"}))
    forget()
    arrays = folder / "data" / "arrays" / first.content
    file = arrays / "train_x.npy"
    content = file.read_bytes()
    if damage == "flip":
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "cut":
        file.write_bytes(content[:-100])
    elif damage == "empty":  # as a power loss leaves it
        file.write_bytes(b"")
    elif damage == "delete":
        file.unlink()
    elif damage == "manifest":
        (arrays / "arrays.json").write_text('{"format": 1')
    else:
        next((folder / "data/arrays/sources").glob("*.json")).write_text("")
    again = data_of(load(folder, {"npz": "mine.npz"}))
    assert again.digest == first.digest
    assert torch.equal(load_dataset(again.digest).train_x, load_dataset("digits").train_x)
    assert file.read_bytes() == content


def test_what_a_killed_process_left_in_the_cache_is_removed(folder):
    np.savez(folder / "mine.npz", **digits_arrays())
    load(folder, {"npz": "mine.npz"})
    (manifest,) = (folder / "data/arrays/sources").glob("*.json")
    other, host = "ab" * 20, re.sub(r"\W", "-", platform.node())
    process = subprocess.Popen(["true"])
    process.wait()
    names = {
        f"{manifest.stem}.1": False,  # as earlier releases named them
        f"{manifest.stem}.elsewhere.1": False,
        f"{other}.{host}.{process.pid}": False,
        f"{other}.{host}.{os.getpid()}": True,
        f"{other}.elsewhere.{process.pid}": True,
        f"{other}.1": True,
    }
    for name in names:
        (folder / "data" / "arrays" / name).mkdir()
        (folder / "data" / "arrays" / name / "train_x.npy").write_bytes(b"half of an array")
    manifest.unlink()
    forget()
    load(folder, {"npz": "mine.npz"})
    assert {name: (folder / "data" / "arrays" / name).exists() for name in names} == names
    assert manifest.exists()


def test_data_is_used_without_a_cache_that_can_be_written(folder, monkeypatch):
    (folder / "data").write_text("a file, where a folder should be")
    np.savez(folder / "mine.npz", **digits_arrays())
    own = data_of(load(folder, {"npz": "mine.npz"}))
    assert torch.equal(load_dataset(own.digest).train_x, load_dataset("digits").train_x)


@pytest.mark.parametrize("is_new_process", [True, False])
def test_a_file_that_changes_between_plan_and_stage_is_noticed_by_the_stage(folder, is_new_process):
    arrays = digits_arrays()
    np.savez(folder / "mine.npz", **arrays)
    sweep = load(folder, {"npz": "mine.npz"})
    stages = sweep.trials[0].stages(0)
    np.savez(folder / "mine.npz", **{**arrays, "train_y": (arrays["train_y"] + 1) % 10})
    if is_new_process:
        forget()
    outcome = compute(folder, stages[0])
    assert isinstance(outcome, StageFailed)
    assert "not the data this sweep was planned with" in outcome.story


def test_a_file_that_is_touched_is_the_same_data(folder):
    np.savez(folder / "mine.npz", **digits_arrays())
    sweep = load(folder, {"npz": "mine.npz"})
    (folder / "mine.npz").touch()
    assert isinstance(compute_last(folder, sweep), StageDone)


def test_a_machine_without_the_file_uses_the_arrays_of_the_cache(folder):
    np.savez(folder / "mine.npz", **digits_arrays())
    sweep = load(folder, {"npz": "mine.npz"})
    (folder / "mine.npz").unlink()
    forget()
    assert isinstance(compute_last(folder, sweep), StageDone)


# mistakes


CASES = (
    *("unequal", "nan", "missing", "half", "one class", "no test", "no training", "few"),
    *("objects", "floats", "pixels", "huge", "empty", "no side"),
)


def wrong_npz(case):
    x, y = features()
    nan = x.copy()
    nan[3, 2] = np.nan
    cases = {
        "unequal": ({"train_x": x, "train_y": y[:-1]}, r"train_x has the shape \[30, 4\]"),
        "nan": (
            {"train_x": nan, "train_y": y},
            "not finite, the first in row 3, feature 2",
        ),
        "missing": ({"train_x": x}, "has no array train_y; it holds train_x"),
        "half": ({"train_x": x, "train_y": y, "test_x": x}, "one of test_x and test_y"),
        "one class": ({"train_x": x, "train_y": y * 0}, "all examples are of one class, 0"),
        "no test": (
            {"train_x": x, "train_y": y, "test_x": x[y > 0], "test_y": y[y > 0]},
            "no test examples of 0; give each class in both parts",
        ),
        "no training": (
            {"train_x": x[y > 0], "train_y": y[y > 0], "test_x": x, "test_y": y},
            "no training examples of 0",
        ),
        "few": ({"train_x": x[:7], "train_y": [0, 0, 0, 0, 0, 0, 1]}, "no test examples of 1"),
        "objects": (
            {"train_x": x, "train_y": np.array(["a", 1] * 15, dtype=object)},
            "holds Python objects, which are never unpickled",
        ),
        "floats": ({"train_x": x, "train_y": y + 0.5}, "a label is 0.5; labels must be"),
        "pixels": ({"train_x": np.full((30, 8, 8), 300), "train_y": y}, "numbers from 0 to 255"),
        "huge": ({"train_x": x * 1e300, "train_y": y}, "features are too large for 32 bits"),
        "empty": ({"train_x": x[:0], "train_y": y[:0]}, "has no train examples"),
        "no side": (
            {"train_x": np.zeros((30, 1, 8, 0), np.uint8), "train_y": y},
            r"train_x has the shape \[24, 1, 8, 0\]; images need at least 1 channel",
        ),
    }
    return cases[case]


@pytest.mark.parametrize("case", CASES)
def test_arrays_that_cannot_be_used_are_one_mistake_of_the_sweep(folder, case):
    arrays, message = wrong_npz(case)
    np.savez(folder / "wrong.npz", **arrays)
    text = mistakes(folder, {"npz": "wrong.npz"}, num_tasks=3)
    assert ": 1 mistake\n" in text
    assert "benchmark.data: " in text
    assert str(folder / "wrong.npz") in text
    assert re.search(message, text)
    assert not list((folder / "data").rglob("*.npy"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"npz": "mien.npz"}, r"mien.npz: no such file; did you mean 'mine.npz'\?"),
        ({"npz": "."}, "is a folder, not a file"),
        ({"npz": ""}, "npz: given '', which is no path"),
        ({"npz": "text.npz"}, "is no npz file, or damaged"),
        ({"npz": "mine.npz", "shpe": [1, 8, 8]}, r"did you mean 'shape'\?"),
        ({"npz": "mine.npz", "shape": [1, 8, 9]}, "has 64 pixels, and shape .* needs 72"),
        ({"npz": 3}, "benchmark.data.npz: must be text, given 3"),
        ({"nzp": "mine.npz"}, r"must be a name of a data set.* given {\"nzp\""),
        ("digts", "unknown data set 'digts'; did you mean 'digits'"),
        (7, "must be a name of a data set"),
    ],
)
def test_data_that_a_sweep_gives_wrongly_is_one_mistake(folder, data, message):
    np.savez(folder / "mine.npz", **digits_arrays())
    (folder / "text.npz").write_text("no zip file")
    text = mistakes(folder, data)
    assert ": 1 mistake\n" in text
    assert re.search(message, text), text


def test_mistakes_in_data_and_beside_it_are_one_message(folder):
    text = mistakes(folder, {"npz": "none.npz"}, num_tasks=0, scenario="clas")
    assert "3 mistakes" in text
    assert "benchmark.num_tasks: 0" in text


def test_a_transformation_needs_data_and_a_short_form_has_it(folder):
    assert "benchmark.data: is missing" in mistakes(folder, None)
    assert "name: 'split_digits' with data" in mistakes(folder, "digits", name="split_digits")


# results


def test_the_mapping_of_labels_is_in_the_results_folder(folder):
    x, y = features(each=20)
    np.savez(folder / "f.npz", train_x=x, train_y=np.array(["cat", "ant", "bee"])[y])
    path = write_sweep(folder, {"npz": "f.npz"}, num_tasks=3)
    assert run(path, folder / "out", None, RunOptions("inline")) == 0
    (described,) = json.loads((folder / "out/own/data.json").read_text())["data"]
    assert described["classes"] == {"0": "ant", "1": "bee", "2": "cat"}
    assert described["source"] == '{"npz":"f.npz"}'
    assert described["digest"] == data_of(Sweep.load(path)).digest
    trials = orchestrator.load(folder / "out").trials
    assert list(trials.benchmark) == ["split_f"]
    assert list(trials["config.benchmark.data.digest"]) == [described["digest"]]


def test_a_results_folder_opens_its_sweep_where_the_data_is(folder):
    x, y = features(each=20)
    np.savez(folder / "f.npz", train_x=x, train_y=y)
    path = write_sweep(folder, {"npz": "f.npz"}, num_tasks=3)
    assert run(path, folder / "out", None, RunOptions("inline")) == 0
    kept = load_kept_code(folder / "out" / "own")
    assert [t.trial_id for t in kept.trials] == [t.trial_id for t in Sweep.load(path).trials]


def test_a_finished_sweep_is_run_again_from_the_store_and_other_data_is_another_sweep(folder):
    x, y = features(each=20)
    np.savez(folder / "f.npz", train_x=x, train_y=y)
    path = write_sweep(folder, {"npz": "f.npz"}, num_tasks=3)
    assert run(path, folder / "out", None, RunOptions("inline")) == 0
    stages = sorted(p.name for p in (folder / "out/stages").rglob("*") if p.is_file())
    forget()
    assert run(path, folder / "out", None, RunOptions("inline")) == 0
    assert sorted(p.name for p in (folder / "out/stages").rglob("*") if p.is_file()) == stages
    np.savez(folder / "f.npz", train_x=x + y[:, None], train_y=y)
    with pytest.raises(RepertoireError, match=r"tables of another sweep .* its data"):
        run(path, folder / "out", None, RunOptions("inline"))


def test_a_grid_of_data_is_a_benchmark_each_in_tables_of_their_own(folder):
    for name, shift in (("one", 0), ("two", 1)):
        x, y = features(each=20)
        np.savez(folder / f"{name}.npz", train_x=x + shift * y[:, None], train_y=y)
    data = {"grid": [{"npz": "one.npz"}, {"npz": "two.npz"}]}
    path = write_sweep(folder, data, num_tasks=3)
    assert run(path, folder / "out", None, RunOptions("inline")) == 0
    assert sorted(orchestrator.load(folder / "out").trials.benchmark) == ["split_one", "split_two"]
    described = json.loads((folder / "out/own/data.json").read_text())["data"]
    assert [each["name"] for each in described] == ["one", "two"]


def test_a_search_on_own_data_reads_it_once_and_ends(folder):
    x, y = features(each=20)
    np.savez(folder / "f.npz", train_x=x, train_y=y)
    methods = "{name: er, memory_size: {choice: [3, 6]}}"
    path = write_sweep(folder, {"npz": "f.npz"}, num_tasks=3, methods=methods)
    path.write_text(path.read_text() + "search: {algorithm: random, num_trials: 2, seeds: [7]}\n")
    assert run(path, folder / "out", None, RunOptions("inline")) == 0
    trials = orchestrator.load(folder / "out").trials
    assert set(trials.phase) == {"search", "evaluation"}
    assert set(trials.benchmark) == {"split_f"}


def test_a_sequence_may_have_own_data(folder):
    np.savez(folder / "mine.npz", **digits_arrays())
    text = "{sequence: [{data: digits}, {data: {npz: mine.npz}}], name: sequence, scenario: domain}"
    path = folder / "sweep.yaml"
    path.write_text(f"name: s\nbenchmark: {text}\nmethods: [finetune]\nseeds: [0]\n")
    try:
        sweep = Sweep.load(path)
    except SweepError as error:
        raise AssertionError(str(error)) from error
    assert len(sweep.trials[0].stages(0)) == 3


def test_data_that_may_not_be_read_is_one_mistake(folder, monkeypatch):
    np.savez(folder / "f.npz", train_x=[[1.0]], train_y=[0])

    def refuse(*_args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Npz, "read", refuse)
    assert "benchmark.data: cannot be read: [Errno 13]" in mistakes(folder, {"npz": "f.npz"})
