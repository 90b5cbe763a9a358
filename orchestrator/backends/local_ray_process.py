"""The process of a local Ray: prints its address, and ends with the process that started it."""

from __future__ import annotations

import json
import logging
import os
import select
import sys
from contextlib import suppress

WATCH_SECONDS = 2.0


def main() -> None:
    """Start Ray, print its address as JSON on a line, and stop it when the parent is gone."""
    import ray

    parent = os.getppid()
    try:
        ray.init(
            address="local",
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except Exception as error:
        answer({"error": f"{type(error).__name__}: {error}"})
        return
    try:
        answer({"address": ray.get_runtime_context().gcs_address})
        wait_for_end(parent)
    finally:
        ray.shutdown()


def answer(content: dict[str, str]) -> None:
    """Write to the parent, if it is still there."""
    with suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), f"{json.dumps(content)}\n".encode())


def wait_for_end(parent: int) -> None:
    """Return when the parent closes the pipe to this process, or has ended.

    The pipe alone is not enough: a process forked by the parent would hold it open.
    """
    while os.getppid() == parent:
        if select.select([sys.stdin], [], [], WATCH_SECONDS)[0]:
            return


if __name__ == "__main__":
    main()
