"""Optimisers of torch and of one's own, clipping, label smoothing and short last batches."""

import math
import pickle
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from alike import cases
from torch import nn

from methods import METHODS
from methods.base import Config, Examples, Method, Outlook
from methods.testing.blobs import Blobs
from orchestrator.errors import RepertoireError, SweepError
from orchestrator.stages.code.capture import capture_source
from orchestrator.stages.code.optimizer_table import OPTIMIZERS, UNFIT_OPTIMIZERS
from orchestrator.stages.code.source import Source
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.learning.learner import Training, num_steps, train_task
from orchestrator.stages.learning.optimizers import (
    clip_gradients,
    constructor_parameters,
    valid_options,
)
from orchestrator.stages.learning.training import create_training
from orchestrator.stages.learning.training_options import TrainingOptions
from orchestrator.stages.learning.updates import make_optimizer
from orchestrator.sweep.configuration import Configurations
from orchestrator.sweep.sweep import Sweep

pytestmark = pytest.mark.slow

NUMBERS = count()
BLOBS = Blobs(METHODS["finetune"], METHODS["finetune"].Config(), "class")
LION = """\
import torch


class Lion(torch.optim.Optimizer):
    def __init__(self, params, lr=1e-3, weight_decay=0.0, *, scale=1.0, noise: float = 0.0):
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "scale": scale})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.add_(p.grad.sign(), alpha=-group["lr"] * group["scale"])


class NoRate(torch.optim.SGD):
    def __init__(self, params):
        super().__init__(params, lr=0.1)
"""


def train_tasks(method_name: str = "finetune", tasks: int = 2, **options: object) -> torch.Tensor:
    """Return the network's weights after some tasks."""
    cls = METHODS[method_name]
    blobs = replace(BLOBS, method_class=cls, config=cls.Config())
    method = blobs.create_method()
    training = Training(**{"batch_size": 20, "lr": 0.01, **options})
    for index in range(1, tasks + 1):
        view = blobs.view(index)
        view = replace(view, num_steps=num_steps(len(view.examples), training))
        train_task(method, view, training, FlopMeter())
        method.end_task(view)
    return torch.cat([p.detach().flatten() for p in method.network.parameters()])


# Optimisers of torch


def test_every_optimizer_of_torch_is_in_the_table_or_said_to_be_unfit():
    names = {
        name.lower()
        for name, cls in vars(torch.optim).items()
        if isinstance(cls, type) and issubclass(cls, torch.optim.Optimizer)
    }
    assert names <= {*OPTIMIZERS, *UNFIT_OPTIMIZERS, "optimizer"}
    assert not OPTIMIZERS.keys() & UNFIT_OPTIMIZERS.keys()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_of_them_steps_as_torch_has_it(name):
    method, by_hand = BLOBS.create_method(), BLOBS.create_method()
    data = BLOBS.examples(1)
    view = replace(BLOBS.view(1), examples=data)
    training = Training(optimizer=name, lr=0.01, iterations=3, batch_size=len(data))
    train_task(method, view, training, FlopMeter())

    cls = OPTIMIZERS[name]
    optimizer = cls(
        by_hand.parameters(), lr=0.01, **({"weight_decay": 0.0} if name == "adamw" else {})
    )
    by_hand.configure_loss(view.allowed)
    generator = view.stream("data order")
    for _ in range(3):
        order = torch.randperm(len(data), generator=generator)
        optimizer.zero_grad()
        by_hand.task_loss(data[order]).backward()
        optimizer.step()
    before = BLOBS.create_method().state_dict()
    for key, value in by_hand.state_dict().items():
        torch.testing.assert_close(method.state_dict()[key], value, rtol=1e-5, atol=1e-7)
        assert not torch.equal(value, before[key])


def test_options_reach_the_optimizer():
    options = {"name": "sgd", "nesterov": True, "momentum": 0.9, "weight_decay": 0.01}
    optimizer = make_optimizer(BLOBS.create_method(), Training(optimizer=options, lr=0.1))
    assert isinstance(optimizer, torch.optim.SGD)
    expected = {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}
    assert expected.items() <= optimizer.defaults.items()
    adam = make_optimizer(
        BLOBS.create_method(), Training(optimizer={"name": "adam", "betas": [0, 0.5]})
    )
    assert adam.defaults["betas"] == (0.0, 0.5)


