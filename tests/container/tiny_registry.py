"""A registry that takes every push and remembers what came."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Registry(ThreadingHTTPServer):
    """Has blobs by their digest, and manifests by repository and tag."""

    daemon_threads = True

    def __init__(self, host: str) -> None:
        super().__init__((host, 0), Handler)
        self.blobs: dict[str, int] = {}
        self.manifests: dict[str, dict[str, object]] = {}
        self.parts: dict[str, bytes] = {}

    @property
    def name(self) -> str:
        return f"{self.server_address[0]}:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    """The part of the distribution specification that a push takes."""

    server: Registry
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def answer(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def read(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        data = b""
        while size := int(self.rfile.readline(), 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def do_GET(self) -> None:
        self.answer(200 if self.path == "/v2/" else 404)

    def do_HEAD(self) -> None:
        size = self.server.blobs.get(self.path.rpartition("/")[2])
        if size is None:
            self.answer(404)
        else:
            self.answer(200, **{"Content-Length": str(size)})

    def do_POST(self) -> None:
        self.read()
        place = f"{self.path.partition('?')[0].rstrip('/')}/{len(self.server.parts)}"
        self.server.parts[place] = b""
        self.answer(202, Location=f"http://{self.server.name}{place}", Range="0-0", Docker_Upload_UUID="1")

    def do_PATCH(self) -> None:
        self.server.parts[self.path] += self.read()
        end = len(self.server.parts[self.path]) - 1
        self.answer(202, Location=f"http://{self.server.name}{self.path}", Range=f"0-{end}", Docker_Upload_UUID="1")

    def do_PUT(self) -> None:
        body = self.read()
        if "/manifests/" in self.path:
            self.server.manifests[self.path] = json.loads(body)
            self.answer(201, Docker_Content_Digest=f"sha256:{hashlib.sha256(body).hexdigest()}")
            return
        place, _, query = self.path.partition("?")
        data = self.server.parts.pop(place) + body
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        assert digest == query.partition("digest=")[2].replace("%3A", ":")
        self.server.blobs[digest] = len(data)
        self.answer(201, Docker_Content_Digest=digest)


@contextmanager
def serving(host: str = "127.0.0.1") -> Iterator[Registry]:
    registry = Registry(host)
    thread = threading.Thread(target=registry.serve_forever, daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        registry.shutdown()
        registry.server_close()
        thread.join()
