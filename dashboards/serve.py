"""Serve the dashboard on the loopback address: `python -m dashboards.serve DIR... [--port N]`.

Nothing leaves this machine: there are no usage statistics and no remote fonts or scripts. Requests
of other sites are refused (`loopback.py`).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread

from starlette.middleware import Middleware

from dashboards.first_page import FirstPage
from dashboards.loopback import HOST, loopback_checks
from orchestrator.errors import RepertoireError
from orchestrator.results.addresses import address_of, show_addresses
from orchestrator.results.bucket.fetch import fetch_results

FETCH_SECONDS = 30.0
# Inside pages: streamlit takes the files of a folder named pages beside its script for pages.
APP = Path(__file__).parent / "pages" / "app.py"
OPTIONS = {
    "server.address": HOST,
    "browser.serverAddress": HOST,
    "browser.gatherUsageStats": False,
    "server.showEmailPrompt": False,
    "server.headless": True,
    "server.fileWatcherType": "none",
    "client.toolbarMode": "viewer",
    "client.showErrorDetails": "none",
    "logger.level": "warning",
    "theme.paddingTop": "2rem",
    "theme.light.primaryColor": "#0072B2",
    "theme.dark.primaryColor": "#2F78B7",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m dashboards.serve", description=main.__doc__)
    parser.add_argument("dirs", type=Path, nargs="+", metavar="DIR", help="results folders")
    parser.add_argument("--port", type=int, default=8501, help="on the loopback address")
    given = parser.parse_args(arguments)
    if missing := [str(folder) for folder in given.dirs if not folder.is_dir()]:
        parser.exit(2, show_addresses(f"repertoire: no such folder: {', '.join(missing)}\n"))
    serve(tuple(given.dirs), given.port)


def serve(dirs: tuple[Path, ...], port: int) -> None:
    """Serve the dashboard of results folders until interrupted."""
    import streamlit as st

    prepare(dirs)
    copies = [folder for folder in dirs if address_of(folder)]
    if copies:
        Thread(target=keep_fetching, args=(copies,), daemon=True).start()
    from dashboards.pages.app import PAGES, page_path

    sys.argv = [str(APP), *map(str, dirs)]  # which streamlit passes on to the script
    pages = Middleware(FirstPage, paths=["/", *(f"/{page_path(title)}" for title in PAGES)])
    st.App(APP, middleware=[*loopback_checks(), pages]).run(config={**OPTIONS, "server.port": port})
    st.cache_resource.clear()


def keep_fetching(copies: Sequence[Path], wait: Callable[[float], object] = time.sleep) -> None:
    """Fetch what changes in the buckets of local copies, for ever.

    Args:
        copies: of results in buckets.
        wait: for some seconds.
    """
    while True:
        wait(FETCH_SECONDS)
        for folder in copies:
            with suppress(RepertoireError, OSError):  # of a bucket that is away: tried again
                fetch_results(folder)


def prepare(dirs: tuple[Path, ...]) -> None:
    """Do what the first visit would wait for: imports, reading the folders, a first chart."""
    import dashboards.pages.app  # noqa: F401
    from dashboards.data.scope import Scope
    from dashboards.gallery import draw_trade_off
    from dashboards.page import open_tables

    # Of damaged tables, or none: the page shows what is wrong.
    with suppress(RepertoireError, OSError):
        draw_trade_off(open_tables(dirs), Scope()).to_json()


if __name__ == "__main__":
    main()