def test_both_forms_are_one_training():
    short = Training(optimizer="sgd", momentum=0.9, weight_decay=0.5)
    whole = Training(optimizer={"name": "sgd", "momentum": 0.9, "weight_decay": 0.5})
    assert short == whole
    assert short.content() == whole.content()
    assert Training(optimizer={"name": "adam"}) == Training()
    one, real = (Training(optimizer={"name": "adam", "eps": eps}) for eps in (1, 1.0))
    assert str(one.content()) == str(real.content())


def test_an_option_is_part_of_the_key_and_options_not_used_are_not():
    plain = Training(optimizer="sgd", momentum=0.9)
    nesterov = Training(optimizer={"name": "sgd", "momentum": 0.9, "nesterov": True})
    assert nesterov.content() == {**plain.content(), "optimizer.nesterov": True}
    assert plain.content().keys() == {
        *("epochs", "iterations", "batch_size", "optimizer", "lr", "momentum", "weight_decay"),
        "num_threads",
    }


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (
            {"name": "sgd", "nesterv": True},
            "optimizer.nesterv: unknown option of sgd; did you mean 'nesterov'? valid: dampening, "
            "maximize, momentum, nesterov, weight_decay",
        ),
        (
            {"name": "sgd", "nesterov": True},
            "optimizer.nesterov: sgd refuses True: Nesterov momentum requires a momentum and zero "
            "dampening",
        ),
        (
            {"name": "adam", "betas": [0.9, 1]},
            "optimizer.betas: adam refuses [0.9, 1.0]: Invalid beta parameter at index 1: 1.0",
        ),
        (
            {"name": "sgd", "dampening": "x"},
            "optimizer.dampening must be a finite number, given x",
        ),
        (
            {"name": "sgd", "momentum": 0.9, "nesterov": "no"},
            "optimizer.nesterov must be true or false, given no",
        ),
        ({"name": "adam", "betas": 3}, "optimizer.betas must be a list of 2 numbers, given 3"),
        (
            {"name": "adam", "betas": [0.9, "a"]},
            "optimizer.betas must be a list of 2 numbers, given [0.9, 'a']",
        ),
        (
            {"name": "rprop", "etas": [0.5, 1.2, 2]},
            "optimizer.etas must be a list of 2 numbers, given [0.5, 1.2, 2]",
        ),
        (
            {"name": "adafactor", "eps": [None, None]},
            "optimizer.eps must be a list of 2 numbers, of which 1 may be null, given [None, None]",
        ),
        ({"name": "adam", "momentum": 0.9}, "momentum must be 0, since adam has no momentum"),
        ({"name": "sgd", "momentum": "high"}, "optimizer.momentum must be a number, given high"),
        ({"name": "adam", "lr": 1}, "optimizer.lr must be left out, and given as lr"),
        ({"name": "adam", "fused": True}, "optimizer.fused: unknown option of adam"),
        ("lbfgs", "optimizer: lbfgs evaluates the loss several times a step"),
        ("adm", "optimizer: unknown optimizer 'adm'; did you mean 'adam'? valid: adadelta"),
        ({"nesterov": True}, "optimizer.name must be a name, given None"),
    ],
)
def test_an_optimizer_that_cannot_be_is_refused_in_one_message(optimizer, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the message is compared
        Training(optimizer=optimizer)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("wrong", ["text", None, [], {"a": 1}, [0.5, "a"], float("nan")])
def test_no_option_of_torch_takes_a_value_of_another_kind(name, wrong):
    for option in set(valid_options(OPTIMIZERS[name])) - {"momentum", "weight_decay"}:
        with pytest.raises(ValueError, match=rf"^optimizer\.{option} must be "):
            Training(optimizer={"name": name, option: wrong})


def test_the_defaults_of_torch_are_valid_options():
    for name, cls in OPTIMIZERS.items():
        for option in set(valid_options(cls)) - {"momentum", "weight_decay"}:
            default = constructor_parameters(cls)[option].default
            Training(optimizer={"name": name, option: default})


def test_an_option_that_is_given_twice_is_refused():
    with pytest.raises(ValueError, match="momentum must be given once"):
        Training(optimizer={"name": "sgd", "momentum": 0.9}, momentum=0.5)


def test_weight_decay_is_refused_where_it_would_have_no_effect():
    with pytest.raises(ValueError, match="weight_decay must be 0, since rprop has no weight_decay"):
        Training(optimizer="rprop", weight_decay=0.1)


# Optimisers of one's own


def write_lion(folder: Path, text: str = LION) -> str:
    name = f"lions_{next(NUMBERS)}"
    (folder / f"{name}.py").write_text(text)
    return name


def sweep_with(folder: Path, training: str, more: str = "", methods: str = "[finetune]") -> Sweep:
    text = "name: lab\nbenchmark: {name: split_digits, num_tasks: 2, samples_per_task: 20}\n"
    path = folder / "lab.yaml"
    path.write_text(f"{text}training: {training}\nmethods: {methods}\nseeds: [0]\n{more}")
    return Sweep.load(path)


def test_an_optimizer_of_one_s_own_trains_with_its_options_and_travels(tmp_path):
    module = write_lion(tmp_path)
    sweep = sweep_with(tmp_path, f"{{optimizer: {{name: '{module}:Lion', scale: 0.5}}, lr: 0.01}}")
    training = pickle.loads(pickle.dumps(sweep.trials[0].training))
    method, by_hand = BLOBS.create_method(), BLOBS.create_method()
    view = BLOBS.view(1)
    train_task(method, view, replace(training, batch_size=len(view.examples)), FlopMeter())
    by_hand.configure_loss(view.allowed)
    order = torch.randperm(len(view.examples), generator=view.stream("data order"))
    by_hand.task_loss(view.examples[order]).backward()
    for p, q in zip(method.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(p, q - 0.005 * q.grad.sign())


def test_an_optimizer_of_one_s_own_is_keyed_by_its_source(tmp_path):
    module = write_lion(tmp_path)
    training = f"{{optimizer: '{module}:Lion'}}"

    def key() -> str:
        return sweep_with(tmp_path, training).trials[0].stages(0)[1].key

    first, file = key(), tmp_path / f"{module}.py"
    file.write_text("# a comment\n" + LION)
    assert key() == first
    file.write_text(LION.replace("-group", "-2 * group"))
    assert key() != first
    file.write_text(LION)
    assert key() == first


def test_an_optimizer_of_one_s_own_beside_one_of_torch_in_a_grid(tmp_path):
    module = write_lion(tmp_path)
    sweep = sweep_with(tmp_path, f"{{optimizer: {{grid: [adam, '{module}:Lion']}}}}")
    names = [trial.config["training"]["optimizer"] for trial in sweep.trials]
    assert names == ["adam", f"{module}:Lion"]


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (
            "{{name: '{0}:Lion', scal: 2}}",
            "training.optimizer.scal: unknown option of {0}:Lion; did you mean 'scale'? valid: "
            "noise, scale, weight_decay",
        ),
        ("'{0}:Tiger'", "training.optimizer: optimizer '{0}:Tiger': no class 'Tiger' in"),
        ("'{0}:torch'", "training.optimizer: optimizer '{0}:torch' is not a subclass of torch"),
        ("nowhere_x:Lion", "training.optimizer: optimizer 'nowhere_x:Lion' cannot be imported"),
        (
            "{{name: '{0}:Lion', noise: loud}}",
            "training.optimizer.noise: must be a finite number, given loud",
        ),
        (
            "{{name: '{0}:Lion', noise: 1, scale: large}}",
            "training.optimizer.scale: {0}:Lion refuses large: ",
        ),
        (
            "'{0}:NoRate'",
            "training.optimizer: {0}:NoRate takes no lr; give its constructor that argument",
        ),
        (
            "{{name: '{0}:Lion', momentum: 0.9}}",
            "training.momentum: must be 0, since {0}:Lion has no momentum, given 0.9",
        ),
    ],
)
def test_what_is_wrong_with_an_optimizer_of_one_s_own_is_said_when_the_sweep_is_read(
    optimizer, message, tmp_path
):
    module = write_lion(tmp_path)
    with pytest.raises(SweepError) as error:
        sweep_with(tmp_path, f"{{optimizer: {optimizer.format(module)}}}")
    (mistake,) = error.value.mistakes
    assert mistake.startswith(message.format(module))


