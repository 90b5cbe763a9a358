"""The site of `make docs`: links lead where those of the repository do; nothing is left out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.site import links
from docs.site.pages import generate_pages

NAVIGATION = (links.DOCS / "site" / "mkdocs.yml").read_text(encoding="utf-8").partition("nav:")[2]


@pytest.fixture(scope="module")
def generated() -> dict[str, str]:
    return generate_pages()


def test_links_lead_to_the_page_of_what_they_lead_to_in_the_repository() -> None:
    text = (
        "[a](../../README.md) [b](../costs.md#storage) [c](../../methods/ewc.py)"
        "\n```\n[in code](../../README.md)\n```\n[d](https://a.b/c) [e](mas.md) [f](no.md)"
    )
    assert links.turn_links(text, "methods/ewc.md") == (
        "[a](../index.md) [b](../costs.md#storage) [c](../source/methods/ewc.py.md)"
        "\n```\n[in code](../../README.md)\n```\n[d](https://a.b/c) [e](mas.md) [f](no.md)"
    )
    assert links.turn_links("[g](docs/adr) [h](LICENSE)", "index.md") == (
        "[g](adr/index.md) [h](source/LICENSE.md)"
    )


def test_what_pages_link_to_outside_docs_is_shown_by_a_page(generated: dict[str, str]) -> None:
    code = (links.ROOT / "methods" / "ewc.py").read_text(encoding="utf-8")
    assert f"````python\n{code}````\n" in generated["source/methods/ewc.py.md"]
    assert "- `slurm.sh`\n" in generated["source/deploy.md"]


def test_the_navigation_has_every_page_once(generated: dict[str, str]) -> None:
    entries = re.findall(r": ([\w./-]+(?:\.md|/))$", NAVIGATION, re.MULTILINE)
    assert len(set(entries)) == len(entries)
    written = [str(path.relative_to(links.DOCS)) for path in Path(links.DOCS).rglob("*.md")]
    pages = {page for page in (*written, *generated) if not page.startswith("source/")}
    missing = {p for p in pages if p not in entries and p.rpartition("/")[0] + "/" not in entries}
    assert missing == set()
