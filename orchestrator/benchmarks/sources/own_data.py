"""A data set of the user's own, as a benchmark holds it: known by the digest of its content."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from orchestrator.benchmarks.sources.arrays.arrays import Facts
from orchestrator.benchmarks.sources.cache.array_files import Stored
from orchestrator.benchmarks.sources.forms import Form
from orchestrator.benchmarks.sources.loading import load_form, open_content
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
        """A name that no other data has."""
        return f"{self.title}-{self.digest[:DIGITS]}"

    def require_same(self) -> None:
        """Raise unless this machine has the arrays, as `load` does."""
        self.load()

    def load(self) -> Stored:
        """Return the arrays, read again if files changed.

        Raises:
            WrongData: they are not those of the digest.
            MissingData: the files are not there, and the cache does not have the arrays.
        """
        stored = None if self.form.has_files else open_content(self.content, self.facts)
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
