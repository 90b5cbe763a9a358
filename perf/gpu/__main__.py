"""What a GPU is worth: one run, many, packed; against a bare loop, the CPU, fresh processes.

Every figure is a ratio to a named rival, measured in turn in this process: the median and the
range, without the first time, from an idle device to an idle device. Data are scikit-learn's
digits, and made images of the shapes of Fashion-MNIST and of CIFAR. Without a GPU the parts that
need none are run. A part begins only while there are seconds left.

    python -m perf.gpu [--seconds 140] [--rounds 3] [PART ...]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from perf.gpu.cases import Case, digits_case, mlp_case, resnet_case
from perf.gpu.compiled import print_compiled
from perf.gpu.devices import print_devices
from perf.gpu.graphs import print_graphs
from perf.gpu.many import print_many
from perf.gpu.one_run import print_one_run
from perf.gpu.share import print_shares
from perf.gpu.syncs import print_waits

NEEDS_GPU = ("waits", "shares", "graphs", "compiled")
PARTS = ("waits", "one", "many", "devices", "shares", "graphs", "compiled")


def describe_device() -> str:
    """Return the device that the figures are of."""
    cores = f"{os.cpu_count()} CPU cores, torch {torch.__version__}"
    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()}, {cores}, CUDA {torch.version.cuda}"
    return f"no GPU: torch {torch.__version__} finds none; the CPU part follows ({cores})"


def make_cases(folder: Path, gpu: bool) -> dict[str, Case]:
    """Return the cases by name; those of the CPU part are small."""
    small = {"digits": digits_case(), "small mlp": mlp_case(folder, 10_000)}
    if not gpu:
        return small
    return small | {
        "mlp": mlp_case(folder, 60_000),
        "resnet": resnet_case(folder, 10_000),
        "small resnet": resnet_case(folder, 1_500),
    }


def make_parts(
    cases: dict[str, Case], device: str, rounds: int, left: Callable[[], float]
) -> dict[str, Callable[[], None]]:
    """Return the parts by name, in their order."""
    gpu = device == "cuda"
    usual = [cases[name] for name in (("digits", "mlp", "resnet") if gpu else ("digits",))]
    others = [cases["small resnet"]] if gpu else []
    trials, packed = ((8, 16), (2, 4, 8)) if gpu else ((4,), (2,))
    return {
        "waits": partial(print_waits, device),
        "one": partial(print_one_run, usual, device, rounds),
        "many": partial(print_many, device, trials, packed, rounds),
        "devices": partial(print_devices, cases["small mlp"], others, device, rounds),
        "shares": partial(print_shares, usual, device),
        "graphs": partial(print_graphs, rounds),
        "compiled": lambda: print_compiled(device, left()),
    }


def run_part(name: str, part: Callable[[], None], left: float) -> None:
    """Run a part, unless it needs a GPU or time is up; an error ends this part alone."""
    if name in NEEDS_GPU and not torch.cuda.is_available():
        print(f"\n{name}: needs a GPU")
        return
    if left <= 0:
        print(f"\n{name}: left out, the seconds are up")
        return
    started = time.perf_counter()
    try:
        part()
    except Exception:
        traceback.print_exc()
        print(f"\n{name}: failed, see the error output")
    print(f"\n({name}: {time.perf_counter() - started:.0f} s)", flush=True)


def main() -> None:
    """Print the device, and the table of each part."""
    started = time.perf_counter()
    parser = argparse.ArgumentParser(
        prog="python -m perf.gpu",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", choices=(*PARTS, []), metavar="PART", help=str(PARTS))
    parser.add_argument("--seconds", type=float, default=140)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)  # as a stage has, unless it is given more
    print(describe_device(), flush=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with tempfile.TemporaryDirectory() as folder:
        os.environ["REPERTOIRE_DATA"] = f"{folder}/data"

        def left() -> float:
            return given.seconds - (time.perf_counter() - started)

        cases = make_cases(Path(folder), device == "cuda")
        parts = make_parts(cases, device, given.rounds, left)
        for name in given.parts or PARTS:
            run_part(name, parts[name], left())


if __name__ == "__main__":
    main()
