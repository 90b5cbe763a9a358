"""Keeps from a notebook what the import of Ray says on widgets, which nothing here shows."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

LOGGER = "ray.widgets.util"


@contextmanager
def without_widget_hints() -> Iterator[None]:
    """Leave out the request to install ipywidgets, by tqdm and by Ray's widgets, and no more."""
    logger = logging.getLogger(LOGGER)
    logger.addFilter(is_other)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="IProgress not found")
        try:
            yield
        finally:
            logger.removeFilter(is_other)


def is_other(record: logging.LogRecord) -> bool:
    """Return whether a message is about something else than missing packages."""
    return not record.getMessage().startswith("Missing packages: ")
