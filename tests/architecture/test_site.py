"""The site of `make docs`: links lead where those of the repository do; nothing is left out."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

import methods
import orchestrator
from docs.site import commands, links, tables
from docs.site.key_effects import BASE, first_difference, stage_keys
from docs.site.pages import generate_pages
from orchestrator.cli.python.sweep import read_sections
from orchestrator.results.tables.schemas import SCHEMAS
from orchestrator.stages.build_stages import Common
from orchestrator.sweep.schema.sweep_schema import sweep_schema
from orchestrator.sweep.search_section.schedulers import SCHEDULERS

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


def rows(page: str) -> list[list[str]]:
    """Return the rows of the tables of a page, as cells."""
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]


def part(page: str, title: str) -> str:
    """Return a part of a page below a heading of the second level."""
    return page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("section", ["", "benchmark", "training", "search"])
def test_every_key_of_the_schema_has_a_row_with_a_meaning(
    section: str, generated: dict[str, str]
) -> None:
    schema = sweep_schema()
    keys = (schema["$defs"][section] if section else schema)["properties"]
    text = part(generated["reference/sweep-file.md"], f"`{section}`" if section else "Top level")
    meanings = {cells[0]: cells[3] for cells in rows(text) if len(cells) >= 4}
    assert [key for key in keys if not meanings.get(f"`{key}`")] == []


def test_what_a_key_changes_in_keys_is_what_a_changed_sweep_has(generated: dict[str, str]) -> None:
    text = generated["reference/sweep-file.md"]
    stated = {cells[0]: cells[4] for cells in rows(part(text, "`training`")) if len(cells) == 5}
    assert stated["`lr`"] == "from the first task on"
    assert stated["`clip`"] == "from the first task on; none at its default"
    keys = stage_keys(BASE)
    assert first_difference(keys, stage_keys({**BASE, "seeds": [1]})) == "every stage"
    assert first_difference(keys, stage_keys({**BASE, "resources": {"cpus": 3}})) == "none"
    ewc = stage_keys({**BASE, "methods": [{"name": "ewc", "lam": 1}]})
    other = stage_keys({**BASE, "methods": [{"name": "ewc", "lam": 2}]})
    assert first_difference(ewc, other) == "from the second task on"
    of_ewc = rows(part(generated["reference/method-options.md"], "ewc"))
    assert {cells[0]: cells[-1] for cells in of_ewc}["`lam`"] == "from the second task on"


def test_every_table_of_keys_says_what_each_changes(generated: dict[str, str]) -> None:
    page = generated["reference/sweep-file.md"]
    heads = [line for line in page.splitlines() if line.startswith("| Key |")]
    assert len(heads) > 30
    assert {*heads} == {"| Key | Values | Default | Meaning | Keys it changes |"}
    effects = {cells[0]: cells[4] for cells in rows(part(page, "`resources`"))}
    assert effects["`fuse`"] == "from the first task on"
    assert (effects["`cpus`"], effects["`gpus`"]) == ("none", "none")
    entry = {cells[0]: cells[4] for cells in rows(part(page, "`methods`"))}
    assert (entry["`label`"], entry["`training`"]) == ("none", "from the first task on")


@pytest.mark.parametrize(
    "search",
    [
        *({"algorithm": name} for name in ("optuna", "hyperopt")),
        {"algorithm": {"name": "optuna", "startup": 3}, "num_trials": 4, "parallel": 2},
        {"algorithm": "random", "metric": "acc - forgetting", "mode": "max"},
        *({"algorithm": "random", "scheduler": name} for name in SCHEDULERS),
    ],
)
def test_a_search_is_in_no_key_of_a_candidate(search: dict[str, Any]) -> None:
    content = {**BASE, "methods": [{"name": "ewc", "lam": {"choice": [1, 2]}}]}

    def candidate_keys(section: dict[str, Any]) -> list[str]:
        (group,) = read_sections({**content, "search": section}, links.ROOT).groups
        return [stage.key for stage in group.first_trial((0,)).stages(0, Common())]

    assert candidate_keys(search) == candidate_keys({"algorithm": "random"})


def test_every_option_of_every_method_has_a_row(generated: dict[str, str]) -> None:
    text = generated["reference/method-options.md"]
    for name, cls in methods.METHODS.items():
        listed = {cells[0]: cells[3] for cells in rows(part(text, name))}
        options = [field.name for field in fields(cls.Config)]
        assert [option for option in options if not listed.get(f"`{option}`")] == [], name


def test_valid_values_are_those_of_the_checks(generated: dict[str, str]) -> None:
    of_ewc = {
        cells[0]: cells for cells in rows(part(generated["reference/method-options.md"], "ewc"))
    }
    assert of_ewc["`gamma`"][1:3] == ["number; in (0, 1]", "`1`"]
    training = rows(part(generated["reference/sweep-file.md"], "`training`"))
    values = {cells[0]: cells[1] for cells in training}
    assert values["`num_threads`"] == "whole number; at least 1; at most 1024"
    assert values["`momentum`"] == "number; in [0, 1); 0 where the optimiser has no momentum"
    assert values["`anneal_strategy`"] == "text; cos or linear"
    assert values["`min_epochs`"] == "whole number; from 1 to the epochs of training"
    page = generated["reference/sweep-file.md"]
    networks = page.partition("## `network`")[2].partition("## `training`")[0]
    sizes = [cells[1].split("; ") for cells in rows(networks) if "whole number" in cells[1]]
    assert {tuple(values[:2]) for values in sizes} == {
        ("whole number", "at least 1"),
        ("list of: whole number", "each at least 1"),
    }
    assert ["whole number", "at least 1", "a divisor of the width"] in sizes
    assert "at most the classes of the data" in page
    assert "`False`" not in page
    assert {"`when`", "`grid`"} <= {cells[0] for cells in rows(part(page, "Spaces"))}


def test_every_command_and_option_is_listed(generated: dict[str, str]) -> None:
    page = generated["reference/commands.md"]
    paths = [path for path, _ in commands.all_commands()]
    assert {"repertoire run", "repertoire store gc"} <= {*paths}
    for path, command in commands.all_commands():
        text = part(page, f"`{path}`")
        assert command.help.strip() in text
        options = [opt for p in command.params for opt in p.opts if opt.startswith("-")]
        assert [opt for opt in options if f"`{opt}`" not in text] == [], path
    assert "| `--backend` | `inline`, `ray` | `ray` |" in page
    assert "| `StoreFull` | 1 |" in page
    assert "Diverged" not in page  # the outcome of a trial, and nothing that a command ends with


def test_every_column_occurs_with_type_and_meaning(generated: dict[str, str]) -> None:
    for name, schema in SCHEMAS.items():
        listed = {
            c[0]: c for c in rows(part(generated["reference/tables.md"], f"`{name}.parquet`"))
        }
        assert [f for f in schema.names if not listed[f"`{f}`"][4]] == []
    assert listed["`storage_bytes`"][1:4] == ["integer", "B", "less"]
    columns = {column for schema in SCHEMAS.values() for column in schema.names}
    assert set(tables.MEANINGS) <= columns


def test_the_public_names_of_python_are_documented(generated: dict[str, str]) -> None:
    page = generated["reference/python.md"]
    assert [
        n for n in orchestrator.__all__ if f"::: {orchestrator.PLACES[n]}.{n}\n" not in page
    ] == []


def test_the_citation_has_the_version_of_the_package() -> None:
    citation = yaml.safe_load((links.ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((links.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    required = {"cff-version", "message", "title", "authors"}
    assert required <= citation.keys()
    assert citation["cff-version"] == "1.2.0"
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])
