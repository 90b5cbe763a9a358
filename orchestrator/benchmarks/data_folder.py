"""The folder of data sets on this machine."""

from __future__ import annotations

import os

DATA_VARIABLE = "REPERTOIRE_DATA"
CACHE = "~/.cache/repertoire"


def data_folder() -> str:
    """Return the folder of data sets: REPERTOIRE_DATA, or a cache in the home folder."""
    return os.path.expanduser(os.environ.get(DATA_VARIABLE) or CACHE)
