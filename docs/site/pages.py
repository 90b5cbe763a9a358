"""The pages of the site that are no files of docs/."""

from __future__ import annotations

from docs.site import links
from docs.site.commands import commands_page
from docs.site.python_api import python_page
from docs.site.sweep_file import method_options_page, sweep_file_page
from docs.site.tables import tables_page

REFERENCE = {
    "sweep-file": sweep_file_page,
    "method-options": method_options_page,
    "commands": commands_page,
    "python": python_page,
    "tables": tables_page,
}


def generate_pages() -> dict[str, str]:
    """Return name -> Markdown of all generated pages."""
    pages = {page: links.read(file) for file, page in links.TOP.items()}
    pages["index.md"] = "---\nhide: [navigation]\n---\n\n" + pages["index.md"]
    pages["adr/index.md"] = list_decisions()
    pages |= {f"reference/{name}.md": page() for name, page in REFERENCE.items()}
    return pages | source_pages(pages)


def list_decisions() -> str:
    """Return a list of the decisions, with links."""
    pages = sorted((links.DOCS / "adr").glob("[0-9]*.md"))
    titles = [page.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ") for page in pages]
    items = [f"- [{title}]({page.name})\n" for page, title in zip(pages, titles, strict=True)]
    return (
        "# Decisions\n\nWhy things are as they are, and what would change our mind.\n\n"
        + "".join(items)
    )


def source_pages(generated: dict[str, str]) -> dict[str, str]:
    """Return the pages that show what pages link to outside docs/."""
    written = {str(path.relative_to(links.DOCS)): "" for path in links.DOCS.rglob("*.md")}
    shown = {
        file
        for page in written
        for file in links.linked_files(links.read(links.origin(page)), links.origin(page))
    }
    for page, text in generated.items():
        shown |= {*links.linked_files(text, links.origin(page))}
    pages = {links.page_of(file): file for file in shown}
    return {
        page: links.source_page(file)
        for page, file in sorted(pages.items())
        if page.startswith(f"{links.SOURCE}/")
    }
