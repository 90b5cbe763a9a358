"""CPU seconds of methods on the features of a frozen body: the first with its features, the next.

The body is a small convolutional network with drawn weights on digits at 32 by 32 pixels: what
counts is the work, not the accuracy. Each method runs in the process that has the features, as the
stages of a worker do. Prints one line of JSON.

    python -m perf.features [--size 32]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from safetensors.torch import save_file

from orchestrator.networks.base import NetworkShape
from orchestrator.networks.cifar_resnet import ResNet32
from orchestrator.networks.networks import build_network
from orchestrator.stages.outcomes import StageDone
from orchestrator.stages.storage.store import StageStore
from orchestrator.stages.worker import StageOrder, compute_order
from orchestrator.sweep.sweep import Sweep

SWEEP = """
name: features
benchmark: {{name: split_digits, scenario: class, num_tasks: 5}}
network:
  name: pretrained
  backbone: resnet32
  weights: body.safetensors
  input: {{size: {size}, mean: [0.3], std: [0.4]}}
training: {{epochs: 1, batch_size: 32}}
methods: [ncm, ranpac, {{name: er, memory_size: 200}}, finetune]
seeds: [0]
"""


def main() -> None:
    """Print the seconds of each method, and how many times cheaper the next is than the first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=32, help="of the images, in pixels")
    size = parser.parse_args().size
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shape = NetworkShape((1, size, size), 10, (0.3,), (0.4,))
        body = build_network(ResNet32, ResNet32.Config(), shape, 0)
        save_file(body.state_dict(), folder / "body.safetensors")
        (folder / "sweep.yaml").write_text(SWEEP.format(size=size))
        sweep, store = Sweep.load(folder / "sweep.yaml"), StageStore(str(folder / "stages"))
        seconds = {trial.method.name: run(trial, store) for trial in sweep.trials}
    (_, first), *rest = seconds.items()
    times = {f"times_{name}": round(first / other) for name, other in rest}
    print(json.dumps({"size": size, **seconds, **times}))


def run(trial, store) -> float:  # type: ignore[no-untyped-def]
    """Return the CPU seconds of a trial, with the features that it is the first to need."""
    stages = trial.stages(0)
    started = time.process_time()
    for stage in stages:
        outcome = compute_order(StageOrder((stage,), ("features", trial.trial_id, 0)), store)
        if not isinstance(outcome, StageDone):
            raise SystemExit(outcome)
    return round(time.process_time() - started, 3)


if __name__ == "__main__":
    main()
