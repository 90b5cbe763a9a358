"""Errors for users: each states what was given and expected, where, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from shlex import quote
from typing import ClassVar

# Ends the message of a run that stopped for want of a resource.
CONTINUES = "and the same command continues"  # deploy/slurm.sh looks for it
KEPT = f"what was computed is kept, {CONTINUES}"
MANY_NAMES = 60  # of a table, beyond which a message lists those that are alike alone


class RepertoireError(Exception):
    """Base of all errors raised on purpose; the command line prints them without a traceback.

    Attributes:
        exit_code: of a command that ends with it: 2 for a mistake of the user, else 1.
    """

    exit_code: ClassVar[int] = 2


class SweepError(RepertoireError):
    """The sweep file is wrong; lists every mistake found in it."""

    def __init__(self, where: str, mistakes: Iterable[str]) -> None:
        self.mistakes = tuple(mistakes)
        head = "1 mistake" if len(self.mistakes) == 1 else f"{len(self.mistakes)} mistakes"
        super().__init__("\n".join([f"{where}: {head}", *(f"  - {m}" for m in self.mistakes)]))


class UnknownName(RepertoireError):
    """A name is not in a table; suggests the nearest, and lists the table or says where it is."""

    def __init__(self, kind: str, given: str, valid: Iterable[str], listed: str = "") -> None:
        hint = suggest(given, valid)
        shown = hint.partition("valid: ")[0] + listed if listed else hint
        super().__init__(f"unknown {kind} {given!r}; {shown}")


class MissingData(RepertoireError):
    """A data set is not on this machine; states how to get it."""


class WrongData(RepertoireError):
    """The files of a data set were read and cannot be used; states where and why."""


class StoreCorrupt(RepertoireError):
    """A file of the store is not what was written; names it."""


class StoreUnreachable(RepertoireError):
    """The store does not answer, or refuses; what was computed is kept."""

    exit_code = 1


class StoreUnwritable(RepertoireError):
    """The store's disk is full or read-only; what was computed is kept."""

    exit_code = 1


class StoreFull(StoreUnwritable):
    """No space is left on the store's disk, so that no stage can be stored on any node."""


class OtherRelease(RepertoireError):
    """A file of the store has a format that this release does not know; names the release."""


class Diverged(ArithmeticError):
    """Training produced a loss or a parameter that is not finite.

    An outcome of a stage, and no error that a command ends with.
    """


def require(valid: bool, name: str, given: object, expected: str) -> None:
    """Raise ValueError unless a value is valid: "lr must be above 0, given -1"."""
    if not valid:
        raise ValueError(f"{name} must be {expected}, given {given}")


def shell_word(name: object) -> str:
    """Return a path or a name as a word of a command, quoted where a shell would split it."""
    # A name that begins with a dash would be an option.
    return quote(f"./{name}" if str(name).startswith("-") else str(name))


def suggest(given: str, valid: Iterable[str], compared: Callable[[str], str] = str) -> str:
    """Return 'valid: ...' with the nearest name first, for the end of a message.

    Case and the kind of dash do not matter; 'lmbda' suggests even a name as short as 'lam'. Of
    many names those that are most alike are listed. Without names it is 'there is none'.

    Args:
        given: the name.
        valid: the names that there are.
        compared: returns what of a name is compared, such as the stem of a file's.
    """
    names = shown = sorted(valid)
    if not names:
        return "there is none"
    given, folded = _fold(compared(given)), {_fold(compared(name)): name for name in names}
    near = get_close_matches(given, folded, n=1, cutoff=0.6)
    if not near and len(given) > 3:  # half alike is enough where the beginning agrees
        begin_alike = [name for name in folded if name[:1] == given[0]]
        near = get_close_matches(given, begin_alike, n=1, cutoff=0.5)
    hint = f"did you mean {folded[near[0]]!r}? " if near else ""
    if len(names) > MANY_NAMES:
        alike = get_close_matches(given, folded, n=MANY_NAMES // 2, cutoff=0.0)
        shown = [folded[name] for name in alike]
    more = f", and {len(names) - len(shown)} more" if len(shown) < len(names) else ""
    return f"{hint}valid: {', '.join(shown)}{more}"


def _fold(name: str) -> str:
    return name.casefold().replace("-", "_")
