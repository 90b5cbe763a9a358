"""The HTML with which Streamlit begins a visit, with the address of its server and our style.

On the address of a page other than the first, such as `/costs`, Streamlit's script would also ask
for a server below `/costs`, and the browser reports the answer 404 as an error.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboards.long_names import HOVER, STYLE

HEAD = "<head>"
# Read by Streamlit's script before it looks for its server.
AT_ROOT = '<script>window.__streamlit = {BACKEND_BASE_URL: location.origin + "/"}</script>'


class FirstPage:
    """Answers requests for pages with our HTML; passes on all others.

    Args:
        app: that answers the others.
        paths: of the pages, such as `/` and `/costs`.
    """

    def __init__(self, app: ASGIApp, paths: Collection[str]) -> None:
        self.app, self.paths, self.html = app, frozenset(paths), read_first_page()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] == "http" and scope["method"] == "GET" and scope["path"] in self.paths:
            answer = HTMLResponse(self.html, headers={"Cache-Control": "no-cache"})
            await answer(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def read_first_page() -> str:
    """Return Streamlit's HTML with the address of the server, and our style, in its head."""
    import streamlit

    file = Path(streamlit.__file__).parent / "static" / "index.html"
    return file.read_text(encoding="utf-8").replace(HEAD, HEAD + AT_ROOT + STYLE + HOVER, 1)
