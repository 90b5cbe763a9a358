"""Training in bfloat16, and with compiled networks."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from alike import SMALL, cases
from test_optimizers import mistakes_of, sweep_with
from torch import nn

from methods import METHODS
from methods.testing.blobs import Blobs
from methods.testing.equality import copy_state, unequal_entries
from orchestrator.errors import RepertoireError
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.learning.forward_pass import require_compiler
from orchestrator.stages.learning.learner import Training, train_task
from orchestrator.stages.measurement import flop_meters

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
MEMORIES = ("er", "er_ace", "mir", "der", "derpp", "agem", "gem", "icarl", "gdumb", "wa", "lucir")
IN_CLASSES = [n for n, cls in METHODS.items() if cls.takes_steps and "class" in cls.scenarios]
IN_TASKS = [n for n, cls in METHODS.items() if "class" not in cls.scenarios]


def blobs_of(name):
    cls = METHODS[name]
    sizes = {"memory_size": 12} if name in MEMORIES else {}
    config = cls.Config(**sizes, **SMALL.get(name, {}))
    blobs = Blobs(cls, config, "class" if name in IN_CLASSES else "task", batch_norm=False)
    return replace(blobs, config=cls.with_defaults(config, blobs.setting("mlp")))


def train_method(name="finetune", meter=None, **options):
    blobs = blobs_of(name)
    method = blobs.create_method()
    training = Training(**{"batch_size": 16, "lr": 0.05, "optimizer": "sgd", **options})
    for index in (1, 2):
        view = replace(blobs.view(index), num_steps=6)
        train_task(method, view, training, meter or FlopMeter())
        method.end_task(view)
        if index == 1 and blobs.method_class.starts_afresh:
            method = blobs.create_method()
    return copy_state(method.state_dict())


@pytest.mark.parametrize("name", cases([(name,) for name in (*IN_CLASSES, *IN_TASKS)]))
def test_every_method_learns_in_bf16_with_a_state_in_float32(name):
    plain, bf16 = train_method(name), train_method(name, precision="bf16")
    assert {n: t.dtype for n, t in bf16.items()} == {n: t.dtype for n, t in plain.items()}
    assert {n: t.shape for n, t in bf16.items()} == {n: t.shape for n, t in plain.items()}
    # The gradient of a memory decides which step is taken, centroids which examples are theirs.
    if name not in ("agem", "gem", "podnet"):
        # Where the body is frozen, the head alone learns.
        learns = "network.head" if METHODS[name].needs_tokens else "network.body"
        first = next(name for name in plain if name.startswith(learns))
        for weight in ("network.head.weight", first):
            assert unequal_entries({weight: plain[weight]}, {weight: bf16[weight]})
            assert torch.allclose(plain[weight], bf16[weight], atol=0.05)


def test_products_are_in_bf16_and_losses_in_float32():
    kinds = []

    class Watching(METHODS["finetune"]):
        def loss(self, batch):
            hidden = self.network.body(batch.x.flatten(1) / 255)
            logits = self.network(batch.x)
            loss = self.task_loss(batch, logits)
            kinds.append((hidden.dtype, logits.dtype, loss.dtype))
            return loss

    blobs = replace(blobs_of("finetune"), method_class=Watching)
    method = blobs.create_method()
    train_task(method, blobs.view(1), Training(precision="bf16", iterations=1), FlopMeter())
    assert kinds == [(torch.bfloat16, torch.float32, torch.float32)]
    assert method.network(blobs.view(1).examples.x).dtype == torch.float32
    assert not method.network._forward_hooks


def test_flops_are_those_of_float32():
    meters = [FlopMeter() for _ in range(2)]
    train_method(meter=meters[0])
    train_method(meter=meters[1], precision="bf16")
    assert meters[0].total == meters[1].total > 0


def test_each_is_part_of_the_key_and_left_out_where_it_is_not_used(tmp_path):
    plain = Training().content()
    assert not {"precision", "compile"} & plain.keys()
    assert Training(precision="float32", compile=False).content() == plain
    assert Training(precision="bf16").content() == {**plain, "precision": "bf16"}
    assert Training(compile=True).content() == {**plain, "compile": True}
    (line,) = mistakes_of(tmp_path, "{precision: fp16}")
    assert line == "training.precision: must be float32 or bf16, given fp16"


# Compiled networks


@pytest.fixture
def compiled(monkeypatch):
    """Compile with the backend that traces networks but needs no compiler, and count the calls."""
    calls = []
    compile_network = nn.Module.compile

    def compile_quickly(network):
        calls.append(network)
        compile_network(network, backend="aot_eager")

    monkeypatch.setattr(nn.Module, "compile", compile_quickly)
    return calls


def test_a_compiled_network_learns_the_same_and_is_as_before_afterwards(compiled):
    meters = [FlopMeter() for _ in range(2)]
    plain = train_method(meter=meters[0])
    fast = train_method(meter=meters[1], compile=True)
    assert len(compiled) == 2  # tasks
    assert all(network._compiled_call_impl is None for network in compiled)
    assert all(torch.allclose(plain[name], fast[name], atol=1e-5) for name in plain)
    assert meters[0].total == meters[1].total


@pytest.mark.variant
@pytest.mark.timeout(600)  # a compiler takes minutes on processors that others use
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")
def test_the_code_of_the_compiler_learns_the_same_twice():
    first, again = (train_method(compile=True) for _ in range(2))
    assert not unequal_entries(first, again)
    assert all(torch.allclose(first[n], tensor, atol=1e-4) for n, tensor in train_method().items())


def test_the_first_steps_are_counted_anew_in_each_stage_so_that_none_depends_on_another(tmp_path):
    for training, known in (("{batch_size: 16}", True), ("{batch_size: 16, compile: true}", False)):
        stage = sweep_with(tmp_path, training).trials[0].stages(0)[1]
        work = partial(torch.mm, torch.ones(2, 2), torch.ones(2, 2))
        flop_meters(stage)["train"].measure("a step", work)
        later, counted = flop_meters(stage)["train"], []
        later.counting = lambda: counted.append(1) or torch.no_grad()  # noqa: B023
        later.measure("a step", work)
        assert bool(counted) is not known


def test_without_a_compiler_a_stage_says_what_is_missing(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(RepertoireError, match=r"none of g\+\+, clang\+\+, c\+\+ is on the path"):
        train_method(compile=True)
    monkeypatch.setenv("CXX", "/opt/mine")
    with pytest.raises(RepertoireError, match=r"CXX is '/opt/mine'; install one, or leave compile"):
        require_compiler(CPU)
    require_compiler(torch.device("cuda"))
