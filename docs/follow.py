"""Follows the how-to pages literally, each in a folder of its own, and fails where one does.

    python -m docs.follow [PAGE...]

A block with a title is written as the file of that name, a `bash` block is run, and each line of a
`text` block must be part of what the block before it printed, spaces aside. Other blocks show parts
of a file and are not followed. A comment `<!-- not followed: why -->` before a block leaves it out,
`<!-- exit code 2 -->` says how it has to end.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parent
PAGES = sorted((DOCS / "howto").glob("[!R]*.md"))
BLOCK = re.compile(
    r"(?:^<!-- (?:not followed: (?P<reason>.*?)|exit code (?P<code>\d+)) -->\n+)?"
    r"^```(?P<language>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<text>.*?)^```",
    re.MULTILINE | re.DOTALL,
)
SECONDS = 600  # of one block


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes:
        language: "bash", "text", or that of a file.
        title: name of the file to write; "" for none.
        text: its content.
        reason: why it is not followed; "" if it is.
        code: the exit code that it has to have; "" for 0.
    """

    language: str
    title: str
    text: str
    reason: str = ""
    code: str = ""


class NotFollowed(Exception):
    """A block failed, or printed something else than the page says."""


def read_blocks(page: Path) -> list[Block]:
    """Return the blocks of a page."""
    matches = BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [Block(**{name: text or "" for name, text in m.groupdict().items()}) for m in matches]


def write_files(blocks: Sequence[Block], folder: Path) -> None:
    """Write the blocks that have a title."""
    for block in blocks:
        if block.title and not block.reason:
            (folder / block.title).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.title).write_text(block.text, encoding="utf-8")


def follow(blocks: Sequence[Block], folder: Path) -> None:
    """Follow blocks in a folder, in their order.

    Raises:
        NotFollowed: one failed.
    """
    printed = ""
    for block in blocks:
        if block.reason:
            continue
        if block.title:
            write_files([block], folder)
        elif block.language == "bash":
            printed = run(block.text, folder, int(block.code or 0))
        elif block.language == "text":
            require_lines(block.text, printed)


def run(commands: str, folder: Path, code: int = 0) -> str:
    """Run commands of a shell; return what they print.

    Raises:
        NotFollowed: they ended with another exit code.
    """
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=folder,
        env=environment(os.environ),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SECONDS,
    )
    if done.returncode != code:
        raise NotFollowed(f"{commands}ended with exit code {done.returncode}:\n{done.stdout}")
    return done.stdout


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a reader who has activated the environment."""
    binaries = str(Path(sys.executable).parent)
    kept = {name: value for name, value in given.items() if name != "MLFLOW_TRACKING_URI"}
    path = [str(DOCS.parent), *filter(None, [given.get("PYTHONPATH")])]
    return {
        **kept,
        "PATH": f"{binaries}{os.pathsep}{given['PATH']}",
        "PYTHONPATH": os.pathsep.join(path),
        "COLUMNS": "100",
    }


def require_lines(expected: str, printed: str) -> None:
    """Raise NotFollowed unless each line is part of a line that was printed, spaces aside."""
    shown = "\n".join(" ".join(line.split()) for line in printed.splitlines())
    missing = [line for line in expected.splitlines() if " ".join(line.split()) not in shown]
    if missing:
        raise NotFollowed("\n".join(["not printed:", *missing, "but:", printed]))


def follow_page(page: Path) -> Iterator[str]:
    """Follow a page; yield a line for each block that is left out.

    Raises:
        NotFollowed: a block failed.
    """
    blocks = read_blocks(page)
    # MLflow is filled in the background, and may still write when the folder is deleted.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        follow(blocks, Path(folder))
    for block in blocks:
        if block.reason:
            yield f"not followed, {block.reason}: {block.text.splitlines()[0]}"


def main(names: Sequence[str]) -> int:
    """Follow pages; return how many failed."""
    failed = 0
    for page in [Path(name) for name in names] or PAGES:
        began = time.perf_counter()
        try:
            lines = [*follow_page(page)]
        except NotFollowed as error:
            failed, lines = failed + 1, [f"FAILED: {error}"]
        seconds = time.perf_counter() - began
        sys.stdout.write("\n  ".join([f"{page.name}: {seconds:.0f} s", *lines]) + "\n")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
