"""What MkDocs calls while it builds the site: adds pages, fills the navigation, turns links."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from docs.site import links
from docs.site.pages import generate_pages

GENERATED = generate_pages()


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill the entries of the navigation that name a folder."""
    config.nav = [_filled(entry) for entry in config.nav or []]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are no files of docs/."""
    for name, content in GENERATED.items():
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Turn links to files of the repository into links to their pages."""
    return links.turn_links(markdown, page.file.src_uri)


def _filled(entry: Any) -> Any:
    if not isinstance(entry, dict):
        return entry
    ((title, content),) = entry.items()
    if isinstance(content, list):
        return {title: [_filled(each) for each in content]}
    return {title: _pages_in(content)} if content.endswith("/") else entry


def _pages_in(folder: str) -> list[str]:
    """Return the pages of a folder: its overview, then the others as the overview links to them."""
    files = (path.name for path in (links.DOCS / folder).glob("*.md"))
    generated = (name.removeprefix(folder) for name in GENERATED if name.startswith(folder))
    names = sorted({*files, *generated})
    overview = next(name for name in ("README.md", "index.md") if name in names)
    text = GENERATED.get(folder + overview) or links.read(f"docs/{folder}{overview}")
    places = {name: text.find(f"]({name})") for name in names}
    others = sorted(names, key=lambda name: (places[name] < 0, places[name]))
    return [folder + name for name in dict.fromkeys([overview, *others])]
