"""A trial of a sweep file by the paths of its hyperparameters, as Ray Tune's config names them."""

from pathlib import Path

import numpy as np
import pytest

from orchestrator.errors import RepertoireError
from orchestrator.sweep.configuration import Configurations
from orchestrator.sweep.sweep import Sweep

SWEEP = """
name: lab
benchmark: {name: split_digits, num_tasks: 5, samples_per_task: 20, scenario: task}
network: {name: mlp, hidden: [8]}
training: {batch_size: 8, iterations: 2, lr: 0.01}
methods: [{name: ewc, lam: {loguniform: [1, 100]}}, {name: er, memory_size: 10}]
seeds: [3, 4]
search: {algorithm: random, num_trials: 2}
"""


def configurations(folder: Path, text: str = SWEEP) -> Configurations:
    path = folder / "lab.yaml"
    path.write_text(text)
    return Configurations.from_sweep(Sweep.load(path))


def test_a_configuration_names_the_trial_that_the_sweep_file_would_have_with_these_values(
    tmp_path: Path,
) -> None:
    trial = configurations(tmp_path).trial(
        {"method.name": "ewc", "method.lam": 10, "training.lr": np.float64(0.1), "seed": 7}
    )
    plain = SWEEP.replace("{loguniform: [1, 100]}", "10").replace("lr: 0.01", "lr: 0.1")
    plain = plain.replace("search: {algorithm: random, num_trials: 2}", "")
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "lab.yaml").write_text(plain.replace("[3, 4]", "[7]"))
    listed = Sweep.load(tmp_path / "plain" / "lab.yaml").trials[0]
    assert trial.trial_id == listed.trial_id
    assert trial.seeds == (7,)
    assert [s.key for s in trial.stages(7)] == [s.key for s in listed.stages(7)]


def test_sections_may_be_nested_and_the_seed_is_the_sweeps_first_unless_given(
    tmp_path: Path,
) -> None:
    both = configurations(tmp_path)
    nested = both.trial({"method": {"name": "er", "memory_size": 30}, "network": {"hidden": (4,)}})
    flat = both.trial({"method.name": "er", "method.memory_size": 30, "network.hidden": [4]})
    assert nested.trial_id == flat.trial_id
    assert nested.seeds == (3,)


def test_the_stream_has_paths_as_well(tmp_path: Path) -> None:
    text = SWEEP.replace("num_tasks: 5,", "step: 4, order: {seed: 1993, generator: numpy},")
    both = configurations(tmp_path, text)
    values = {"method.name": "er", "benchmark.order.seed": 5, "benchmark.imbalance": 0.5}
    benchmark = both.trial(values).benchmark
    assert (str(benchmark.order), benchmark.imbalance) == ("{seed: 5, generator: numpy}", 0.5)
    assert [len(task.classes) for task in benchmark.tasks()] == [4, 4, 2]


def test_a_path_that_only_another_method_has_changes_nothing(tmp_path: Path) -> None:
    both = configurations(tmp_path)
    with_lam = both.trial({"method.name": "er", "method.lam": 5.0})
    assert with_lam.trial_id == both.trial({"method.name": "er"}).trial_id


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"method.name": "er", "training.learning_rate": 1}, "unknown path 'training.learning"),
        ({"method.name": "ewc", "method.lambda": 1}, "did you mean 'method.lam'?"),
        ({"method.name": "ewcc"}, "did you mean 'ewc'?"),
        ({"method.lam": 1}, "choose one by method.name: er, ewc"),
        ({"method.name": "ewc"}, "method.lam: is a space in the file; give a value"),
        ({"method.name": "ewc", "method.lam": "x"}, 'must be a number, given "x"'),
        ({"method.name": "er", "training.lr": -1.0}, "training.lr"),
        ({"method.name": "er", "seed": -1}, "seed"),
    ],
)
def test_mistakes_are_refused_with_what_is_valid(
    tmp_path: Path, config: dict[str, object], message: str
) -> None:
    with pytest.raises(RepertoireError) as refused:
        configurations(tmp_path).trial(config)
    assert message in str(refused.value)


def test_a_grid_of_the_file_needs_a_value(tmp_path: Path) -> None:
    text = SWEEP.replace("memory_size: 10", "memory_size: {grid: [10, 20]}")
    both = configurations(tmp_path, text)
    with pytest.raises(RepertoireError, match="compares a grid"):
        both.trial({"method.name": "er"})
    assert both.trial({"method.name": "er", "method.memory_size": 20}).method.config.memory_size


def test_a_sweep_with_means_has_no_single_configurations(tmp_path: Path) -> None:
    with pytest.raises(RepertoireError, match="lab: means: a single configuration has no cell"):
        configurations(tmp_path, SWEEP + "means: {storage: 1 MB}\n")
