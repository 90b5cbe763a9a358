"""Features of a frozen body: computed once in shards, kept in the store, learned on by methods."""

import pickle
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from backbone_lab import build, images, load, network_text, write_body
from safetensors.torch import save

import orchestrator
from methods import METHODS
from orchestrator.backends.inline import Inline
from orchestrator.benchmarks.datasets.dataset import load_dataset
from orchestrator.benchmarks.sources.feature_set import ATTACHED, FeatureSet
from orchestrator.cli.audit import audit
from orchestrator.cli.reproduce import Check
from orchestrator.cli.run_sweep import plan_sweep, run_sweep
from orchestrator.errors import SweepError
from orchestrator.graph.brake import Brake
from orchestrator.graph.features import feature_states
from orchestrator.hashing import canonical_json
from orchestrator.results.bodies import excludes_body
from orchestrator.results.folder.garbage import delete_garbage, find_garbage
from orchestrator.results.folder.places import open_store, results_folder
from orchestrator.results.folder.tabulator import Tabulator
from orchestrator.results.folder.wanted_keys import Rules
from orchestrator.search.features import compute_features
from orchestrator.stages import build_stages
from orchestrator.stages.features import feature_task
from orchestrator.stages.features.feature_inputs import feature_sets
from orchestrator.stages.features.feature_task import (
    BATCH,
    join_task,
    run_feature_task,
    shard_tasks,
)
from orchestrator.stages.outcomes import StageDone
from orchestrator.stages.run_stage import run_stage
from orchestrator.stages.storage.mapped import map_state, mapped_tensors
from orchestrator.stages.worker import StageOrder, compute_order
from orchestrator.sweep.means.prices import price_trial, unit_trial
from orchestrator.sweep.solve_means import solve_sweep
from orchestrator.sweep.sweep import Sweep
from orchestrator.terminal.describe import feature_rows

pytestmark = pytest.mark.slow

