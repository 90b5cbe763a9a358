"""Seconds and memory of a worker that loads its data: from the cache, and by reading the files.

Fashion-MNIST, and 100,000 x 64 x 64 x 3 of noise in an npz file of 1.2 GB. Each worker is a process
that loads the data and then copies one task of ten, as a stage does. One worker, and four at once,
which begin together. Reading the files anew, with a digest of all arrays, is what every worker did
before there was a cache. Memory is what loading adds: private to the worker (Private_* of
/proc/self/smaps_rollup), and resident with the pages that it shares.

    python -m perf.data [--examples 100000]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

WORKERS = (1, 4)


def memory() -> dict[str, float]:
    """Return the resident and the private MB of this process."""
    sizes: dict[str, int] = {}
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]:
        name, value, *_ = line.split()
        sizes[name] = int(value)
    return {
        "resident": sizes["Rss:"] / 1024,
        "private": (sizes["Private_Clean:"] + sizes["Private_Dirty:"]) / 1024,
    }


def load(source: str, loader: str):
    """Return the training images of a source: "fashion_mnist", or an npz file."""
    from orchestrator.benchmarks.data_folder import data_folder
    from orchestrator.benchmarks.datasets.dataset import load_dataset
    from orchestrator.benchmarks.datasets.dataset_reading import read_named
    from orchestrator.benchmarks.sources.arrays.preparation import prepare_arrays
    from orchestrator.benchmarks.sources.cache import array_files, cache
    from orchestrator.benchmarks.sources.npz import Npz
    from orchestrator.benchmarks.sources.own_data import read_own_data

    if source == "fashion_mnist":
        if loader == "cache":
            return load_dataset(source).train_x
        folder = Path(data_folder())
        read = lambda _allocate: read_named(source, folder)  # noqa: E731
        return array_files.as_tensor(cache.read_into_memory(read).arrays.train_x)
    form = Npz(npz=source)
    if loader == "cache":
        return load_dataset(read_own_data(form, source).digest).train_x
    read = lambda allocate: prepare_arrays(form.read(allocate), source)  # noqa: E731
    return array_files.as_tensor(cache.read_into_memory(read).arrays.train_x)


def work(source: str, loader: str) -> None:
    """Load data in this process on request, and print its costs."""
    import torch

    from orchestrator.benchmarks.datasets import dataset  # noqa: F401 - imported before the clock starts

    torch.set_num_threads(1)
    print("ready", flush=True)
    sys.stdin.readline()
    before, started = memory(), time.perf_counter()
    x = load(source, loader)
    seconds, loaded = time.perf_counter() - started, memory()
    task = x[torch.arange(0, len(x), 10)]
    after = memory()
    figures = {name: loaded[name] - before[name] for name in before}
    figures |= {f"task_{name}": after[name] - before[name] for name in before}
    print(json.dumps({"seconds": seconds, **figures, "task": task.numel() / 2**20}), flush=True)
    sys.stdin.readline()  # keeps its memory until all have measured theirs


def measure(source: str, loader: str, workers: int) -> dict[str, float]:
    """Return the largest figures of some workers that load at once."""
    command = [sys.executable, "-m", "perf.data", "--work", source, loader]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(workers)
    ]
    for each in started:
        each.stdout.readline()
    for each in started:
        each.stdin.write("go\n")
        each.stdin.flush()
    figures = [json.loads(each.stdout.readline()) for each in started]
    for each in started:
        each.communicate("done\n")
    return {name: max(each[name] for each in figures) for name in figures[0]}


def write_noise(path: Path, examples: int) -> None:
    """Write images of noise in ten classes."""
    draw = np.random.default_rng(0)
    x = draw.integers(0, 256, (examples, 3, 64, 64), dtype=np.uint8)
    y = np.arange(examples) % 10
    held = examples // 10
    np.savez(path, train_x=x, train_y=y, test_x=x[:held], test_y=y[:held])


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=100_000)
    parser.add_argument("--work", nargs=2, metavar=("SOURCE", "LOADER"))
    options = parser.parse_args()
    if options.work:
        work(*options.work)
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ["REPERTOIRE_DATA"] = f"{folder}/data"
        noise = Path(folder) / "noise.npz"
        write_noise(noise, options.examples)
        print("| Data | Loader | Workers | Seconds | Private MB | Private MB with a task |")
        print("|---|---|---|---|---|---|")
        for name, source in (("fashion_mnist", "fashion_mnist"), ("noise", str(noise))):
            for loader, label in (
                ("files", "the files, as before"),
                ("cache", "the cache, made anew"),
                ("cache", "the cache"),
            ):
                for workers in WORKERS if label != "the cache, made anew" else (1,):
                    f = measure(source, loader, workers)
                    row = (name, label, workers, f"{f['seconds']:.3f}")
                    sizes = (f"{f['private']:.0f}", f"{f['task_private']:.0f}")
                    print("|", " | ".join(map(str, (*row, *sizes))), "|", flush=True)


if __name__ == "__main__":
    main()
