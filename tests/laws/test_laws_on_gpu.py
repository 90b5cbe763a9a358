"""The laws on a GPU: the same bits each time, however a chain is cut, and one store for both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from lab import Lab
from typer.testing import CliRunner

from orchestrator.cli.app import app
from orchestrator.results.load import load
from orchestrator.stages import switches

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
]
ON_GPU = "{gpus: 1}"
METHODS = "[finetune, ewc, si, mas, rwalk, lwf, er, der, agem, gem, icarl, generative_replay]"
PARTS = {
    "mlp": {},
    "resnet18": {"network": "{name: resnet18}"},
    "vit_tiny": {"network": "{name: vit_tiny, width: 12, depth: 1}"},
    "bf16": {"training": "{batch_size: 16, precision: bf16}"},
    "augmented": {
        "training": "{batch_size: 16, augment: [pad_crop, flip, cutout], clip: 1.0, "
        "schedule: cosine, keep_optimizer: true}"
    },
    "sgd": {"training": "{batch_size: 16, optimizer: {name: sgd, nesterov: true}, momentum: 0.9}"},
}


@pytest.mark.parametrize("parts", PARTS)
def test_a_sweep_gives_the_same_bits_each_time(parts: str, make_lab: Callable[[], Lab]) -> None:
    labs = [make_lab().ask(METHODS, resources=ON_GPU, **PARTS[parts]) for _ in range(2)]
    for lab in labs:
        assert lab.run().failed == 0
    first, second = labs
    assert first.files("state.safetensors") == second.files("state.safetensors")
    stages = load(first.out).stages
    assert set(stages["device"]) == {torch.cuda.get_device_name()}
    assert (stages["gpu_seconds"] > 0).all()
    assert (stages["peak_memory_bytes"] > 0).all()


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_compiled_stages_give_the_same_bits_each_time(make_lab: Callable[[], Lab]) -> None:
    training = "{batch_size: 16, compile: true}"
    labs = [make_lab().ask("[finetune, er]", resources=ON_GPU, training=training) for _ in "ab"]
    for lab in labs:
        assert lab.run().failed == 0
    assert labs[0].files("state.safetensors") == labs[1].files("state.safetensors")


def test_a_chain_begun_on_one_device_is_continued_on_the_other(lab: Lab) -> None:
    lab.ask("[ewc, er, icarl]", benchmark="{name: split_digits, num_tasks: 2}")
    lab.run()
    assert lab.ask("[ewc, er, icarl]", resources=ON_GPU, **two_tasks()).run().num_computed == 0
    for path in latest_stages(lab):
        path.unlink()
    assert lab.run().num_computed == 3
    devices = load(lab.out).stages.groupby("after")["device"].unique()
    assert list(devices[2]) == [torch.cuda.get_device_name()]
    assert list(devices[1]) == ["cpu"]


def two_tasks() -> dict[str, str]:
    return {"benchmark": "{name: split_digits, num_tasks: 2}"}


def latest_stages(lab: Lab) -> list[Path]:
    """Return the records and states of the stages after the second task."""
    keys = load(lab.out).stages.query("after == 2")["key"]
    return [path for key in keys for path in (lab.out / "stages" / key[:2] / key).iterdir()]


def test_reproduce_says_how_far_a_gpu_is_from_a_cpu(lab: Lab) -> None:
    lab.ask("[finetune]").run()
    lab.ask("[finetune]", resources=ON_GPU).run()
    answer = CliRunner().invoke(app, ["reproduce", str(lab.out / "lab"), "finetune"])
    assert "equal within" in answer.output or "different" in answer.output
    assert torch.cuda.get_device_name() in answer.output


def test_switches_of_the_process_are_put_back(lab: Lab) -> None:
    before = [switch.read() for switch in switches.SWITCHES]
    lab.ask("[finetune]", resources=ON_GPU).run()
    assert [switch.read() for switch in switches.SWITCHES] == before


def test_a_stage_that_takes_more_memory_than_the_gpu_has_fails_alone(lab: Lab) -> None:
    greedy = lab.method("""
        import torch
        class Mine(Finetune):
            def begin_task(self, task):
                total = torch.cuda.get_device_properties(0).total_memory
                self.room = torch.empty(2 * total, dtype=torch.uint8, device="cuda")
    """)
    lab.ask(f"[{greedy}, finetune]", resources=ON_GPU).run()
    trials = load(lab.out).trials.set_index("method")
    assert trials.loc["finetune", "status"] == "complete"
    story = trials.loc[greedy.strip("'"), "story"]
    assert "OutOfMemoryError" in story
    assert "CUDA out of memory" in story