def test_without_a_sweep_the_code_is_captured(tmp_path, monkeypatch):
    module = write_lion(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    by_name = Training(optimizer=f"{module}:Lion")
    given = Training(optimizer=f"{module}:Lion", source=capture_source([f"{module}:Lion"]))
    assert by_name.content() == given.content()


# Clipping


def gradients(*values: list[float]) -> list[nn.Parameter]:
    parameters = [nn.Parameter(torch.zeros(len(value))) for value in values]
    for parameter, value in zip(parameters, values, strict=True):
        parameter.grad = torch.tensor(value)
    return parameters


def test_the_norm_is_that_of_all_gradients_together():
    clipped = gradients([3.0, 0.0], [4.0])  # a norm of 5
    clip_gradients(clipped, 1.0)
    assert clipped[0].grad.tolist() == pytest.approx([0.6, 0.0], rel=1e-5)
    assert clipped[1].grad.tolist() == pytest.approx([0.8], rel=1e-5)
    short = gradients([0.3, 0.0], [0.4])
    clip_gradients(short, 1.0)
    assert torch.equal(short[0].grad, torch.tensor([0.3, 0.0]))
    assert torch.equal(short[1].grad, torch.tensor([0.4]))


def test_a_gradient_that_a_method_keeps_is_not_clipped():
    (parameter,) = gradients([3.0, 4.0])
    kept = parameter.grad
    clip_gradients([parameter], 1.0)
    assert kept.tolist() == [3.0, 4.0]


def test_a_step_goes_as_far_as_the_norm_allows():
    method, view = BLOBS.create_method(), BLOBS.view(1)
    before = torch.cat([p.detach().clone().flatten() for p in method.parameters()])
    training = Training(optimizer="sgd", lr=1.0, clip=1e-3, iterations=1)
    train_task(method, view, training, FlopMeter())
    after = torch.cat([p.detach().flatten() for p in method.parameters()])
    assert float((after - before).norm()) == pytest.approx(1e-3, rel=1e-3)


@pytest.mark.parametrize("method", ["finetune", "er", "gem"])
def test_a_norm_that_no_gradient_reaches_changes_no_bit(method):
    assert torch.equal(train_tasks(method, clip=1e30), train_tasks(method))
    assert torch.equal(train_tasks(method, clip=math.inf), train_tasks(method))
    assert not torch.equal(
        train_tasks(method, clip=1e-3, optimizer="sgd"), train_tasks(method, optimizer="sgd")
    )


def test_no_limit_is_the_training_without_the_option():
    assert Training(clip=math.inf) == Training(clip=None) == Training()


def test_the_path_integral_of_si_has_the_gradient_before_it_is_clipped():
    si = METHODS["si"]
    blobs = replace(BLOBS, method_class=si, config=si.Config())
    method, view = blobs.create_method(), blobs.view(1)
    start = [p.detach().clone() for p in method.network.parameters()]
    training = Training(optimizer="sgd", lr=0.1, clip=0.01, iterations=1, batch_size=48)
    method.configure_loss(view.allowed)
    order = torch.randperm(len(view.examples), generator=view.stream("data order"))
    raw = torch.autograd.grad(
        method.task_loss(view.examples[order]), list(method.network.parameters())
    )
    train_task(method, view, training, FlopMeter())
    fall = method._path.fall
    parameters = dict(method.network.named_parameters())
    assert fall
    gradients_by_name = dict(zip(parameters, raw, strict=True))
    starts = dict(zip(parameters, start, strict=True))
    for name in fall:
        expected = gradients_by_name[name] * (starts[name] - parameters[name].detach())
        torch.testing.assert_close(fall[name], expected, rtol=1e-3, atol=1e-9)


# Label smoothing


class Fixed(Method):
    """A method whose network returns its input."""

    def __init__(self) -> None:
        super().__init__(nn.Flatten(), Config(), Outlook(4, (4, 1, 1)))


LOGITS = torch.tensor([[2.0, 0.5, -1.0, 0.0], [0.1, 0.2, 0.3, 0.4]])
LABELS = torch.tensor([0, 3])
# Outputs 0 to 2 compete with label 0, all with label 3.
ALLOWED = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]], dtype=torch.bool)


