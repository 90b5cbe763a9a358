"""The user's own code of a sweep's last run, kept in the folder of its tables."""

from __future__ import annotations

from pathlib import Path

from orchestrator.benchmarks.atomic_files import write_atomically
from orchestrator.results.folder.data_file import folder_of_sweep
from orchestrator.sweep.sweep import Sweep

CODE_FOLDER, SWEEP = "code", "sweep.yaml"


def keep_code(sweep: Sweep, folder: Path) -> None:
    """Copy the user's code of a sweep, and the sweep file, into the folder of its tables."""
    kept = folder / CODE_FOLDER
    files = {kept / SWEEP: sweep.text.encode()} if sweep.source.modules else {}
    files |= _module_files(sweep, kept)
    _remove_links(kept)
    for path in kept.rglob("*.py"):
        if path not in files:
            path.unlink()  # of an earlier run; the sweep does not import it any more
    for path, data in files.items():
        if not (path.is_file() and path.read_bytes() == data):
            write_atomically(path, data)
    if not files:
        (kept / SWEEP).unlink(missing_ok=True)


def _remove_links(kept: Path) -> None:
    """Remove links, so that nothing is written or deleted elsewhere."""
    for path in (kept, *kept.rglob("*")):
        if path.is_symlink():
            path.unlink()


def has_same_code(sweep: Sweep, folder: Path) -> bool:
    """Return whether the user's code of a sweep is, byte for byte, that of its last run."""
    kept = folder / CODE_FOLDER
    files = _module_files(sweep, kept)
    if not kept.is_dir():
        return not files
    return files == {path: path.read_bytes() for path in kept.rglob("*.py")}


def _module_files(sweep: Sweep, kept: Path) -> dict[Path, bytes]:
    files = {}
    for name, module in sweep.source.modules.items():
        stem = kept.joinpath(*name.split("."))
        file = stem / "__init__.py" if module.is_package else stem.with_name(f"{stem.name}.py")
        files[file] = module.code
    return files


def load_kept_code(folder: Path) -> Sweep:
    """Return the sweep of a folder, with the user's code of its last run."""
    kept = folder / CODE_FOLDER / SWEEP
    return Sweep.load(kept if kept.is_file() else folder / SWEEP, folder_of_sweep(folder))
