"""Where a file of the repository is on the site, and Markdown with its links turned there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from posixpath import normpath, relpath

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
# Pages from the top of the repository.
TOP = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
ORIGINS = {page: origin for origin, page in TOP.items()}
SOURCE = "source"  # the folder of pages that show files and folders outside docs/
LINK = re.compile(r"(?<=\]\()([^)\s#]+)(?=[)#])")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def read(file: str) -> str:
    """Return the text of a file of the repository."""
    return (ROOT / file).read_text(encoding="utf-8")


def origin(page: str) -> str:
    """Return the file that a page is made from, relative to the repository."""
    return ORIGINS.get(page, f"docs/{page}")


def page_of(file: str) -> str:
    """Return the page of a file or a folder, both as paths; outside docs/ one that shows it."""
    if file in TOP:
        return TOP[file]
    if file.startswith("docs/"):
        inside = file.removeprefix("docs/")
        return f"{inside}/index.md" if (ROOT / file).is_dir() else inside
    return f"{SOURCE}/{file}.md"


def linked_files(markdown: str, file: str) -> Iterator[str]:
    """Yield the files and folders of the repository that the Markdown of a file links to."""
    for target in LINK.findall(FENCE.sub("", markdown)):
        if linked := _linked(target, file):
            yield linked


def turn_links(markdown: str, page: str) -> str:
    """Return the Markdown of a page with its links to files as links to their pages."""
    file, folder = origin(page), page.rpartition("/")[0]

    def turned(match: re.Match[str]) -> str:
        linked = _linked(match[1], file)
        return relpath(page_of(linked), folder or ".") if linked else match[1]

    def prose(text: str) -> str:
        return LINK.sub(turned, text)

    parts, end = [], 0
    for fence in FENCE.finditer(markdown):
        parts += [prose(markdown[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, prose(markdown[end:])])


def source_page(file: str) -> str:
    """Return the Markdown that shows a file or lists a folder of the repository."""
    path = ROOT / file
    head = f"---\ntitle: {file}\nsearch: {{exclude: true}}\n---\n\n# {file}\n\n"
    if path.is_dir():
        return head + "".join(f"- `{each.name}`\n" for each in sorted(path.glob("[!_.]*")))
    language = {".py": "python", ".yaml": "yaml", ".sh": "bash"}.get(path.suffix, "text")
    return f"{head}````{language}\n{read(file)}````\n"


def _linked(target: str, file: str) -> str | None:
    if "://" in target:
        return None
    linked = normpath(f"{file}/../{target}")
    return linked if (ROOT / linked).exists() else None
