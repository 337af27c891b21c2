"""A web server on this machine that publishes files, well or badly."""

from __future__ import annotations

import contextlib
import hashlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Publisher:
    """files: content by path. asked: (path, the range that was asked for) of each request. stops: after how many bytes an answer ends, one
    for each of the next answers. ranges: whether it sends the rest of a file. busy: how many of the next answers are 503. moved: path ->
    the path that it is redirected to. tags: whether it sends ETag. encoding: what it says of the content."""

    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    stops: list[int] = field(default_factory=list)
    ranges: bool = True
    busy: int = 0
    moved: dict[str, str] = field(default_factory=dict)
    tags: bool = True
    encoding: str = ""
    url: str = ""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path, wanted = request.path, request.headers.get("Range")
        self.asked.append((path, wanted))
        if self.busy or path in self.moved or path not in self.files:
            self.busy, status = max(0, self.busy - 1), 503 if self.busy else 302 if path in self.moved else 404
            request.send_response(status)
            if status == 302:
                request.send_header("Location", self.moved[path])
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        content = self.files[path]
        tag = f'"{hashlib.md5(content).hexdigest()}"' if self.tags else None
        found = re.fullmatch(r"bytes=(\d+)-", wanted or "")
        start = int(found[1]) if found and self.ranges and request.headers.get("If-Range", tag) == tag else 0
        if start >= len(content) > 0:
            request.send_response(416)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if tag:
            request.send_header("ETag", tag)
        if self.encoding:
            request.send_header("Content-Encoding", self.encoding)
        request.send_header("Content-Length", str(len(content) - start))
        request.end_headers()
        rest = content[start:]
        request.wfile.write(rest[: self.stops.pop(0)] if self.stops else rest)
        request.close_connection = True


@contextlib.contextmanager
def publishing() -> Iterator[Publisher]:
    publisher = Publisher()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            publisher.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        publisher.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield publisher
        finally:
            server.shutdown()
            thread.join()