def test_smoothed_labels_are_spread_evenly_over_the_outputs_that_compete():
    method = Fixed()
    method.configure_loss(ALLOWED, 0.3)
    loss = method.task_loss(Examples(LOGITS, LABELS))
    by_hand = 0.0
    for row, label, outputs in zip(
        LOGITS.tolist(), LABELS.tolist(), [[0, 1, 2], [0, 1, 2, 3]], strict=True
    ):
        total = math.log(sum(math.exp(row[k]) for k in outputs))
        target = {k: 0.3 / len(outputs) + (0.7 if k == label else 0.0) for k in outputs}
        by_hand -= sum(share * (row[k] - total) for k, share in target.items()) / 2
    assert float(loss) == pytest.approx(by_hand, rel=1e-6)


def test_where_all_outputs_compete_it_is_torch_s_own():
    method = Fixed()
    logits = LOGITS.clone().requires_grad_()
    method.configure_loss(None, 0.1)
    ours = method.task_loss(Examples(LOGITS, LABELS), logits)
    torchs = F.cross_entropy(logits, LABELS, label_smoothing=0.1)
    torch.testing.assert_close(ours, torchs)
    (one,) = torch.autograd.grad(ours, logits)
    (other,) = torch.autograd.grad(torchs, logits)
    torch.testing.assert_close(one, other)


