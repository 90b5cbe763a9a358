"""Schedules of the user's own: a file beside the sweep, `module:Class`."""

import itertools
import json
import pickle
from math import pi
from pathlib import Path

import numpy as np
import pytest
import torch

import orchestrator as rp
from orchestrator.errors import RepertoireError, SweepError
from orchestrator.stages.learning.schedules import Span, create_lr_scheduler
from orchestrator.stages.learning.training import Training
from orchestrator.sweep.sweep import Sweep

RESTARTS = '''
from dataclasses import dataclass
from math import cos, pi

from orchestrator.stages.learning.schedules import Schedule


@dataclass(frozen=True, kw_only=True)
class Restarts(Schedule):
    """Half a cosine over each `period` epochs (Loshchilov & Hutter 2017)."""

    period: float = 1
    depth: float = 1

    def check_options(self, lr, length, unit):
        if self.period > length:
            raise ValueError(f"period must be at most {length:g} {unit}, given {self.period:g}")
        self.depth / self.period

    def decay(self, step, warm, span):
        steps = self.period * span.unit
        return 1 - self.depth * (1 - cos(pi * ((step - warm) % steps) / steps)) / 2


class Odd(Schedule):
    def decay(self, step, warm, span):
        return float("nan") if step == 3 else 1.0


class Silent(Schedule):
    pass


class Bare(Restarts):
    rest: float = 0.5


class Plain:
    pass
'''
NUMBERS = itertools.count()


@pytest.fixture
def module(tmp_path) -> str:
    name = f"rates_{next(NUMBERS)}"
    (tmp_path / f"{name}.py").write_text(RESTARTS)
    return name


def sweep_with(folder: Path, training: str) -> Sweep:
    path = folder / "lab.yaml"
    path.write_text(
        "name: lab\nbenchmark: {name: split_digits, num_tasks: 2, samples_per_task: 20}\n"
        f"training: {{epochs: 4, batch_size: 5, lr: 0.5, {training}}}\n"
        "methods: [finetune]\nseeds: [0]\n"
    )
    return Sweep.load(path)


def training_with(folder: Path, training: str) -> Training:
    return sweep_with(folder, training).trials[0].training


def test_its_factors_are_those_of_its_formula_also_where_it_was_sent_to(tmp_path, module):
    given = f"schedule: {{name: '{module}:Restarts', period: 2, warmup: 1}}"
    training = pickle.loads(pickle.dumps(training_with(tmp_path, given)))
    schedule, span = training.read_schedule(), Span(lr=0.5, steps=16, unit=4)
    factors = [schedule.factor(step, span) for step in range(16)]
    cosine = (1 + np.cos(pi * (np.arange(12) % 8) / 8)) / 2
    np.testing.assert_allclose(factors, [0.25, 0.5, 0.75, 1.0, *cosine], rtol=1e-12)
    assert training.describe()["schedule"] == f"{module}:Restarts"
    assert training.describe()["schedule.period"] == 2.0


def test_it_is_keyed_by_its_source_and_its_options(tmp_path, module):
    def key(options: str = "") -> str:
        given = f"schedule: {{name: '{module}:Restarts'{options}}}"
        return sweep_with(tmp_path, given).trials[0].stages(0)[1].key

    first, file = key(), tmp_path / f"{module}.py"
    assert key(", period: 1.0") == first != key(", period: 2")
    file.write_text("# a comment\n" + RESTARTS)
    assert key() == first
    file.write_text(RESTARTS.replace("/ 2\n", "/ 3\n"))
    assert key() != first


def test_with_factors_of_1_it_trains_as_the_constant_rate_does(tmp_path, module):
    given = f"{{grid: [constant, {{name: '{module}:Restarts', depth: 0}}]}}"
    sweep_with(tmp_path, f"schedule: {given}")
    results = rp.Sweep.from_file(tmp_path / "lab.yaml").run(out=tmp_path / "o", backend="inline")
    constant, own = results.trials["acc"]
    assert constant == own
    code = [json.loads(each).get("schedule", "") for each in results.trials["code"]]
    assert [each.partition("/")[0] for each in code] == ["", f"{module}:Restarts"]


def test_a_factor_that_is_no_rate_stops_the_stage_and_says_where(tmp_path, module):
    schedule = training_with(tmp_path, f"schedule: '{module}:Odd'").read_schedule()
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    scheduler = create_lr_scheduler(schedule, optimizer, Span(0.5, 16, 4))
    optimizer.step()
    scheduler.step()
    scheduler.step()
    with pytest.raises(RepertoireError, match=r"Odd: its factor at step 3 of 16 must be .* nan"):
        scheduler.step()


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ("'{0}:Restart'", "schedule: schedule '{0}:Restart': no class 'Restart' in "),
        ("'{0}:Plain'", "schedule: schedule '{0}:Plain' is not a subclass of orchestrator"),
        ("'{0}:Silent'", "schedule: {0}:Silent must define decay(self, step, warm, span)"),
        ("'{0}:Bare'", "schedule: {0}:Bare has options but is no dataclass; put @dataclass(frozen"),
        ("'{0}:Schedule.name'", "schedule: unknown schedule '{0}:Schedule.name'; "),
        ("'nowhere:Rates'", "schedule: schedule 'nowhere:Rates' cannot be imported: "),
        (
            "{{name: '{0}:Restarts', perod: 2}}",
            "schedule.perod: unknown option of {0}:Restarts; did you mean 'period'? valid: depth, "
            "period, warmup",
        ),
        (
            "{{name: '{0}:Restarts', period: long}}",
            "schedule.period: must be a finite number, given long",
        ),
        (
            "{{name: '{0}:Restarts', period: 5}}",
            "schedule.period: must be at most 4 epochs, given 5",
        ),
        (
            "{{name: '{0}:Restarts', period: 0}}",
            "schedule: {0}:Restarts refuses its options: ZeroDivisionError: ",
        ),
    ],
)
def test_what_is_wrong_with_it_is_said_when_the_sweep_is_read(schedule, message, tmp_path, module):
    with pytest.raises(SweepError) as error:
        sweep_with(tmp_path, f"schedule: {schedule.format(module)}")
    assert f"training.{message.format(module)}" in str(error.value)
