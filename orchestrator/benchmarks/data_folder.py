"""The folder of data sets on this machine."""

from __future__ import annotations

import os
from functools import cache

DATA_VARIABLE = "REPERTOIRE_DATA"
CACHE = "~/.cache/repertoire"


def data_folder() -> str:
    """Return the folder of data sets: REPERTOIRE_DATA, or a cache in the home folder."""
    return _expand(os.environ.get(DATA_VARIABLE) or CACHE, os.environ.get("HOME"))


# A stage asks for the folder at each split of each task.
@cache
def _expand(folder: str, _home: str | None) -> str:
    return os.path.expanduser(folder)