def test_outputs_that_do_not_compete_get_no_gradient():
    method = Fixed()
    logits = LOGITS.clone().requires_grad_()
    method.configure_loss(ALLOWED, 0.3)
    method.task_loss(Examples(LOGITS, LABELS), logits).backward()
    assert logits.grad.isfinite().all()
    assert logits.grad[0, 3] == 0
    assert (logits.grad[1] != 0).all()


@pytest.mark.parametrize(
    "method",
    cases([(m,) for m, cls in METHODS.items() if cls.takes_steps and "class" in cls.scenarios]),
)
def test_smoothing_of_0_changes_no_bit_and_of_a_tenth_changes_all_with_a_cross_entropy(method):
    usual = train_tasks(method, tasks=1)
    assert torch.equal(train_tasks(method, tasks=1, label_smoothing=0.0), usual)
    same = torch.equal(train_tasks(method, tasks=1, label_smoothing=0.1), usual)
    assert same == (method in ("icarl", "podnet"))


@pytest.mark.parametrize("method", ["hat", "pnn", "packnet", "independent"])
def test_methods_of_the_task_scenario_smooth_labels_too(method):
    cls = METHODS[method]
    blobs = Blobs(cls, cls.Config(), "task")

    def weights(**options: float) -> torch.Tensor:
        learner = blobs.create_method()
        view = replace(blobs.view(1), num_steps=4)
        train_task(learner, view, Training(iterations=4, **options), FlopMeter())
        return torch.cat([p.detach().flatten() for p in learner.parameters()])

    assert not torch.equal(weights(label_smoothing=0.1), weights())


# The last batch of an epoch


@pytest.mark.parametrize(
    ("examples", "kept", "dropped"), [(8, 2, 2), (9, 3, 2), (11, 3, 2), (4, 1, 1), (3, 1, 1)]
)
def test_a_short_last_batch_is_left_out_unless_it_is_the_only_one(examples, kept, dropped):
    assert num_steps(examples, Training(batch_size=4)) == kept
    assert num_steps(examples, Training(batch_size=4, drop_last=True)) == dropped
    view = replace(BLOBS.view(1), examples=BLOBS.examples(1)[:examples])
    for training, steps in (
        (Training(batch_size=4), kept),
        (Training(batch_size=4, drop_last=True), dropped),
    ):
        samples = train_task(
            BLOBS.create_method(), view, replace(training, epochs=3), FlopMeter()
        ).samples
        taken = min(4 * steps, examples)
        assert samples == 3 * taken


# Costs


def test_the_options_cost_no_flops():
    def flops(**options: object) -> int:
        meter = FlopMeter()
        train_task(BLOBS.create_method(), BLOBS.view(1), Training(batch_size=16, **options), meter)
        return meter.total

    assert flops() == flops(clip=0.1, label_smoothing=0.1, schedule="cosine", optimizer="nadam") > 0


# In a sweep


def mistakes_of(folder: Path, training: str) -> tuple[str, ...]:
    with pytest.raises(SweepError) as error:
        sweep_with(folder, training)
    assert error.value.exit_code == 2
    return error.value.mistakes


def test_a_sweep_reports_all_mistakes_of_its_training_with_their_places(tmp_path):
    training = "{clip: 0, label_smoothing: 1, drop_last: 2, schedule: {name: cosine, warmup: 3}}"
    assert mistakes_of(tmp_path, training) == (
        "training.drop_last: must be true or false, given 2",
        "training.clip: must be above 0, given 0.0",
        "training.label_smoothing: must be in [0, 1), given 1.0",
        "training.schedule.warmup: must be in [0, 1), less than the epochs of training, given 3.0",
    )


RANDOM = "search: {algorithm: random, num_trials: 4}\n"


