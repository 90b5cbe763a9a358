"""Energy: counters of sockets and of a GPU, their overflow, and their absence."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from orchestrator.stages import energy
from orchestrator.stages.energy import Counter, EnergyMeter, PacedReading, find_counters


def make_zone(folder: Path, zone: str, name: str, microjoules: int, limit: int = 999) -> Path:
    """Write the files of a zone as the kernel shows them; return that of its counter."""
    (folder / zone).mkdir(parents=True)
    (folder / zone / "name").write_text(f"{name}\n")
    (folder / zone / "max_energy_range_uj").write_text(f"{limit}\n")
    (folder / zone / "energy_uj").write_text(f"{microjoules}\n")
    return folder / zone / "energy_uj"


def test_sockets_are_added_and_their_parts_and_the_platform_are_not(tmp_path: Path) -> None:
    first = make_zone(tmp_path, "intel-rapl:0", "package-0", 100)
    second = make_zone(tmp_path, "intel-rapl:1", "package-1", 500)
    cores = make_zone(tmp_path, "intel-rapl:0:0", "core", 0)
    platform = make_zone(tmp_path, "intel-rapl:2", "psys", 0)
    meter = EnergyMeter(find_counters("cpu", tmp_path))
    meter.start()
    for file, value in ((first, 130), (second, 540), (cores, 900), (platform, 900)):
        file.write_text(str(value))
    meter.stop()
    assert meter.joules == pytest.approx(70e-6)
    first.write_text("900")  # between two phases
    meter.start()
    first.write_text("905")
    meter.stop()
    assert meter.joules == pytest.approx(75e-6)


def test_a_counter_that_starts_again_at_0_has_gone_through_its_range(tmp_path: Path) -> None:
    file = make_zone(tmp_path, "intel-rapl:0", "package-0", 990, limit=999)
    meter = EnergyMeter(find_counters("cpu", tmp_path))
    meter.start()
    file.write_text("4")  # 990 .. 999, 0 .. 4
    meter.stop()
    assert meter.joules == pytest.approx(14e-6)


def test_a_counter_is_read_meanwhile_so_that_no_overflow_is_missed() -> None:
    values = [0, 600, 200, 800]  # through the range of 1000 once, between two readings
    meter = EnergyMeter([Counter(lambda: values.pop(0) if len(values) > 1 else values[0], 1, 999)])
    meter._interval = 1e-4
    meter.start()
    while len(values) > 1:
        time.sleep(1e-3)
    meter.stop()
    assert meter.joules == 1800


def test_without_a_counter_that_can_be_read_there_is_no_figure_and_not_0(tmp_path: Path) -> None:
    assert find_counters("cpu", tmp_path / "absent") == []
    file = make_zone(tmp_path, "intel-rapl:0", "package-0", 1)
    file.write_text("")
    make_zone(tmp_path, "intel-rapl:1", "package-1", 1)
    assert find_counters("cpu", tmp_path) == []  # of one socket alone it would look like less
    meter = EnergyMeter([])
    meter.start()
    meter.stop()
    assert meter.joules is None


def test_a_counter_that_fails_or_falls_without_a_limit_leaves_no_figure() -> None:
    for values in ([5, None], [5, 3]):
        meter = EnergyMeter([Counter(iter(values).__next__, 1.0)])
        meter.start()
        meter.stop()
        assert meter.joules is None


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A library that counts 1500 mJ between two readings, of the GPU that CUDA shows."""
    readings = iter(range(10_000, 100_000, 1_500))
    fake = SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=lambda uuid: uuid,
        nvmlDeviceGetTotalEnergyConsumption=lambda handle: {"GPU-ab-12": next(readings)}[handle],
    )
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    properties = SimpleNamespace(uuid="ab-12")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    monkeypatch.setattr(energy, "GPU_PERIOD_SECONDS", 0.0)
    caches = (energy._gpu_handle, energy.gpu_counter)
    for each in caches:
        each.cache_clear()
    yield fake
    for each in caches:
        each.cache_clear()


def test_a_gpu_has_nvmls_counter(nvml: SimpleNamespace) -> None:
    meter = EnergyMeter(find_counters("cuda:0"))
    meter.start()
    meter.stop()
    assert meter.joules == pytest.approx(1.5)


def test_readings_within_a_period_are_one_and_stages_in_turn_lose_none_of_the_energy() -> None:
    counted, clock = [0], [0.0]
    reading = PacedReading(lambda: counted[0], 0.1, lambda: clock[0])
    meters = [EnergyMeter([Counter(reading, 1.0)]) for _ in range(30)]
    for meter in meters:  # of 0.04 s, in which 7 units are used
        meter.start()
        counted[0], clock[0] = counted[0] + 7, clock[0] + 0.04
        meter.stop()
    joules = [meter.joules or 0.0 for meter in meters]
    assert joules == [0.0, 0.0, 21.0] * 10
    assert sum(joules) == counted[0]


def test_a_part_of_a_gpu_has_none(nvml: SimpleNamespace) -> None:
    def refuse(handle: str) -> int:
        raise RuntimeError("Not Supported")

    nvml.nvmlDeviceGetTotalEnergyConsumption = refuse
    assert find_counters("cuda:0") == []
