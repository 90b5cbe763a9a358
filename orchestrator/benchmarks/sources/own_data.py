"""A data set of the user's own, as a benchmark holds it: known by the digest of its content."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from orchestrator.benchmarks.data_folder import data_folder
from orchestrator.benchmarks.sources.array_files import Stored, open_arrays
from orchestrator.benchmarks.sources.arrays import Allocate, Arrays, Facts, prepare_arrays
from orchestrator.benchmarks.sources.cache import load_arrays
from orchestrator.benchmarks.sources.forms import Form
from orchestrator.errors import MissingData, WrongData
from orchestrator.hashing import canonical_json, digest

DIGITS = 12  # of a digest in a name


@dataclass(frozen=True, kw_only=True)
class OwnData:
    """A data set that a sweep gives by its form.

    Attributes:
        source: what the sweep gives, as JSON text; in no key.
        digest: of its arrays, and of the code that makes them if that is the user's own.
        form: reads it. facts: what a plan must know of it. content: the digest of its arrays.
    """

    source: str = field(metadata={"unkeyed": True}, compare=False)
    digest: str
    form: Form = field(metadata={"internal": True}, compare=False)
    facts: Facts = field(metadata={"internal": True}, compare=False)
    content: str = field(metadata={"internal": True}, compare=False)

    @property
    def title(self) -> str:
        """A short name, for tables."""
        return self.form.title

    @property
    def name(self) -> str:
        """A name that tells it from other data."""
        return f"{self.title}-{self.digest[:DIGITS]}"

    def load(self) -> Stored:
        """Return the arrays, read again if files changed.

        Raises:
            WrongData: they are not those of the digest.
            MissingData: the files are not there, and the cache does not have the arrays.
        """
        stored = None
        if not self.form.has_files:
            stored = open_content(self.content, self.facts)
        try:
            stored = stored or load_form(self.form)
        except MissingData:
            stored = open_content(self.content, self.facts)
            if stored is None:
                raise
        if stored.digest != self.content:
            raise WrongData(
                f"the data of {self.form.where} is not the data this sweep was planned with: its "
                "files changed since; run the sweep again to plan with what they hold now"
            )
        return stored


# Data sets of this process, by name and by digest.
OWN_DATA: dict[str, OwnData] = {}
# What was loaded last: identity -> (stamps, folder, arrays). content -> arrays.
LOADED: dict[str, tuple[Any, Stored]] = {}
OPENED: dict[tuple[str, str], Stored] = {}


def read_own_data(form: Form, given: Any) -> OwnData:
    """Read data that a sweep gives, and register it in this process.

    Args:
        form: its form, with absolute paths.
        given: what the sweep gives, for display.

    Raises:
        MissingData: a file is not there, or not of its format.
        WrongData: its content cannot be used.
    """
    stored = load_form(form)
    code = form.code
    own = OwnData(
        source=given if isinstance(given, str) else canonical_json(given),
        digest=digest("own data", [stored.digest, code]) if code else stored.digest,
        form=form,
        facts=stored.arrays.facts,
        content=stored.digest,
    )
    return register(own)


def register(own: OwnData) -> OwnData:
    """Make data known in this process by its name and its digest."""
    OWN_DATA[own.name] = OWN_DATA[own.digest] = own
    return own


def load_form(form: Form) -> Stored:
    """Return the arrays of a form: of this process, of the cache, or read."""
    opened, name = form.open(), canonical_json([form.identity, data_folder()])
    if name in LOADED and LOADED[name][0] == opened.stamps:
        return LOADED[name][1]

    def read(allocate: Allocate) -> Arrays:
        return prepare_arrays(opened.read(allocate), form.where)

    stored = load_arrays(form.identity, opened.stamps, read)
    LOADED[name] = (opened.stamps, stored)
    return stored


def open_content(content: str, facts: Facts) -> Stored | None:
    """Return the arrays of a digest, of this process or of the cache."""
    name = (content, data_folder())
    if name not in OPENED:
        stored = open_arrays(content, facts)
        if stored is None:
            return None
        OPENED[name] = stored
    return OPENED[name]
