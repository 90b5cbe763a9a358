"""A store that may only be read answers with what it has, and no stage is computed in vain."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyarrow import fs

from orchestrator.errors import RepertoireError, StoreUnwritable
from orchestrator.results.load import load
from orchestrator.stages.storage.address import ObjectFiles, make_root
from orchestrator.stages.storage.files import LocalFiles
from orchestrator.stages.storage.retry import RetryPolicy
from orchestrator.stages.storage.retrying_files import RetryingFiles

Answer = Callable[..., tuple[int, str]]
TINY = """\
name: tiny
benchmark: {{name: split_digits, num_tasks: 2, samples_per_task: 32, scenario: task}}
network: {{name: mlp, hidden: [8]}}
training: {{batch_size: 16}}
methods: [finetune, {method}]
seeds: {seeds}
"""
GRID = TINY.format(method="l2", seeds="[0]")
LAM = "{name: ewc, lam: {loguniform: [1, 1000]}}"
SEARCH = TINY.format(method=LAM, seeds="[0]") + (
    "search: {algorithm: random, num_trials: 2, seeds: [9]}\n"
)


@pytest.fixture
def lock(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function after which no store can be written; root would ignore permissions."""

    def refuse(files: LocalFiles, path: str, *rest: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system", f"/readonly/{path}")

    def lock_stores() -> None:
        for name in ("write", "create", "move", "delete", "delete_folder"):
            monkeypatch.setattr(LocalFiles, name, refuse)

    return lock_stores


def run(folder: Path, answer: Answer, text: str, out: str) -> tuple[int, str]:
    (folder / "tiny.yaml").write_text(text)
    return answer("run", "tiny.yaml", "--backend", "inline", "--out", out, "--store", "stages")


@pytest.mark.slow
@pytest.mark.parametrize("text", [GRID, SEARCH], ids=["grid", "search"])
def test_a_sweep_that_is_wholly_stored_is_answered(
    tmp_path: Path, answer: Answer, lock: Callable[[], None], text: str
) -> None:
    assert run(tmp_path, answer, text, "first")[0] == 0
    lock()
    for _ in range(2):
        assert run(tmp_path, answer, text, "second")[0] == 0
    first, second = load(tmp_path / "first" / "tiny"), load(tmp_path / "second" / "tiny")
    columns = ["trial_id", "seed", "phase", "status", "selected", "acc", "val_acc"]
    assert first.trials[columns].equals(second.trials[columns])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "more"),
    [
        (GRID, GRID.replace("seeds: [0]", "seeds: [0, 1]")),
        (SEARCH, SEARCH.replace("seeds: [0]", "seeds: [0, 1]")),
        (SEARCH, SEARCH.replace("num_trials: 2", "num_trials: 3")),
    ],
)
def test_what_it_lacks_is_refused_in_one_line_before_anything_is_computed(
    tmp_path: Path,
    answer: Answer,
    lock: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    more: str,
) -> None:
    assert run(tmp_path, answer, text, "first")[0] == 0
    lock()
    computed: list[Any] = []
    monkeypatch.setattr("orchestrator.stages.worker.run_stage", lambda *args: computed.append(args))
    code, error = run(tmp_path, answer, more, "second")
    (line,) = error.splitlines()
    assert (code, computed) == (1, [])
    assert "may not be written: Read-only file system" in line
    assert "It lacks stages of this sweep" in line


def test_a_bucket_that_may_be_read_alone_opens_and_tells_when_it_is_written(tmp_path: Path) -> None:
    class Bucket:
        """A file system that denies what S3 denies to credentials that may read."""

        def __getattr__(self, name: str) -> Any:
            return getattr(fs.LocalFileSystem(), name)

        def deny(self, *_: Any, **__: Any) -> None:
            raise OSError("AWS Error ACCESS_DENIED during PutObject operation: Access Denied")

        create_dir = open_output_stream = deny

    make_root(Bucket(), str(tmp_path), "s3://bucket")
    with pytest.raises(RepertoireError, match="cannot be opened: AWS Error ACCESS_DENIED"):
        make_root(Bucket(), str(tmp_path / "absent"), "s3://bucket")
    files = RetryingFiles(ObjectFiles(Bucket(), str(tmp_path)), RetryPolicy(), "s3://bucket")
    assert files.read("a") is None
    with pytest.raises(StoreUnwritable, match="may not be written with these credentials"):
        files.write("a", b"")
