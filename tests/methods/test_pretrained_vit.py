"""A small transformer, trained on four digits and then pretrained for the other six.

The weights go through a file, and the body is no part of the state, as with a large one.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from alike import cases
from safetensors.torch import save_file

from methods.base import Examples, Outlook, TaskView
from methods.finetune import Finetune
from methods.testing.blobs import stream
from orchestrator.benchmarks.datasets.dataset import load_dataset
from orchestrator.networks.base import NetworkShape
from orchestrator.networks.networks import build_network
from orchestrator.networks.vit import ViTTiny
from orchestrator.stages.costs import FlopMeter
from orchestrator.stages.learning.learner import Training, num_steps, train_task
from orchestrator.stages.run_stage import evaluate_state, run_stage
from orchestrator.sweep.sweep import Sweep

pytestmark = pytest.mark.slow

BASE = 4
SIZES = {"patch": 4, "width": 24, "depth": 2, "heads": 2, "expansion": 2}
SWEEP = """\
name: pretrained_vit
benchmark: {{name: split, data: {{npz: others.npz}}, scenario: class, num_tasks: 3}}
network: {{name: pretrained, backbone: {{name: vit_tiny, patch: 4, width: 24, depth: 2, heads: 2,
  expansion: 2}}, weights: vit.safetensors, train: adapters, input: {{mean: [0.3], std: [0.4]}}}}
training: {{epochs: 6, batch_size: 64, lr: 1.0e-2}}
methods: [{method}]
seeds: [0]
"""
METHODS = {
    "l2p": "{name: l2p, pool: 5, top: 2, length: 1}",
    "coda_prompt": "{name: coda_prompt, components: 4, length: 2}",
    "lora": "{name: lora, rank: 4, share: 0.8}",
    "slca": "{name: slca, per_class: 64, alignment_lr: 0.05}",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the weights, and the images of the digits that they were not trained on."""
    folder = tmp_path_factory.mktemp("vit")
    data = load_dataset("digits")
    x, y = data.train_x, data.train_y
    others, own = y >= BASE, y < BASE
    np.savez(folder / "others.npz", train_x=x[others].squeeze(1).numpy(), train_y=y[others].numpy())
    shape = NetworkShape(tuple(x.shape[1:]), BASE, (0.3,), (0.4,))
    network = build_network(ViTTiny, ViTTiny.Config(**SIZES), shape, seed=0)
    training = Training(epochs=20, batch_size=64, lr=3e-3)
    view = TaskView(1, (0, 1, 2, 3), Examples(x[own], y[own]), None, lambda name: stream(0, name))
    view = replace(view, num_steps=num_steps(len(view.examples), training))
    method = Finetune(network, Finetune.Config(), Outlook(BASE, shape.input_shape))
    train_task(method, view, training, FlopMeter())
    save_file(network.body.state_dict(), folder / "vit.safetensors")
    return folder


def learn(folder, method):
    """Learn the three tasks; return the last stage, its state, and the accuracies of each task."""
    path = folder / "sweep.yaml"
    path.write_text(SWEEP.format(method=method))
    (trial,) = Sweep.load(path).trials
    state = None
    for stage in trial.stages(0):
        state, record = run_stage(stage, state, ("test", method, 0))
    return stage, state, [record.evaluation[key]["test"].accuracy for key in stage.task_keys]


@pytest.fixture(scope="module")
def forgotten(folder):
    """The accuracies of fine-tuning the head alone."""
    return learn(folder, "finetune")[2]


@pytest.mark.parametrize("name", cases([(name,) for name in METHODS], unlike=["slca"]))
def test_a_method_remembers_what_a_head_that_is_fine_tuned_forgets(folder, forgotten, name):
    stage, state, accuracies = learn(folder, METHODS[name])
    assert forgotten[0] < 0.1
    assert accuracies[0] > forgotten[0] + 0.15
    if name in ("lora", "slca"):
        assert sum(accuracies) > sum(forgotten) + 0.1
    assert not any(entry.startswith("network.body") for entry in state)
    evaluation = evaluate_state(stage, state, stage.task_keys)
    assert [evaluation[key]["test"].accuracy for key in stage.task_keys] == accuracies
