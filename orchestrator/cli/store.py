"""Looking after a store: verify what it holds, delete what nothing refers to."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
from rich.console import Console

from orchestrator.errors import RepertoireError
from orchestrator.results.folder import open_store
from orchestrator.stages.maintenance import delete_files, inventory


def verify(out: Path, uri: str | None) -> int:
    """Read every stage of a store; return 1 if some were damaged and set aside."""
    store = open_store(out, uri, create=False)
    keys = store.keys()
    wrong = [story for key in keys if (story := store.verify(key))]
    for story in wrong:
        print_plain(story)
    if wrong:
        print_plain(
            f"{len(wrong)} of {len(keys)} stages were damaged and set aside; a run mends them"
        )
    else:
        print_plain(f"all {len(keys)} stages are as they were written")
    return int(bool(wrong))


def collect_garbage(out: Path, uri: str | None, dry_run: bool) -> int:
    """Delete stages that no sweep of a folder refers to; return 0."""
    store = open_store(out, uri, create=False)
    tables = sorted(out.glob("*/stages.parquet"))
    if not tables:
        raise RepertoireError(
            f"{out} holds no results, so every stage would go; name the folder whose sweeps to keep"
        )
    kept = {
        key for table in tables for key in pq.read_table(table, columns=["key"])["key"].to_pylist()
    }
    files = inventory(store)
    unwanted = sorted(files.stages.keys() - kept)
    size = files.size(unwanted)
    if not dry_run:
        for key in unwanted:
            store.delete(key)
        delete_files(store, [*files.damaged, *files.partial])
    verb = "would delete" if dry_run else "deleted"
    print_plain(
        f"{verb} {len(unwanted)} stages, {size / 1e6:.1f} MB; "
        f"{len(kept)} are referred to by {len(tables)} sweep(s)"
    )
    return 0


def print_plain(text: str) -> None:
    """Print text as it is."""
    Console().print(text, markup=False, highlight=False, soft_wrap=True)