def test_spaces_within_the_schedule_and_the_optimizer_are_searched_like_others(tmp_path):
    training = (
        "{epochs: 4, clip: {loguniform: [0.1, 10]}, optimizer: {name: sgd, nesterov: true, "
        "momentum: {uniform: [0.5, 0.9]}}, schedule: {name: {choice: [cosine, exponential]}, "
        "gamma: {uniform: [0.8, 0.9], when: {name: exponential}}}}"
    )
    (group,) = sweep_with(tmp_path, training, RANDOM).groups
    assert list(group.space) == [
        *("training.clip", "training.momentum", "training.schedule.name"),
        "training.schedule.gamma",
    ]
    point = {"training.clip": 2.0, "training.momentum": 0.75, "training.schedule.name": "cosine"}
    cosine = group.build_trial(point, (0,)).training
    assert cosine.schedule == {"name": "cosine", "warmup": 0.0, "min_lr": 0.0}
    assert (cosine.clip, cosine.momentum) == (2.0, 0.75)
    more = {"training.schedule.name": "exponential", "training.schedule.gamma": 0.85}
    fading = group.build_trial({**point, **more}, (0,)).training
    assert fading.schedule == {"name": "exponential", "warmup": 0.0, "gamma": 0.85}
    assert fading.optimizer == {"name": "sgd", "nesterov": True}


def test_a_grid_within_the_schedule_compares_trials_with_columns_of_their_own(tmp_path):
    training = (
        "{epochs: 4, schedule: {name: multistep, milestones: [2], gamma: {grid: [0.1, 0.5]}}}"
    )
    configs = [trial.config["training"] for trial in sweep_with(tmp_path, training).trials]
    assert [config["schedule.gamma"] for config in configs] == [0.1, 0.5]
    assert {config["schedule"] for config in configs} == {"multistep"}


def test_a_space_whose_ends_do_not_fit_is_refused(tmp_path):
    training = "{epochs: {choice: [5, 10]}, schedule: {name: multistep, milestones: [6]}}"
    with pytest.raises(SweepError, match="between 0 and 5, the epochs of training"):
        sweep_with(tmp_path, training, RANDOM)
    with pytest.raises(SweepError, match=r"schedule\.gamma: a uniform needs a search"):
        sweep_with(tmp_path, "{schedule: {name: exponential, gamma: {uniform: [0.8, 0.9]}}}")


def test_values_that_change_from_task_to_task_reach_options_within(tmp_path):
    training = (
        "{epochs: 2, optimizer: {name: sgd, nesterov: true, momentum: 0.5}, schedule: cosine}"
    )
    (trial,) = sweep_with(tmp_path, training).trials
    steps = [{"training.schedule.min_lr": low, "training.lr": 0.1} for low in (0.0, 0.01)]
    changing = replace(trial, schedule=tuple(steps))
    stages = changing.stages(0)
    assert [stage.training.schedule["min_lr"] for stage in stages[1:]] == [0.0, 0.01]
    assert "schedule.min_lr" not in changing.config["training"]
    assert changing.config["training"]["schedule"] == "cosine"
    fixed = replace(trial, training=replace(trial.training, lr=0.1))
    assert stages[1].key == fixed.stages(0)[1].key


def test_a_path_of_tune_names_an_option_within(tmp_path):
    sweep = sweep_with(tmp_path, "{epochs: 4, schedule: cosine, optimizer: sgd}")
    configurations = Configurations.from_sweep(sweep)
    trial = configurations.trial(
        {
            "training.schedule.min_lr": 1e-5,
            "training.optimizer.momentum": 0.9,
            "training.optimizer.nesterov": True,
            "training.label_smoothing": 0.1,
        }
    )
    whole = (
        "{epochs: 4, schedule: {name: cosine, min_lr: 1.0e-5}, label_smoothing: 0.1, "
        "optimizer: {name: sgd, momentum: 0.9, nesterov: true}}"
    )
    (listed,) = sweep_with(tmp_path, whole).trials
    assert trial.identity == listed.identity
    with pytest.raises(
        RepertoireError, match=r"training\.schedule\.gamma: unknown option of cosine"
    ):
        configurations.trial({"training.schedule.gamma": 0.5})
    with pytest.raises(RepertoireError, match=r"unknown path 'training\.scedule"):
        configurations.trial({"training.scedule.gamma": 0.5})


def test_a_training_of_a_file_is_that_of_its_options() -> None:
    optimizer = {"name": "sgd", "momentum": 0.5}
    options = TrainingOptions(optimizer=optimizer, lr=1, schedule="cosine", augment=("flip",))
    training = create_training(options, Source({}))
    assert training == Training(**vars(options))
    assert (training.momentum, training.lr, training.content()["optimizer"]) == (0.5, 1.0, "sgd")
