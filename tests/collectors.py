"""Small servers on loopback that keep what a process tells of itself: traces by OTLP, defects as to Sentry."""

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Told:
    """A span as it was exported."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, str]
    failed: bool

    @classmethod
    def read(cls, body: bytes) -> Iterator["Told"]:
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            (service,) = (
                each.value.string_value for each in resource.resource.attributes if each.key == "service.name"
            )
            for scope in resource.scope_spans:
                for span in scope.spans:
                    said = {
                        each.key: each.value.string_value or str(each.value.int_value) for each in span.attributes
                    }
                    yield cls(
                        service,
                        span.name,
                        span.trace_id.hex(),
                        span.span_id.hex(),
                        span.parent_span_id.hex(),
                        said,
                        span.status.code == 2,
                    )


@dataclass
class Collector:
    """Takes traces, or defects, whichever it is sent."""

    spans: list[Told] = field(default_factory=list)
    defects: list[dict[str, Any]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def dsn(self) -> str:
        return f"http://publickey@{HOST}:{self.port}/1"

    def take(self, path: str, body: bytes) -> None:
        self.raw.append(body)
        if path == "/v1/traces":
            self.spans += Told.read(body)
        elif path == "/api/1/envelope/":
            _, *items = body.split(b"\n")
            heads = [json.loads(each) for each in items if each]
            self.defects += [
                said for kind, said in zip(heads[::2], heads[1::2], strict=False) if kind["type"] == "event"
            ]

    def of_trace(self, trace_id: str) -> list[Told]:
        return [each for each in self.spans if each.trace_id == trace_id]

    def named(self, name: str) -> Told:
        (found,) = (each for each in self.spans if each.name == name)
        return found


@contextmanager
def collecting() -> Iterator[Collector]:
    """A server that takes everything while the block lasts."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            collector.take(self.path, body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer((HOST, 0), Handler)
    collector.port = server.server_port
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
