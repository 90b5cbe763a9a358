"""The headers that a server on the loopback address demands of a request.

A page of another site whose name was made to mean this machine (DNS rebinding), or that opens a
connection to it, would otherwise read the results through the user's browser.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

HOST = "127.0.0.1"
NAMES = (HOST, "localhost", "::1")


class LoopbackOrigin:
    """Answers 403 to a request from a page of another origin, by the header that browsers send."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        is_request = scope["type"] in ("http", "websocket")
        origin = Headers(scope=scope).get("origin") if is_request else None
        if origin is None or urlsplit(origin).hostname in NAMES:
            await self.app(scope, receive, send)
        else:
            await PlainTextResponse("foreign origin", 403)(scope, receive, send)


def loopback_checks() -> list[Middleware]:
    """Return the checks of a request's Host (400 if it is not the loopback's) and Origin (403)."""
    hosts = [HOST, "localhost", "[::1]"]
    trusted = Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False)
    return [trusted, Middleware(LoopbackOrigin)]