INLINE = Inline()
BODY_FLOPS = 2 * 36 * 3 * 9  # of an image of 8 x 8: 36 places, 3 filters of 9 weights


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with the code and the weights of a body, and a process that has no features."""
    monkeypatch.setenv("REPERTOIRE_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr("orchestrator.stages.features.attach.ATTACHED", ATTACHED)
    ATTACHED.clear()
    write_body(tmp_path)
    return tmp_path


@pytest.fixture
def shards(monkeypatch):
    """The numbers of the shards that are computed."""
    computed, compute = [], feature_task.compute_shard

    def note(features, shard, device="cpu"):
        computed.append(shard)
        return compute(features, shard, device)

    monkeypatch.setattr(feature_task, "compute_shard", note)
    return computed


def features_of(sweep: Sweep) -> FeatureSet:
    (features,) = feature_sets(sweep.trials[0].stages(0)[0].benchmark)
    return features


def prepare(folder: Path, sweep: Sweep) -> tuple[Tabulator, Brake]:
    """Compute the features of a sweep, as a run does before its trials."""
    out = folder / "out"
    tables = Tabulator((), open_store(out, None), results_folder(sweep, out))
    brake = Brake(sweep.budget, sweep.resources)
    compute_features(sweep, tables, INLINE, brake, lambda progress: None)
    return tables, brake


def run_inline(folder: Path, **parts: str):
    """Run the sweep; return its results."""
    sweep = load(folder, **parts)
    tables, brake = prepare(folder, sweep)
    outcome = run_sweep(sweep, tables, INLINE, brake)
    assert outcome.complete
    assert not outcome.evaluation.failed
    return orchestrator.load(folder / "out" / sweep.name)


def store_of(folder: Path):
    return open_store(folder / "out", None)


# what they are


def test_features_are_those_of_the_network_bit_for_bit(folder):
    sweep, digits = load(folder), load_dataset("digits")
    prepare(folder, sweep)
    state = map_state(features_of(sweep).digest, store_of(folder))
    network = build(sweep)
    x = torch.cat((digits.train_x, digits.test_x))
    expected = torch.cat([network.features(batch) for batch in torch.split(x, BATCH)])
    assert torch.equal(torch.cat((state["train"], state["test"])), expected)
    assert state["train"].dtype == torch.float32
    assert len(state["train"]) == len(digits.train_x)


@pytest.mark.parametrize(
    ("train", "methods"),
    [
        ("head", "[{name: er, memory_size: 20}]"),
        (
            "none",
            "[ncm, slda, {name: ranpac, projection: 20}, fecam, {name: knn, memory_size: 20}]",
        ),
    ],
)
def test_stages_on_features_are_those_on_images(folder, monkeypatch, train, methods):
    training = "{epochs: 2, batch_size: 16}"
    parts = {"methods": methods, "training": training, "network": network_text(train)}
    results = run_inline(folder, **parts)
    on_features = results.accuracy.set_index(["trial_id", "split", "after", "task"]).loss
    monkeypatch.setattr(build_stages, "use_features", lambda b, n, *_: (b, n))
    for trial in load(folder, **parts).trials:
        state = None
        for stage in trial.stages(0):
            state, record = run_stage(stage, state, ("", "", 0))
            for number, key in enumerate(stage.task_keys, 1):
                loss = record.evaluation[key]["test"].loss
                own = trial.trial_id, "test", stage.after, number
                if loss is not None:
                    assert on_features[own] == pytest.approx(loss, abs=1e-4, rel=1e-4)
        assert stage.benchmark.input_shape == (1, 8, 8)


def test_the_precision_of_the_training_is_that_of_the_features(folder):
    one, other = (
        features_of(load(folder, training=f"{{batch_size: 16, precision: {each}}}"))
        for each in ("float32", "bf16")
    )
    assert one.digest != other.digest


def write_greys(folder):
    """Write 40 training and 12 test images of 12 x 10 pixels, of two classes."""
    drawn = torch.Generator().manual_seed(0)
    x = torch.randint(256, (52, 12, 10, 1), generator=drawn).to(torch.uint8).numpy()
    y = torch.arange(52).numpy() % 2
    np.savez(folder / "c.npz", train_x=x[:40], train_y=y[:40], test_x=x[40:], test_y=y[40:])


def test_each_data_set_of_a_sequence_has_features_of_its_images_in_the_common_shape(
    folder, monkeypatch
):
    write_greys(folder)
    parts = {
        "benchmark": "{name: sequence, sequence: [{data: digits}, {data: {npz: c.npz}}], "
        "scenario: class, samples_per_task: 32}",
        "methods": "[ncm]",
    }
    results = run_inline(folder, **parts)
    (trial,) = load(folder, **parts).trials
    digits, _ = feature_sets(trial.stages(0)[0].benchmark)
    assert (digits.spec.body.shape.input_shape, digits.num_features) == ((1, 12, 10), 12)
    # Another shape is another key: those of the split data set are of 8 by 8 pixels.
    assert digits.digest != features_of(load(folder)).digest
    body = results.trials.iloc[0].storage_backbone_bytes
    assert body == build(load(folder)).frozen_bytes
    loss = results.accuracy.set_index(["split", "after", "task"]).loss
    monkeypatch.setattr(build_stages, "use_features", lambda b, n, *_: (b, n))
    state = None
    for stage in trial.stages(0):
        state, record = run_stage(stage, state, ("", "", 0))
    assert stage.benchmark.input_shape == (1, 12, 10)
    for number, key in enumerate(stage.task_keys, 1):
        assert loss["test", 2, number] == pytest.approx(
            record.evaluation[key]["test"].loss, rel=1e-4
        )


def test_what_is_trained_does_not_matter_to_features(folder):
    head = load(folder, methods="[finetune]").trials[0].stages(0)
    assert head[0].network.name == "mlp"
    assert head[0].benchmark.input_shape == (12,)
    cosine = load(folder, network=network_text()[:-1] + ", head: cosine}").trials[0].stages(0)
    assert cosine[0].benchmark.data == head[0].benchmark.data
    assert cosine[0].key != head[0].key


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"training": "{batch_size: 16, augment: [flip]}"}, "augmented images differ from step"),
        ({"network": network_text("adapters")}, "train: adapters changes what it computes"),
        ({"network": network_text("all")}, None),
        (
            {"benchmark": "{name: permuted_digits, num_tasks: 2, scenario: domain}"},
            "permuted images differ from task to task",
        ),
    ],
)
def test_images_that_change_and_bodies_that_learn_have_no_features(folder, parts, reason):
    sweep = load(folder, **parts)
    stage = sweep.trials[0].stages(0)[1]
    assert stage.network.name == "pretrained"
    assert stage.benchmark.input_shape == (1, 8, 8)
    _, rows = plan_sweep(sweep, store_of(folder), folder / "out")
    data = sweep.trials[0].benchmark.title
    text = [each for name, each in rows if name == f"body for {data}, tinybody:build"]
    assert len(text) == (reason is not None)
    assert all(each.startswith(f"runs in every step: {reason}") for each in text)


# the store


def test_a_killed_run_goes_on_with_the_shards_that_are_left(folder, shards):
    prepare(folder, sweep := load(folder, budget="{stages: 1}"))
    assert shards == [0]
    first, second = (task.key for task in shard_tasks(features_of(sweep)))
    store = store_of(folder)
    assert store.record(first) is not None
    assert store.record(second) is None
    prepare(folder, load(folder))
    assert shards == [0, 1]
    assert store.record(features_of(sweep).digest) is not None
    assert store.keys() == [features_of(sweep).digest]  # the shards are joined
    assert store.record(store.keys()[0]).costs.consolidate_flops == 1797 * BODY_FLOPS


def test_a_plan_says_what_is_to_compute(folder):
    sweep = load(folder)
    _, rows = plan_sweep(sweep, store_of(folder), folder / "out")
    name = "features of digits, tinybody:build"
    assert rows == [(name, "86.3 kB, 1,797 of 1,797 images to compute")]
    prepare(folder, load(folder, budget="{stages: 1}"))
    assert "773 of 1,797" in plan_sweep(sweep, store_of(folder), folder / "out")[1][0][1]
    prepare(folder, sweep)
    assert plan_sweep(sweep, store_of(folder), folder / "out")[1] == [
        (name, "86.3 kB, in the store")
    ]


def test_a_plan_names_what_features_of_one_body_differ_in(folder):
    rule = "{mean: [0.3], std: [0.4], size: {grid: [8, 12]}}"
    sweep = load(folder, network=network_text(rule=rule))
    names = [name for name, _ in feature_rows(feature_states(sweep, store_of(folder)))]
    body = "features of digits, tinybody:build, tiny.safetensors"
    assert names == [f"{body} at 8x8, float32", f"{body} at 12x12, float32"]


def test_sweeps_methods_and_seeds_share_features(folder, shards):
    run_inline(folder, methods="[finetune, joint]", seeds="[0, 1]")
    run_inline(folder, name="other", methods="[{name: lwf, lam: 1}]", seeds="[2]")
    assert shards == [0, 1]


def test_a_stage_whose_features_are_missing_computes_them(folder, shards):
    stage = load(folder).trials[0].stages(0)[0]
    fresh = pickle.loads(pickle.dumps(stage))
    outcome = compute_order(StageOrder((fresh,), ("lab", "t", 0)), store_of(folder))
    assert isinstance(outcome, StageDone), outcome
    assert shards == [0, 1]


def test_garbage_collection_keeps_features_of_sweeps_and_collects_others(folder):
    run_inline(folder)
    store, rules = store_of(folder), Rules(folder / "out", older_than=0)
    key = features_of(load(folder)).digest
    assert find_garbage(store, rules).unwanted == []
    run_inline(folder, name="other", network="{name: mlp, hidden: [4]}")
    shutil.rmtree(folder / "out" / "lab")
    garbage = find_garbage(store, rules)
    assert key in garbage.unwanted
    delete_garbage(store, rules, garbage)
    assert store.record(key) is None


def test_a_join_counts_a_shard_that_it_finds_missing(folder, shards):
    prepare(folder, sweep := load(folder, budget="{stages: 2}"))
    store, features = store_of(folder), features_of(sweep)
    one, other = shard_tasks(features)
    seconds = store.record(one.key).costs.cpu_seconds
    store.delete(other.key)
    run_feature_task(join_task(features), store, ("lab", "t", 0), "cpu")
    assert shards == [0, 1, 1]
    costs = store.record(features.digest).costs
    assert costs.consolidate_flops == 1797 * BODY_FLOPS
    assert costs.cpu_seconds > seconds


def test_features_are_joined_in_the_file_that_the_store_keeps(folder):
    """As safetensors writes them, and no longer in the memory of the process."""
    shapes = {"train": (3, 2), "test": (2, 2), "a": (0, 2)}
    tensors, file = mapped_tensors(shapes, folder)
    drawn = {name: torch.rand(shape) for name, shape in shapes.items()}
    for name, tensor in tensors.items():
        tensor.copy_(drawn[name])
    assert bytes(file) == save(drawn)
    assert list(folder.glob("*tmp*")) == []


def test_damaged_features_are_named_and_computed_again(folder, shards):
    prepare(folder, sweep := load(folder))
    (file,) = (folder / "out" / "stages").glob("??/*/state.safetensors")
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert map_state(features_of(sweep).digest, store_of(folder)) is None
    prepare(folder, sweep)
    assert shards == [0, 1, 0, 1]
    assert file.read_bytes() == whole


# what is learned on them, and its costs


def test_costs_are_those_of_the_head_and_the_body_apart(folder):
    results = run_inline(folder)
    row = results.trials.iloc[0]
    forward = 2 * 12 * 10
    assert row.train_flops == 2 * 32 * 2 * forward
    assert row.saved_flops == 2 * 32 * BODY_FLOPS
    assert row.inference_flops == forward + BODY_FLOPS
    assert row.storage_model_bytes == 4 * 130
    body = sum(t.numel() * t.element_size() for t in build(load(folder)).body.state_dict().values())
    assert row.storage_backbone_bytes == body
    assert row.storage_bytes == row.storage_model_bytes + body


def test_memories_store_features(folder):
    results = run_inline(folder, methods="[{name: er, memory_size: 20}]")
    # A feature is 4 bytes; the label is one.
    assert results.trials.iloc[0].storage_buffer_bytes >= 20 * (4 * 12 + 1)
    stage = load(folder, methods="[{name: er, memory_size: 20}]").trials[0].stages(0)[-1]
    state = store_of(folder).state(stage.key)
    assert state["memory.x"].shape == (20, 12)
    assert state["memory.x"].dtype == torch.float32


# What a method needs that the head alone does not have, and a table of features neither.
NEEDED = re.compile("hidden layer|layers of the body|tokens|transformer|train: adapters")


def test_every_method_learns_on_features_or_says_what_it_needs(folder):
    refused = set()
    for name, method in METHODS.items():
        scenario = min(method.scenarios & {"task", "class"})
        memory = {"memory_size"} & set(method.Config.__dataclass_fields__)
        options = ", memory_size: 100" * len(memory)
        parts = {
            "benchmark": "{name: split_digits, num_tasks: 2, samples_per_task: 24, "
            f"scenario: {scenario}}}",
            "methods": f"[{{name: {name}{options}}}]",
        }
        try:
            stages = load(folder, **parts).trials[0].stages(0)
        except SweepError as error:
            refused |= {name} if NEEDED.search(str(error)) else {f"{name}: {error}"}
            continue
        for stage in stages:
            outcome = compute_order(StageOrder((stage,), ("lab", "t", 0)), store_of(folder))
            assert isinstance(outcome, StageDone), (name, outcome)
    assert {"hat", "pnn"} <= refused <= METHODS.keys() - {"generative_replay"}


@pytest.mark.parametrize(
    ("name", "scenario"),
    [
        ("hat", "task"),
        ("pnn", "task"),
        ("continual_backprop", "class"),
        ("progress_compress", "class"),
        ("memo", "class"),
    ],
)
def test_hidden_layers_serve_methods_that_need_them_on_features_and_images(folder, name, scenario):
    memory = ", memory_size: 100" * (name == "memo")
    parts = {
        "benchmark": "{name: split_digits, num_tasks: 2, samples_per_task: 24, "
        f"scenario: {scenario}}}",
        "network": f"{network_text()[:-1]}, hidden: [5]}}",
        "methods": f"[{{name: {name}{memory}}}]",
    }
    for stage in load(folder, **parts).trials[0].stages(0):
        assert stage.network.config.hidden == (5,)
        assert stage.benchmark.input_shape == (12,)
        outcome = compute_order(StageOrder((stage,), ("lab", "t", 0)), store_of(folder))
        assert isinstance(outcome, StageDone), outcome
    if name == "memo":  # which needs to know the layers of a body
        return
    record = store_of(folder).record(stage.key)
    # Each pass of the layers would have been one of the body.
    passes = record.costs.saved_flops / feature_sets(stage.benchmark)[0].body_flops
    assert passes == int(passes) >= 24


@pytest.mark.parametrize(("name", "scenario"), [("pnn", "task"), ("der_expand", "class")])
def test_what_is_spent_and_saved_is_what_images_cost_in_each_task_of_columns(
    folder, name, scenario
):
    """From the third task on there are columns that the stored state has, not this task."""

    def costs(train: str) -> list[int]:
        options = {"der_expand": ", memory_size: 20, classifier_epochs: 1"}.get(name, "")
        parts = {
            "benchmark": "{name: split_digits, first: 4, step: 3, "
            f"samples_per_task: 24, scenario: {scenario}}}",
            "network": f"{network_text(train)[:-1]}, hidden: [5]}}",
            "methods": f"[{{name: {name}{options}}}]",
        }
        records = []
        for stage in load(folder, **parts).trials[0].stages(0):
            compute_order(StageOrder((stage,), ("lab", "t", 0)), store_of(folder))
            records.append(store_of(folder).record(stage.key).costs)
        return [c.train_flops + c.consolidate_flops + (c.saved_flops or 0) for c in records]

    assert costs("head") == costs("adapters")


def test_hidden_layers_are_between_the_body_and_the_head(folder):
    """A pixel network has them too, with the same costs; what is drawn must learn."""
    text = f"{network_text()[:-1]}, hidden: [5, 4]}}"
    network = build(load(folder, network=text, training="{augment: [flip]}"))
    assert [tuple(p.shape) for p in network.parameters()] == [
        *((5, 12), (5,), (4, 5), (4,), (10, 4), (10,))
    ]
    x = images()
    below = network.frozen(network.normalise(x))
    assert torch.equal(network(x), network.head(network.hidden(below)))
    for wrong, message in (
        (network_text("none"), "network.hidden: layers that are drawn must learn"),
        (network_text(), r"network.hidden: \[0\] must be whole numbers of at least 1"),
    ):
        width = 0 if "least" in message else 5
        with pytest.raises(SweepError, match=message):
            load(folder, network=f"{wrong[:-1]}, hidden: [{width}]}}", methods="[ncm]")


@pytest.mark.parametrize(("backbone", "share"), [("counted", 1), ("apart", 0)])
def test_a_budget_counts_the_body_unless_it_is_apart(folder, backbone, share):
    sweep = load(
        folder,
        methods="[{name: er, memory_size: 20}]",
        means=f"{{storage: 5 kB, backbone: {backbone}}}",
    )
    (trial,) = solve_sweep(sweep, store_of(folder)).trials
    body = build(load(folder)).frozen_bytes
    assert trial.method.config.memory_bytes == 5000 - 4 * 130 - share * body
    assert excludes_body(canonical_json(trial.config)) == (backbone == "apart")


def test_a_sum_without_the_body_says_so_and_adds_up(folder):
    """The head has 130 parameters, so that 519 B are 1 B too few, and 540 B leave 20 B."""
    means = "{storage: {grid: [519 B, 540 B]}, backbone: apart}"
    sweep = load(folder, methods="[finetune, {name: er, memory_size: 20}]", means=means)
    body = build(load(folder)).frozen_bytes
    cells = solve_sweep(sweep, store_of(folder)).cells
    stories = [cell.outcome and cell.outcome[1] for cell in cells]
    start = f"it carries model 520 B (its backbone of {body:,} B is apart), which "
    assert stories[:3] == [f"{start}is 1 B above 519 B", None, f"{start}is 1 B above 519 B"]
    assert stories[3].startswith(f"{start}leaves 20 B of 540 B for its memory, and er has room for")


def test_the_unit_of_computation_trains_the_head_where_nothing_is_trained(folder):
    """A permuted stream has no features, so that fine-tuning is of the pretrained network."""
    permuted = "{name: permuted_digits, num_tasks: 2, scenario: domain, samples_per_task: 32}"
    results = run_inline(
        folder,
        benchmark=permuted,
        network=network_text("none"),
        methods="[ncm]",
        means="{compute: 2}",
    )
    assert results.trials.status.tolist() == ["complete"]
    on_features = load(folder, network=network_text("none"), methods="[ncm]").trials[0]
    with_head = load(folder, methods="[finetune]").trials[0]
    keys = [stage.key for stage in price_trial(with_head).stages(0)]
    assert [stage.key for stage in unit_trial(on_features).stages(0)] == keys


def test_an_audit_computes_features_anew(folder):
    run_inline(folder)
    lines: list[str] = []
    check = Check(store_of(folder), 1e-5, lines.append)
    assert audit(folder / "out", 0.01, 0, check) == 0
    assert any("1024 of them computed anew: the same bits" in line for line in lines)
