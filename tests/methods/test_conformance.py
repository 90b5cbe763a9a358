"""Every method keeps the contract, and the suite notices those that do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch

from methods import METHODS, base, conformance, testing
from methods.agem import AGEM
from methods.base import Method
from methods.bic import BiC
from methods.coda_prompt import CodaPrompt
from methods.continual_backprop import ContinualBackprop
from methods.der import DER
from methods.der_expand import DERExpand
from methods.derpp import DERPP
from methods.er import ER
from methods.ewc import EWC
from methods.gdumb import GDumb
from methods.gem import GEM
from methods.generative_replay import GenerativeReplay
from methods.icarl import ICaRL
from methods.knn import KNN
from methods.l2 import L2
from methods.l2p import L2P
from methods.lora import InfLoRA
from methods.lucir import LUCIR
from methods.lwf import LwF
from methods.mas import MAS
from methods.memo import MEMO
from methods.mir import MIR
from methods.podnet import PODNet
from methods.ranpac import RanPAC
from methods.rwalk import RWalk
from methods.si import SI
from methods.slca import SLCA
from methods.testing.conformance import assert_conforms
from methods.wa import WA

# A method for each kind of state goes through all its scenarios, as every method does in
# `make test-storm`; the others through one, all three in turn. The golden numbers hold them all.
KINDS = {"finetune", "joint", "ewc", "lwf", "er", "icarl"}
CASES = [
    pytest.param(
        name,
        scenario,
        marks=[] if name in KINDS or place == turn % len(cls.scenarios) else [pytest.mark.variant],
    )
    for turn, (name, cls) in enumerate(METHODS.items())
    for place, scenario in enumerate(sorted(cls.scenarios))
]
# Where the default is large: the contract does not depend on the size.
SMALL = {
    "generative_replay": GenerativeReplay.Config(hidden=(24,), latent_size=4),
    "gem": GEM.Config(memory_size=18),
    "ranpac": RanPAC.Config(projection=24),
    "knn": KNN.Config(memory_size=12),
    "continual_backprop": ContinualBackprop.Config(replacement_rate=0.1, maturity=2),
    "icarl": ICaRL.Config(memory_size=12),
    "wa": WA.Config(memory_size=12),
    "der_expand": DERExpand.Config(memory_size=12, classifier_epochs=2),
    "memo": MEMO.Config(memory_size=12),
    "podnet": PODNet.Config(memory_size=12, balanced_epochs=2),
    "lucir": LUCIR.Config(memory_size=12),
    "bic": BiC.Config(memory_size=60, correction_epochs=5),
    "l2p": L2P.Config(pool=3, top=2, length=1),
    "coda_prompt": CodaPrompt.Config(components=2, length=2),
    "lora": InfLoRA.Config(rank=2),
    "slca": SLCA.Config(alignment_epochs=1, per_class=4),
}
VARIANTS = [
    (EWC, EWC.Config(lam=1000, mode="offline")),
    (EWC, EWC.Config(gamma=0.5, penalise_head=True, normalise=True)),
    (EWC, EWC.Config(labels="sampled", num_samples=10)),
    (EWC, EWC.Config(labels="empirical")),
    (SI, SI.Config(c=1000, xi=0.01, penalise_head=True)),
    (MAS, MAS.Config(lam=10, accumulate="mean", penalise_head=True)),
    (RWalk, RWalk.Config(lam=10, alpha=0.5, interval=2, penalise_head=True)),
    (L2, L2.Config(lam=10, penalise_head=True)),
    (LwF, LwF.Config(warm_up_epochs=1, scale_by_tasks=True, distil_over="all")),
    (LwF, LwF.Config(lam=3, temperature=0.5, scale_by_temperature=True)),
    (ER, ER.Config(memory_size=7)),
    (ER, ER.Config(memory_size=30, replay_batch_size=25)),
    (ER, ER.Config(memory_size=11, policy="class_balanced")),
    (ER, ER.Config(memory_size=1000, policy="class_balanced", replay_batch_size=3)),
    (ER, ER.Config(memory_bytes=400, policy="ring")),
    (ER, ER.Config(memory_per_class=3, policy="class_balanced", updates_per_batch=2)),
    (ER, ER.Config(memory_size=20, weighting="tasks")),
    (ER, ER.Config(memory_size=20, weighting="tasks", asymmetric=True)),
    (MIR, MIR.Config(memory_size=30, replay_batch_size=5, virtual_lr=0.3)),
    (DER, DER.Config(memory_size=13, alpha=0.3, replay_batch_size=5)),
    (DERPP, DERPP.Config(memory_bytes=900, alpha=0, beta=2)),
    (GEM, GEM.Config(memory_size=20, margin=0)),
    (GEM, GEM.Config(memory_bytes=500, margin=2, ridge=0.1)),
    (AGEM, AGEM.Config(memory_size=9, policy="ring", replay_batch_size=4)),
    (GDumb, GDumb.Config(memory_size=11, passes=2)),
    (LUCIR, LUCIR.Config(memory_bytes=300, lam_base=0, margin_weight=0)),
    (BiC, BiC.Config(memory_bytes=1200, held_out_share=0.3, correction_epochs=3)),
    (KNN, KNN.Config(memory_bytes=400, k=1, metric="euclidean")),
    (ER, ER.Config(memory_size=20, codec="png")),
    (ICaRL, ICaRL.Config(memory_size=20, codec="jpeg")),
    (DER, DER.Config(memory_size=20, logits_dtype="float16", codec="jpeg")),
    (EWC, EWC.Config(state_dtype="int8", mode="offline")),
    (EWC, EWC.Config(state_dtype="bfloat16")),
    (SI, SI.Config(state_dtype="int8")),
    (WA, WA.Config(memory_bytes=300, exemplar_passes=1, positive_weights=False)),
    (L2P, L2P.Config(pool=2, top=2, length=2, body_tasks=2)),
    (CodaPrompt, CodaPrompt.Config(components=9, length=2, ortho=1.0, body_tasks=1)),
    (InfLoRA, InfLoRA.Config(rank=8, share=1.0, body_tasks=1)),
    (SLCA, SLCA.Config(slow=0.5, alignment_epochs=0)),
]


def test_the_suite_has_one_place_and_its_former_path_still_works():
    assert testing.assert_conforms is assert_conforms
    assert conformance.assert_conforms is assert_conforms


@pytest.mark.parametrize(("name", "scenario"), CASES)
def test_every_method_keeps_the_contract_in_every_scenario_it_serves(name, scenario):
    assert_conforms(METHODS[name], SMALL.get(name), scenario)


@pytest.mark.variant
@pytest.mark.parametrize("number", range(len(VARIANTS)))
def test_variants_of_the_methods_keep_it_too(number):
    method, config = VARIANTS[number]
    scenario = ("class", "domain")[number % 2]
    assert_conforms(method, config, scenario if scenario in method.scenarios else "class")


class KeepsSomethingOutsideItsState(Method):
    count = 0

    def end_task(self, task):
        self.count += 1
        with torch.no_grad():
            self.network.head.bias.add_(self.count)


class DiffersFromRunToRun(Method):
    runs = 0

    def end_task(self, task):
        type(self).runs += 1
        with torch.no_grad():
            self.network.head.bias.add_(self.runs)


class PredictsFromOutsideItsState(Method):
    tasks = 0

    def end_task(self, task):
        self.tasks += 1

    def predict(self, x, task):
        return self.network(x) + self.tasks


class DrawsFromTheGlobalGenerator(Method):
    def begin_task(self, task):
        torch.rand(1)


class StoresWithoutACategory(Method):
    def __init__(self, network, config, outlook):
        super().__init__(network, config, outlook)
        self.register_buffer("surprise", torch.zeros(1))


class SharesMemory(Method):
    storage: ClassVar = {"twin": "anchor"}

    def __init__(self, network, config, outlook):
        super().__init__(network, config, outlook)
        self.register_buffer("twin", network.head.bias.detach())


class HidesWork(Method):
    steps = 0

    def after_step(self, batch):
        self.steps += 1
        if self.steps % 2 == 0:
            self.network(batch.x)


class MeasuresInTrainingMode(Method):
    def end_task(self, task):
        self.network.train()
        self.network(task.examples.x)


class LeavesEvaluationMode(Method):
    def end_task(self, task):
        self.network.eval()


class ClaimsTooMuch(Method):
    @dataclass(frozen=True, kw_only=True)
    class Config(base.Config):
        scale: float = 1.0

    inert_on_first_task = frozenset({"scale"})

    def loss(self, batch):
        return self.config.scale * self.task_loss(batch)


class IsNeverFineTuning(ClaimsTooMuch):
    inert_on_first_task = frozenset()
    strength = "scale"


class OverflowsItsMemory(ER):
    def end_task(self, task):
        self.memory.x = task.examples.x.clone()


class ReplaysItsTask(Method):
    """Trains on all that the task has shown, which is no memory of `methods.parts`."""

    def begin_task(self, task):
        self.shown = task.examples[:0]

    def loss(self, batch):
        return self.task_loss(batch + self.shown)

    def after_step(self, batch):
        self.shown = self.shown + batch

    def step_kind(self):
        return len(self.shown)


class SaysWhatItReplays(ReplaysItsTask):
    class Config(base.Config):
        stores_repeats = True

        def num_drawn(self, batch_size):
            return 10**6


class DrawsMoreThanItSays(ER):
    @dataclass(frozen=True, kw_only=True)
    class Config(ER.Config):
        replay_batch_size: int = 30

        def num_drawn(self, batch_size):
            return batch_size


def test_a_method_that_declares_what_it_draws_conforms():
    assert_conforms(SaysWhatItReplays, scenario="class")
    assert_conforms(ER, ER.Config(memory_size=40, replay_batch_size=30), scenario="class")
    again = DER.Config(memory_size=200, replay_batch_size=90, offered="every_epoch")
    assert_conforms(DER, again, scenario="class")


@pytest.mark.parametrize(
    ("method", "story"),
    [
        (ReplaysItsTask, r"Config.num_drawn\(batch_size\) must return the most stored examples"),
        (DrawsMoreThanItSays, "4 examples were shown, and later up to"),
        (KeepsSomethingOutsideItsState, "saving and loading changed the result of task 2"),
        (DiffersFromRunToRun, "two runs differ after task 1"),
        (PredictsFromOutsideItsState, "depend on more than the state"),
        (DrawsFromTheGlobalGenerator, "a global random generator was used"),
        (StoresWithoutACategory, "no storage category for surprise"),
        (SharesMemory, "shares its memory"),
        (HidesWork, "step_kind must tell them apart"),
        (MeasuresInTrainingMode, "changed the network's running statistics"),
        (LeavesEvaluationMode, "left the network in another mode"),
        (ClaimsTooMuch, "scale is declared inert on the first task, but changes it"),
        (IsNeverFineTuning, "IsNeverFineTuning with scale 0 is no fine-tuning"),
    ],
)
def test_the_suite_says_what_is_wrong_with_a_method(method, story):
    with pytest.raises(AssertionError, match=story):
        assert_conforms(method, scenario="class")


def test_the_suite_notices_a_memory_beyond_its_size():
    with pytest.raises(AssertionError, match="memory_size is 5"):
        assert_conforms(OverflowsItsMemory, ER.Config(memory_size=5), scenario="class")


def test_the_suite_refuses_a_scenario_the_method_does_not_serve():
    with pytest.raises(AssertionError, match="Independent does not serve class"):
        assert_conforms(METHODS["independent"], scenario="class")
