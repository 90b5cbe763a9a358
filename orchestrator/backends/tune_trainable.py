"""A trial of Ray Tune whose step learns one task of a sweep, through the stage store.

Trials share nothing but the store: a common beginning is computed once. Trials report figures on
validation data only, since schedulers and searchers select by them.
"""

from __future__ import annotations

import json
import platform
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import ray
from ray import tune

from orchestrator.columns import FLOPS, METRICS, PHASE_SECONDS, compute_flops
from orchestrator.errors import RepertoireError
from orchestrator.hashing import parse_json
from orchestrator.results.folder.places import open_store
from orchestrator.search.score import Scorer
from orchestrator.stages.leased_store import LeasedStore
from orchestrator.stages.record import Record
from orchestrator.stages.stage import Stage
from orchestrator.stages.storage.store import StageStore
from orchestrator.sweep.configuration import Configurations
from orchestrator.sweep.objective.objective import Objective
from orchestrator.sweep.spaces.nesting import value_at
from orchestrator.sweep.sweep import Sweep
from orchestrator.sweep.trial import Trial

CHECKPOINT = "stage.json"
REPORTED_COSTS = ("storage_bytes", *FLOPS)
# Hyperparameters that may differ between tasks, and so between a trial and the stage it adopts.
PER_TASK = ("method.", "training.")


class StageTrainable(tune.Trainable):
    """Learns one task per step. `orchestrator.tune.trainable` creates a subclass for a sweep.

    Attributes:
        configurations: of the sweep file, with the user's own code that it names.
        store_uri: the stage store.
        cpus, gpus: resources of a trial, unless `tune.with_resources` sets others.
    """

    configurations: ClassVar[Configurations]
    store_uri: ClassVar[str]
    cpus: ClassVar[float]
    gpus: ClassVar[float]

    @classmethod
    def default_resource_request(cls, config: dict[str, Any]) -> tune.PlacementGroupFactory:
        """Return the sweep's `resources` of a stage."""
        bundle = {"CPU": cls.cpus, **({"GPU": cls.gpus} if cls.gpus else {})}
        return tune.PlacementGroupFactory([bundle])

    def setup(self, config: dict[str, Any]) -> None:
        """Set the trial to a configuration, before its first task."""
        self._own = self.configurations.values(config)
        self._trial = self.configurations.trial(config)
        store = StageStore(self.store_uri)
        self._leased_store = LeasedStore(
            store=store,
            owner=f"{platform.node()}/{uuid.uuid4().hex}",
            computed_for=(self.configurations.name, self._trial.trial_id, self._trial.seeds[0]),
            device="cuda" if ray.is_initialized() and ray.get_gpu_ids() else "cpu",
        )
        self._scorer = Scorer(store, Objective(("acc",), ("max",)))
        self._set_position(self._trial, 0)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Set the trial to another configuration, so that Tune can reuse this process."""
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Learn the next task; return the figures over the tasks so far."""
        first = not self._tasks
        self._tasks += 1
        if first:  # stage 0 has the row of the untrained network, the first of R
            self._leased_store.obtain(self._stages[:1])
        record, computed = self._leased_store.obtain(self._stages[: self._tasks + 1])
        over = self._tasks == len(self._stages) - 1 or record.status == "diverged"
        return {
            **self._report(record),
            "tasks": self._tasks,
            "status": record.status,
            "key": record.key,
            "computed": computed,
            "done": over,
        }

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Write the key of the last stage, and the hyperparameters of each task up to it."""
        content = {
            "key": self._stages[self._tasks].key,
            "method": self._trial.method.name,
            "steps": self._steps[: self._tasks],
        }
        Path(checkpoint_dir, CHECKPOINT).write_text(json.dumps(content), encoding="utf-8")

    def load_checkpoint(self, checkpoint: str | dict[str, Any] | None) -> None:
        """Continue from a stage of this trial or another, with this trial's hyperparameters.

        Raises:
            RepertoireError: the stage is of another method, benchmark, network or seed.
        """
        content = read_checkpoint(Path(str(checkpoint)))
        steps = content["steps"]
        if content["method"] != self._trial.method.name:
            raise RepertoireError(
                f"a trial of {self._trial.method.name} cannot continue from a stage of "
                f"{content['method']}: method.name cannot change from task to task"
            )
        self._continue_from(steps)
        # The key has all that a stage depends on: one comparison finds any difference.
        if self._stages[len(steps)].key != content["key"]:
            raise RepertoireError(
                f"stage {content['key'][:8]} is of another benchmark, network, seed or version, so "
                "this trial cannot continue from it; only method.* and training.* can change from "
                "task to task"
            )

    def _continue_from(self, steps: list[dict[str, Any]]) -> None:
        """Set a schedule: the hyperparameters of `steps`, then this trial's for later tasks."""
        rest = self._task_values()
        places = {place for step in [*steps, rest] for place in step}
        # A value that is missing on one side is the sweep file's.
        defaults = self._defaults({p for p in places if any(p not in s for s in [*steps, rest])})
        whole = [{**defaults, **step} for step in steps]
        num_tasks = self._trial.benchmark.num_tasks
        schedule = (*whole, *[{**defaults, **rest}] * (num_tasks - len(steps)))
        self._set_position(replace(self._trial, schedule=schedule if places else ()), len(steps))
        self._steps = [*steps, *[rest] * (num_tasks - len(steps))]

    def _defaults(self, places: set[str]) -> dict[str, Any]:
        """Return the sweep file's values of some fields of the method and the training."""
        if not places:  # the file may have a space for each value that is given
            return {}
        trial = self.configurations.trial({k: v for k, v in self._own.items() if k not in places})
        # Only these two may change from task to task (PER_TASK).
        configs = {"method": trial.method.config, "training": trial.training}
        return {
            place: value_at(configs[place.partition(".")[0]], place.partition(".")[2])
            for place in places
        }

    def _task_values(self) -> dict[str, Any]:
        return {
            place: value
            for place, value in self._own.items()
            if place.startswith(PER_TASK) and place != "method.name"
        }

    def _set_position(self, trial: Trial, tasks: int) -> None:
        self._tasks = tasks
        self._steps = [self._task_values()] * trial.benchmark.num_tasks
        self._stages: tuple[Stage, ...] = trial.stages(trial.seeds[0])

    def _report(self, record: Record) -> dict[str, Any]:
        """Return metrics over the tasks so far, the row of R and the costs of the chain so far."""
        if record.status == "diverged":
            unknown = dict.fromkeys(
                (*METRICS, *REPORTED_COSTS, "compute_flops", "seconds"), float("nan")
            )
            return unknown | {"row": []}
        figures = self._scorer.figures(self._stages, self._tasks)
        row = [record.evaluation[key]["validation"].accuracy for key in self._stages[0].task_keys]
        return {name: figures[name] for name in (*METRICS, *REPORTED_COSTS)} | {
            "compute_flops": compute_flops(figures),
            "seconds": self._seconds(),
            "row": row,
        }

    def _seconds(self) -> float:
        """Return the seconds of the stages so far, including those read from the store."""
        records = (self._scorer.record(stage) for stage in self._stages[: self._tasks + 1])
        return float(sum(getattr(r.costs, name) for r in records if r for name in PHASE_SECONDS))


