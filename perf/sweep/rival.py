"""The rival of a sweep: a Trainable for plain Ray Tune as its user would write it.

Each step learns a task with a bare loop: normalised tensors in memory, fused Adam, evaluation in
batches of 1,024, no keys, no costs, no record, nothing of Repertoire. Run as a program, so that its
processes import nothing else:

    python rival.py DATA.npz FOLDER SETTING (JSON)
"""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from ray import init, shutdown, tune
from torch import Tensor, nn

EVALUATION_BATCH = 1024

Setting = dict[str, Any]
Part = tuple[Tensor, Tensor]


class BareTrainable(tune.Trainable):
    """Learns one task per step and reports the mean accuracy on all tasks."""

    def setup(self, config: dict[str, Any], data: str, setting: Setting) -> None:
        """Read the data, and build the network."""
        torch.set_num_threads(1)
        self.setting = setting
        arrays = {name: torch.from_numpy(array) for name, array in np.load(data).items()}
        self.parts = {
            name[:-2]: (arrays[name], arrays[f"{name[:-2]}_y"])
            for name in arrays
            if name.endswith("_x")
        }
        self.masks = arrays["masks"]
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Begin another trial in this process."""
        torch.manual_seed(new_config["seed"])  # noqa: TID251 (as a user of Tune would)
        widths = self.setting["widths"]
        layers: list[nn.Module] = []
        for wide, narrow in pairwise(widths):
            layers += [nn.Linear(wide, narrow), nn.ReLU()]
        self.net = nn.Sequential(*layers[:-1])
        self.lr, self.task = new_config["lr"], 0
        return True

    def step(self) -> dict[str, Any]:
        """Learn the next task, and evaluate on all."""
        self.learn(self.parts[f"{self.task}-train"], self.masks[self.task])
        self.task += 1
        return {"acc": sum(self.evaluate()) / len(self.masks)}

    def learn(self, part: Part, mask: Tensor) -> None:
        """Train on a task; `mask` is true at outputs that do not compete."""
        x, y = part
        optimizer = torch.optim.Adam(self.net.parameters(), lr=self.lr, fused=True)
        for _ in range(self.setting["epochs"]):
            for index in torch.randperm(len(y)).split(self.setting["batch_size"]):
                scores = self.net(x[index]).masked_fill(mask, float("-inf"))
                loss = F.cross_entropy(scores, y[index])
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()

    @torch.inference_mode()
    def evaluate(self) -> list[float]:
        """Return the accuracy on each task's test data; validation data are scored too."""
        row = []
        for task, mask in enumerate(self.masks):
            for split in ("validation", "test"):
                x, y = self.parts[f"{task}-{split}"]
                correct, loss = 0, 0.0
                for start in range(0, len(y), EVALUATION_BATCH):
                    rows = slice(start, start + EVALUATION_BATCH)
                    scores = self.net(x[rows]).masked_fill(mask, float("-inf"))
                    correct += int((scores.argmax(dim=1) == y[rows]).sum())
                    loss += float(F.cross_entropy(scores, y[rows], reduction="sum"))
            row.append(correct / len(y))
        return row


def main(data: str, folder: str, setting: Setting) -> None:
    """Run the grid of learning rates and seeds, a processor a trial."""
    init(include_dashboard=False, log_to_driver=False)
    trainable = tune.with_parameters(BareTrainable, data=data, setting=setting)
    tune.Tuner(
        tune.with_resources(trainable, {"cpu": 1}),
        param_space={
            "lr": tune.grid_search(setting["rates"]),
            "seed": tune.grid_search(setting["seeds"]),
        },
        tune_config=tune.TuneConfig(reuse_actors=setting["reuse_actors"]),
        run_config=tune.RunConfig(
            stop={"training_iteration": setting["num_tasks"]},
            storage_path=folder,
            verbose=0,
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
        ),
    ).fit()
    shutdown()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))
