"""The command line; `python/` offers the same to Python.

Only here does the package print or exit, save for the live line of `terminal/screen.py` and the
processes of their own (modules with a `__main__`). May import every other package. Begin with
`app.py`, with a function for each command; `run.py` is `repertoire run` from the sweep file to the
last line on the screen.
"""

import atexit
import os
import sys
from contextlib import suppress

from orchestrator.cli import app


def main() -> None:
    """Run the command line, then end the process without Python's teardown.

    While Python tears down, Arrow's threads, which read Parquet, sometimes abort the process
    (apache/arrow#34314), although all is done and printed. Handlers are called in the reverse order
    of their registration: this one is the first, so that those of the libraries have run by then.
    """
    exit_code = 1

    def end_process() -> None:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):  # closed, or a pipe without a reader
                stream.flush()
        os._exit(exit_code)

    atexit.register(end_process)
    try:
        app.main()
        exit_code = 0
    except SystemExit as end:
        exit_code = end.code if isinstance(end.code, int) else int(end.code is not None)
        raise