def read_checkpoint(folder: Path) -> dict[str, Any]:
    """Return {"key", "method", "steps"} of a trial's checkpoint.

    Raises:
        RepertoireError: it is none.
    """
    try:
        content = parse_json((folder / CHECKPOINT).read_text(encoding="utf-8"))
        texts = {name: str(content[name]) for name in ("key", "method")}
        return {**texts, "steps": [dict(values) for values in content["steps"]]}
    except (ValueError, KeyError, TypeError) as error:
        raise RepertoireError(f"{folder / CHECKPOINT} is no checkpoint of a trial") from error


def create_trainable(sweep: str | Path | Sweep, store: str | Path | None) -> type[StageTrainable]:
    """Return the trainable of a sweep; see `orchestrator.tune.trainable`."""
    loaded = sweep if isinstance(sweep, Sweep) else Sweep.load(sweep)
    configurations = Configurations.from_sweep(loaded)
    if configurations.content["benchmark"].get("validation", 0.1) == 0:
        raise RepertoireError(
            f"{loaded.name}: a trial of Tune reports validation data; give benchmark.validation a "
            "share"
        )
    return type(
        "".join(part.capitalize() for part in loaded.name.split("_")),
        (StageTrainable,),
        {
            "__doc__": f"A trial of the sweep {loaded.name}; its step learns one task.",
            "configurations": configurations,
            "store_uri": open_store(Path("results"), None if store is None else str(store)).uri,
            "cpus": loaded.resources.cpus,
            "gpus": loaded.resources.max_gpus,
        },
    )
