"""The backbone and the weights of a pretrained network in a sweep file."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from orchestrator.benchmarks.sources.files import expand_home
from orchestrator.errors import RepertoireError, UnknownName
from orchestrator.hashing import canonical_json
from orchestrator.networks.networks import NETWORKS
from orchestrator.networks.pretrained.backbones import Backbone
from orchestrator.networks.pretrained.pretrained import BACKBONES, DEFAULT, NAME, WEIGHTS
from orchestrator.networks.pretrained.weights import find_in_package, open_weights
from orchestrator.networks.zoo import ZOOS
from orchestrator.stages.code.classes import find_class, is_dotted
from orchestrator.stages.code.data_function import create_backbone_function
from orchestrator.stages.code.identity import code_identity
from orchestrator.sweep.data_section import OwnCode
from orchestrator.sweep.read_section import read_component
from orchestrator.sweep.reading.decoding import decode_fields
from orchestrator.sweep.reading.mistakes import abbreviate
from orchestrator.sweep.section import SectionContent, SectionForm

FORMS = "{timm: NAME}, {torchvision: NAME}, {module: module:function}, or a network of the table"
# Reads one value of a field, given its place; returns the name that stands for it, None: a mistake.
Read = Callable[[Any, str], str | None]


def read_networks(
    given: Any, own: OwnCode, mistakes: list[str], grids: bool
) -> list[SectionContent]:
    """Return the networks of a file, one for each point of its grids.

    Args:
        given: the section. The backbone and the weights of a pretrained network are looked up.
        own: the user's own code, and the folder that paths are relative to.
        mistakes: receives the mistakes, each in a line.
        grids: whether grids are domains, to be searched rather than compared.
    """
    before = len(mistakes)
    if isinstance(given, dict) and given.get("name") == NAME:
        given = with_backbone(given, "network", own, mistakes)
    if len(mistakes) > before:
        # A part with mistakes, so that its absence causes no others.
        return [SectionContent(SectionForm("network", "network", object), {}, {}, given)]
    return read_component("network", "network", given, own.source, mistakes, grids)


def with_backbone(
    given: dict[str, Any], where: str, own: OwnCode, mistakes: list[str]
) -> dict[str, Any]:
    """Return a pretrained network whose backbone and weights are known by names.

    Either may be a grid or a choice of several.
    """
    readers: dict[str, Read] = {
        "backbone": partial(_read_backbone, own=own, mistakes=mistakes),
        "weights": partial(_read_weights, folder=own.folder),
    }
    named = {
        name: _read_values(given[name], f"{where}.{name}", read, mistakes)
        for name, read in readers.items()
        if given.get(name) is not None
    }
    return {**given, **named}


def _read_values(given: Any, where: str, read: Read, mistakes: list[str]) -> Any:
    """Return the name of a value, or a grid or choice of names."""
    kind = next(iter(given), "") if isinstance(given, dict) and len(given) == 1 else ""
    if kind in ("grid", "choice") and isinstance(given[kind], list):
        return {kind: [_read_value(each, where, read, mistakes) for each in given[kind]]}
    return _read_value(given, where, read, mistakes)


def _read_value(given: Any, where: str, read: Read, mistakes: list[str]) -> str | None:
    try:
        return read(given, where)
    except RepertoireError as error:
        mistakes.append(f"{where}: {error}")
    except OSError as error:  # a file that may not be read
        mistakes.append(f"{where}: cannot be read: {error}")
    return None


def _read_weights(given: Any, where: str, folder: Path) -> str:
    """Return the path of a file of weights, which is opened, or "default"."""
    if given == DEFAULT:
        return DEFAULT
    if isinstance(given, dict) and {*given} == {"package", "file"}:
        path = find_in_package(str(given["package"]), str(given["file"]))
    elif isinstance(given, str):
        path = folder / expand_home(given)
    else:
        forms = "a file of weights, {package: NAME, file: FILE}, or default"
        raise RepertoireError(f"must be {forms}, given {abbreviate(given)}")
    WEIGHTS[str(path)] = open_weights(path)
    return str(path)


def _read_backbone(given: Any, where: str, own: OwnCode, mistakes: list[str]) -> str | None:
    """Return the name of a backbone, which the library, the user's code or the table has."""
    given = {"name": given} if isinstance(given, str) else given
    backbone = _create_backbone(given, where, own, mistakes)
    if backbone is None:
        return None
    name = canonical_json({"backbone": given, "code": backbone.code})
    BACKBONES[name] = backbone
    return name


def _create_backbone(given: Any, where: str, own: OwnCode, mistakes: list[str]) -> Backbone | None:
    kinds = {*given} & {*ZOOS, "module", "name"} if isinstance(given, dict) else set()
    if len(kinds) != 1 or not isinstance(given[kind := kinds.pop()], str):
        raise RepertoireError(f"must be {FORMS}, given {abbreviate(given)}")
    name, options = given[kind], {key: v for key, v in given.items() if key != kind}
    if kind == "name":
        return _table_backbone(name, options, where, mistakes)
    if options:
        raise RepertoireError(f"unknown key {next(iter(options))!r} beside {kind}; valid: {FORMS}")
    if kind == "module":
        if not is_dotted(name):
            raise RepertoireError(f"module must be module:function, given {abbreviate(name)}")
        return create_backbone_function(name, own.source)
    backbone = Backbone(kind=kind, name=name)
    backbone.require_known()
    return backbone


def _table_backbone(
    name: str, options: dict[str, Any], where: str, mistakes: list[str]
) -> Backbone | None:
    if ":" in name:
        # The spelling of a network of a library, or of one's own, in the section `network`.
        kind, rest = (part.strip() for part in name.split(":", 1))
        known = kind.lower() in (*ZOOS, "module")
        form = f"{kind.lower()}: {rest}" if known else f"module: {name}"
        if not kind or not rest:
            form = "timm: NAME}, {torchvision: NAME} or {module: MODULE:FUNCTION"
        raise RepertoireError(f"unknown backbone {name!r}; write {{{form}}}")
    if name not in NETWORKS:
        raise UnknownName("backbone", name, [*NETWORKS, *(f"{{{zoo}: NAME}}" for zoo in ZOOS)])
    config = decode_fields(NETWORKS[name].Config, options, where, mistakes)
    if config is None:
        return None
    return Backbone(
        kind="network",
        name=name,
        config=config,
        code=code_identity("network", name),
        load=partial(find_class, "network", name),
    )
