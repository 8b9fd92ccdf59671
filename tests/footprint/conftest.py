"""Real servers on the loopback interface that speak what services document."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Service:
    """A server whose answers a test writes.

    Attributes:
        asked: Each request so far: method, path, headers in small letters.
        answer: Writes the answer to one request; it may also hang, or send what nobody asked for.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.answer: Callable[[BaseHTTPRequestHandler], None] = lambda handler: self.send(handler, b'', 404)
        self.over = threading.Event()  # a handler that hangs waits for this
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except OSError:  # whoever asked has gone
                    self.close_connection = True

            def _any(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                service.asked.append((self.command, self.path, headers))
                service.answer(self)

            do_GET = do_PUT = do_POST = _any

            def log_message(self, *_: object) -> None:
                """Nothing on stderr."""

        self._server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self._server.daemon_threads = True
        self.address = f'http://127.0.0.1:{self._server.server_address[1]}'
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @staticmethod
    def send(handler: BaseHTTPRequestHandler, body: object, status: int = 200, **headers: str) -> None:
        """Send one whole answer: bytes as they are, text as UTF-8, all else as JSON."""
        text = body if isinstance(body, str | bytes) else json.dumps(body)
        content = text if isinstance(text, bytes) else text.encode()
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace('_', '-'), value)
        handler.send_header('Content-Length', str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def says(self, *answers: object, status: int = 200, **headers: str) -> None:
        """Give these answers, one a request, the last of them for ever."""
        left = list(answers)
        self.answer = lambda handler: self.send(handler, left.pop(0) if len(left) > 1 else left[0], status, **headers)

    def hang(self, handler: BaseHTTPRequestHandler) -> None:
        """Say nothing until the test is over."""
        self.over.wait(30)
        handler.close_connection = True

    def drip(self, handler: BaseHTTPRequestHandler) -> None:
        """Send a byte now and then, for ever."""
        handler.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n')
        while not self.over.wait(0.05):
            handler.wfile.write(b' ')
        handler.close_connection = True


@pytest.fixture
def service() -> Iterator[Service]:
    started = Service()
    yield started
    started.close()
