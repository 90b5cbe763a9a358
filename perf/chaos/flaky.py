"""An HTTP server that hangs, answers errors or is slow, in front of another server or of none."""

from __future__ import annotations

import http.client
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from perf.chaos.lab import pick

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}
HANG_SECONDS = 3600.0


@dataclass
class Behaviour:
    """The present behaviour of a server.

    Attributes:
        away: whether it closes each connection without an answer.
        hang: whether it answers nothing.
        errors: share of requests that get a status of `statuses`.
        delay: seconds before each answer.
    """

    away: bool = False
    hang: bool = False
    errors: float = 0.0
    statuses: tuple[int, ...] = (500, 503)
    delay: float = 0.0


@dataclass
class FlakyServer:
    """A server on the loopback address.

    Args:
        behind: host and port of the server that answers; None: every request gets status 500.
        rng: draws the requests that get errors.

    Attributes:
        behaviour: may be replaced at any time.
        address: `http://host:port`. requests: how many arrived.
    """

    behind: tuple[str, int] | None
    rng: np.random.Generator
    behaviour: Behaviour = field(default_factory=Behaviour)
    requests: int = 0
    address: str = ""

    def start(self) -> FlakyServer:
        """Serve in a thread; return itself."""
        handler = type("Handler", (_Handler,), {"server_state": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self.address = "http://{}:{}".format(*self._server.server_address[:2])
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Write nothing of a client that went away: commands are killed here."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server_state: FlakyServer
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        state, behaviour = self.server_state, self.server_state.behaviour
        state.requests += 1
        body = self._read_body()
        time.sleep(HANG_SECONDS if behaviour.hang else behaviour.delay)
        if behaviour.away:
            self.close_connection = True
        elif state.behind is None:
            self._reply(500, [], b"")
        elif state.rng.random() < behaviour.errors:
            self._reply(pick(state.rng, behaviour.statuses), [], b"")
        else:
            self._forward(state.behind, body)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_PATCH = _answer

    def _read_body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # headers after the body
        return b"".join(chunks)

    def _forward(self, behind: tuple[str, int], body: bytes) -> None:
        connection = http.client.HTTPConnection(*behind, timeout=60)
        try:
            given = ((k, v) for k, v in self.headers.items() if k.lower() not in HOP_BY_HOP)
            connection.request(self.command, self.path, body, dict(given))
            response = connection.getresponse()
            self._reply(response.status, response.getheaders(), response.read())
        finally:
            connection.close()

    def _reply(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        length = str(len(body))
        for name, value in headers:
            if name.lower() == "content-length" and self.command == "HEAD":
                length = value  # of the object, which the answer to HEAD does not contain
            elif name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Write no log."""
